"""A folder over several processes: results of one, failures told apart, kills without a trace."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from fiftyone_ntt.cli import main
from fiftyone_ntt.coco.labelling import (
    FolderReport,
    build_bank_from_coco,
    relabel_folder,
    segment_folder,
)
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import generate_scene
from fiftyone_ntt.drawing.picture_folder import PictureSettings
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import load_models
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.coco.files import annotation, content, rectangle, write
from tests.core.toy_models import toy_models
from tests.workers.in_process import SpreadHere

ROOT = Path(__file__).parents[2]
IMAGES = [4, 1, 3, 2, 6]
KILLS = int(os.environ.get("FIFTYONE_NTT_KILLS", "1"))


class Scenes:
    """Generated scenes in a temporary folder, one of them unreadable, and a bank."""

    def __init__(self, root: Path) -> None:
        self.root, self.images = root, root / "images"
        self.images.mkdir()
        for key in IMAGES:
            image = generate_scene(NOVEL_CLASSES, seed=key, size=96).image
            Image.fromarray(image).save(self.images / f"image-{key}.png")
        boxes = [annotation(1, 1, 7, **rectangle(10, 10, 40, 40))]
        boxes += [annotation(2, 2, 3, **rectangle(40, 30, 30, 30))]
        self.references = write(root / "refs.json", self._content([1, 2], boxes))
        self.targets = write(root / "targets.json", self._content(IMAGES))
        self.output = root / "results.json"

    @staticmethod
    def _content(images: list[int], rows: Any = None) -> dict[str, Any]:
        found = content(images, rows)
        for entry in found["images"]:
            entry["height"] = entry["width"] = 96
        return found

    def damage(self, key: int) -> None:
        path = self.images / f"image-{key}.png"
        path.write_bytes(path.read_bytes()[:200])

    def bank(self) -> MemoryBank:
        return build_bank_from_coco(self.images, self.references, load_models("demo"))

    def segment(self, bank: MemoryBank, workers: int, **options: Any) -> FolderReport:
        models = options.pop("models", load_models("demo"))
        settings = ProposalSettings(points_per_side=6, iou_threshold=0.3)
        mode = options.pop("mode", "paper")
        pipeline = Pipeline(bank, models.encoder, models.segmenter, mode, settings)
        values: dict[str, Any] = {"workers": workers, "models": models, **options}
        return segment_folder(self.images, self.targets, pipeline, self.output, **values)

    def command(self, pictures: str) -> list[str]:
        """Of a run in two workers that draws into a folder."""
        return [
            *("segment", "--images", str(self.images), "--targets", str(self.targets)),
            *("--references", str(self.references), "--models", "demo", "--points-per-side", "6"),
            *("--output", str(self.output), "--pictures", str(self.root / pictures)),
            *("--picture-threshold", "0.1", "--workers", "2"),
        ]

    def drawn(self, pictures: str) -> dict[str, bytes]:
        """What lies in a folder of pictures, by name there."""
        folder = self.root / pictures
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def scenes(tmp_path: Path) -> Scenes:
    return Scenes(tmp_path)


@pytest.mark.parametrize("mode, stored", [("paper", False), ("best", True), ("adaptive", False)])
def test_several_workers_write_what_one_does(
    scenes: Scenes, mode: str, stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = scenes.bank()
    scenes.damage(3)

    def store(name: str) -> ProposalStore | None:
        return ProposalStore(scenes.root / name) if stored else None

    expected = scenes.segment(bank, 1, mode=mode, store=store("one"))
    whole = scenes.output.read_bytes()
    assert expected.detections > 0
    scenes.output.unlink()
    (scenes.root / "results.json.journal").unlink()
    spread = SpreadHere()
    monkeypatch.setattr("fiftyone_ntt.coco.folder_work.spread", spread)
    seen, kept = [], store("several")
    found = scenes.segment(
        bank, 3, mode=mode, store=kept, progress=lambda *given: seen.append(given)
    )
    assert spread.counts == [3]
    assert scenes.output.read_bytes() == whole
    assert found == expected
    assert list(found.failures) == ["image-3.png"]
    assert seen == [(done, 5) for done in range(1, 6)]
    if kept is not None:
        [setup] = kept.setups()
        usage = kept.usage(setup)
        assert usage.images == 4
        assert kept.take_unaccounted() == usage.bytes


def test_workers_match_stored_proposals_and_this_process_draws(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, store = scenes.bank(), ProposalStore(scenes.root / "store")
    monkeypatch.setattr("fiftyone_ntt.coco.folder_work.spread", SpreadHere())

    def pictures(name: str) -> PictureSettings:
        return PictureSettings(scenes.root / name, 0.0)

    drawn = scenes.drawn
    first = scenes.segment(bank, 2, store=store, pictures=pictures("first"))
    whole = scenes.output.read_bytes()
    assert first.not_run == 0
    again = scenes.segment(bank, 2, store=store, pictures=pictures("again"))
    assert again.not_run == len(IMAGES)
    assert scenes.output.read_bytes() == whole
    [setup] = store.setups()
    for workers in (1, 2):
        report = relabel_folder(
            *(scenes.images, scenes.targets, Matcher(bank, setup, "paper"), scenes.output),
            store=store,
            pictures=pictures(f"relabel-{workers}"),
            workers=workers,
        )
        assert report == again
        assert scenes.output.read_bytes() == whole
        assert drawn(f"relabel-{workers}") == drawn("first")
    assert drawn("again") == drawn("first")
    assert len(drawn("first")) == 2 * len(IMAGES) + 1  # with thumbnails and the page


def test_an_image_that_workers_die_of_is_a_failure_and_done_by_the_next_call(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = scenes.bank()
    monkeypatch.setattr("fiftyone_ntt.coco.folder_work.spread", SpreadHere(1))
    report = scenes.segment(bank, 2)
    assert report.failures == {"image-1.png": "image 1: 2 worker processes ended over it"}
    report = scenes.segment(bank, 1)
    assert (report.resumed, report.failures) == (4, {})


def test_models_that_other_processes_cannot_load_are_refused(scenes: Scenes) -> None:
    models = toy_models()
    bank = build_bank_from_coco(scenes.images, scenes.references, models)
    with pytest.raises(InputError, match=r"not loaded by name, folder or file.* Pass workers=1"):
        scenes.segment(bank, 2, models=models)
    demo = scenes.bank()
    pipeline = Pipeline(demo, load_models("demo").encoder, load_models("demo").segmenter)
    with pytest.raises(InputError, match="are not the pipeline's"):
        segment_folder(
            *(scenes.images, scenes.targets, pipeline, scenes.output),
            workers=2,
            models=load_models(encoder="demo", segmenter="demo", add_no_memory_embedding=True),
        )
    with pytest.raises(InputError, match="workers is 0"):
        scenes.segment(demo, 0)
    assert not scenes.output.exists()


@pytest.mark.slow
def test_killed_at_random_points_it_goes_on_to_the_same_file(
    scenes: Scenes, capsys: pytest.CaptureFixture[str]
) -> None:
    one = scenes.command("undisturbed")[:-2]
    assert main(one) == 0
    whole = scenes.output.read_bytes()
    assert len(whole) > 100
    scenes.output.unlink()
    journal, chance = scenes.root / "results.json.journal", random.Random(KILLS)
    for _ in range(KILLS):
        started = lines(journal)
        parent = subprocess.Popen(
            [sys.executable, "-m", "fiftyone_ntt.cli", *scenes.command("killed")],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wanted = min(started + chance.randint(0, 2), len(IMAGES))
        while parent.poll() is None and lines(journal) < wanted + 1:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        workers = (
            psutil.Process(parent.pid).children(recursive=True) if parent.poll() is None else []
        )
        parent.kill()
        parent.wait()
        psutil.wait_procs(workers, timeout=60)
        assert not [process for process in workers if process.is_running()]
        if scenes.output.exists():  # it was faster
            assert scenes.output.read_bytes() == whole
            scenes.output.unlink()
    assert main(scenes.command("killed")) == 0
    assert scenes.output.read_bytes() == whole
    assert scenes.drawn("killed") == scenes.drawn("undisturbed")
    assert len(scenes.drawn("killed")) == 2 * len(IMAGES) + 1  # with thumbnails and the page
    assert not journal.exists()


def lines(path: Path) -> int:
    """Of a journal: its head and the images done."""
    return path.read_bytes().count(b"\n") if path.exists() else 0
