"""A killed benchmark goes on; its proposals serve every draw; what does not fit is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask as coco_mask

import fiftyone_ntt
from fiftyone_ntt.cli import main
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.protocols.benchmark_running import run_benchmark
from fiftyone_ntt.protocols.record import Benchmark, load_benchmark
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.core.toy_models import ToySegmenter, toy_models
from tests.protocols import miniature

ROOT = Path(fiftyone_ntt.__file__).parents[1]
TARGETS = 3


class Killed(Exception):
    """Stands for the death of the process."""


class Runs:
    """Fold 0 of a miniature COCO-20i with toy models and a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = miniature.coco_20i(folder / "data")
        self.output = folder / "out"
        self.store = ProposalStore(folder / "store")
        self.segmenter = ToySegmenter()
        self.seen: list[tuple[str, int]] = []

    def run(self, **options: Any) -> Benchmark:
        values: dict[str, Any] = {
            "shots": [1, 2],
            "seeds": [1, 2],
            "parts": ["0"],
            "points_per_side": 4,
            "models": toy_models(segmenter=self.segmenter),
            "store": self.store,
            "progress": self.watch,
            "output": self.output,
        }
        return run_benchmark("coco-20i", self.data, **(values | options))

    def watch(self, title: str) -> Callable[[int, int], None]:
        return lambda done, total: self.seen.append((title, done))

    def kill_at(self, title: str, image: int) -> Callable[[str], Callable[[int, int], None]]:
        def watch(own: str) -> Callable[[int, int], None]:
            def progress(done: int, total: int) -> None:
                self.seen.append((own, done))
                if (own, done) == (title, image):
                    raise Killed

            return progress

        return watch


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_proposals_are_computed_once_for_all_draws(runs: Runs) -> None:
    benchmark = runs.run()
    assert [draw.key for draw in benchmark.draws] == [
        *(("0", 1, 1), ("0", 1, 2), ("0", 2, 1), ("0", 2, 2)),
    ]
    assert runs.segmenter.embedded == TARGETS
    assert load_benchmark(runs.output) == benchmark
    chosen = {
        (draw.shots, draw.seed): json.loads(
            (runs.output / f"0/{draw.shots}-shot/seed-{draw.seed}/references.json").read_text()
        )["annotations"]
        for draw in benchmark.draws
    }
    assert [len(rows) for rows in chosen.values()] == [2, 2, 4, 4]
    assert chosen[1, 1] != chosen[1, 2]
    assert all(row in chosen[2, 1] for row in chosen[1, 1])


def test_adaptive_proposals_are_computed_for_every_draw_and_not_kept(runs: Runs) -> None:
    benchmark = runs.run(mode="adaptive", store=None)
    assert len(benchmark.draws) == 4
    assert 0 < runs.segmenter.embedded <= 4 * TARGETS  # none for an image like no reference
    assert not runs.store.folder.exists()
    with pytest.raises(StoreError, match="another benchmark"):
        runs.run(mode="paper")


def test_a_killed_benchmark_goes_on_to_the_same_end(runs: Runs, tmp_path: Path) -> None:
    whole = runs.run(store=ProposalStore(tmp_path / "other"), output=tmp_path / "whole")
    runs.segmenter.embedded = 0
    with pytest.raises(Killed):
        runs.run(progress=runs.kill_at("0 1-shot seed-2", 2))
    assert [draw.key for draw in load_benchmark(runs.output).draws] == [("0", 1, 1), ("0", 2, 1)]
    assert (runs.output / "0/1-shot/seed-2/results.json.journal").exists()
    runs.seen.clear()
    finished = []
    benchmark = runs.run(on_draw=lambda draw: finished.append(draw.key))
    assert benchmark == whole
    assert finished == [("0", 1, 1), ("0", 2, 1), ("0", 1, 2), ("0", 2, 2)]
    # Nothing of seed 1 again, and of the unfinished draw only the third image.
    assert runs.seen == [
        ("0 1-shot seed-2", 3),
        *(("0 2-shot seed-2", done) for done in range(1, TARGETS + 1)),
    ]
    assert runs.segmenter.embedded == TARGETS
    runs.seen.clear()
    assert runs.run() == whole and runs.seen == []


def test_killed_while_scoring_nothing_is_segmented_again(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("fiftyone_ntt.protocols.scoring.semantic_scores", die)
        runs.run()
    runs.seen.clear()
    runs.run(shots=[1], seeds=[1])
    assert runs.seen == []


def test_in_adaptive_mode_every_draw_proposes_anew(runs: Runs) -> None:
    with pytest.raises(InputError, match=r"in mode 'adaptive' proposals depend on the bank"):
        runs.run(mode="adaptive")
    benchmark = runs.run(mode="adaptive", store=None, shots=[1])
    assert len(benchmark.draws) == 2
    assert runs.segmenter.embedded == 2 * TARGETS
    assert benchmark.setup.boxes == "pixels"
    with pytest.raises(StoreError, match=r"another benchmark \(mode: adaptive -> paper; boxes"):
        runs.run(shots=[1])


def test_more_seeds_and_parts_can_be_added_later(runs: Runs) -> None:
    first = runs.run(seeds=[1], shots=[1])
    runs.seen.clear()
    both = runs.run(seeds=[2], shots=[1], parts=["0", "1"])
    assert {title for title, _ in runs.seen} == {"0 1-shot seed-2", "1 1-shot seed-2"}
    assert both.draws[0] == first.draws[0]
    assert [draw.key for draw in both.draws] == [("0", 1, 1), ("0", 1, 2), ("1", 1, 2)]


def test_results_are_kept_on_request(runs: Runs) -> None:
    runs.run(shots=[1], seeds=[1])
    assert not (runs.output / "0/1-shot/seed-1/results.json").exists()
    benchmark = runs.run(shots=[1], seeds=[2], keep_results=True)
    rows = json.loads((runs.output / "0/1-shot/seed-2/results.json").read_text())
    # The paper's boxes end at the last pixel, COCO's beyond it; the record says which they are.
    assert benchmark.setup.boxes == "inclusive" and len(rows) > 0
    for row in rows:
        x, y, width, height = row["bbox"]
        assert [x, y, width + 1, height + 1] == coco_mask.toBbox(row["segmentation"]).tolist()


def test_another_benchmark_in_the_folder_is_refused(runs: Runs) -> None:
    runs.run(shots=[1], seeds=[1])
    with pytest.raises(StoreError, match=r"holds another benchmark \(points_per_side: 4 -> 5\)"):
        runs.run(points_per_side=5)
    with pytest.raises(StoreError, match=r"encoder: toy-encoder:1 -> .*confidence_threshold"):
        runs.run(models="demo", confidence_threshold=0.4)
    with (runs.data / "annotations/instances_val2017.json").open("a") as file:
        file.write(" ")
    with pytest.raises(StoreError, match=r"was begun with other files of COCO 2017"):
        runs.run()


def test_missing_images_are_named_before_any_work(runs: Runs) -> None:
    (runs.data / "val2017" / "000000000001.jpg").unlink()
    with pytest.raises(InputError, match=r"1 of the 3 images .* lists .*val2017/000000000001\.jpg"):
        runs.run()
    assert runs.segmenter.embedded == 0


def test_an_unreadable_image_is_no_score(runs: Runs) -> None:
    path = runs.data / "val2017" / "000000000001.jpg"
    content = path.read_bytes()
    path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"1 of 3 images cannot be segmented.*\n.*000001\.jpg"):
        runs.run()
    path.write_bytes(content)
    assert len(runs.run().draws) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": ["4"]}, r"coco-20i has no fold 4. It has: 0, 1, 2, 3"),
        ({"parts": []}, r"coco-20i has no fold. It has"),
        ({"shots": [0]}, r"shots are \[0\]"),
        ({"seeds": []}, r"seeds are \[\]"),
        ({"mode": "fast"}, r"mode 'fast' is unknown"),
        ({"confidence_threshold": 50}, r"confidence_threshold is 50"),
        ({"shots": [1], "seeds": [-1]}, r"seeds are \[-1\]"),
    ],
)
def test_refusals(runs: Runs, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        runs.run(**options)


def test_no_such_protocol(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no protocol 'coco'. Use one of: coco-fewshot, coco-20i"):
        run_benchmark("coco", tmp_path, tmp_path)


def test_the_toy_set_has_one_shot(tmp_path: Path) -> None:
    data = miniature.toy(tmp_path / "data")
    with pytest.raises(InputError, match=r"toy has one reference per class, not 5"):
        run_benchmark("toy", data, tmp_path / "out", shots=[5], models=toy_models())


def test_a_class_without_a_reference_is_named(runs: Runs) -> None:
    path = runs.data / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    for row in content["annotations"]:
        if row["category_id"] == 3:
            row["bbox"][2] = 31
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"no annotation that can be a reference of: class 0\. "):
        runs.run()


@pytest.mark.slow
def test_a_killed_process(tmp_path: Path) -> None:
    data, output = miniature.toy(tmp_path / "data"), tmp_path / "out"
    options = ["benchmark", "toy", "--data", str(data), "--models", "demo"]
    options += ["--points-per-side", "8", "--store", str(tmp_path / "store"), "--output"]
    command = [sys.executable, "-m", "fiftyone_ntt.cli", *options, str(output)]
    journal = output / "all/1-shot/published/results.json.journal"
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(6000):
            if process.poll() is not None or (journal.exists() and lines(journal) > 3):
                break
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert journal.exists()
    done = lines(journal)
    assert 3 < done <= 11
    assert main([*options, str(output)]) == 0
    assert main([*options, str(tmp_path / "whole")]) == 0
    assert load_benchmark(output) == load_benchmark(tmp_path / "whole")


def lines(path: Path) -> int:
    return len(path.read_bytes().splitlines())
