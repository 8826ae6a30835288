"""The dataset, its samples or the run's record go away, by another process, while a run writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.files import content_import
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

CHECKOUT = Path(__file__).parents[3]
MODELS = colour_models()

OTHER = """
import json, sys
import fiftyone as fo

for line in sys.stdin:
    name, what, argument = json.loads(line)
    if what == "delete":
        fo.delete_dataset(name)
    elif what == "rename":
        fo.load_dataset(name).name = argument
    elif what == "delete samples":
        fo.load_dataset(name).delete_samples(argument)
    elif what == "delete runs":
        fo.load_dataset(name).delete_runs()
    print("done", flush=True)
"""

Tell = Callable[..., None]
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def other() -> Iterator[Tell]:
    """Another process, which does to a dataset what it is told."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def tell(*task: Any) -> None:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    yield tell
    process.stdin.close()
    process.wait(60)


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fo.Dataset:
    # An import writes several times: what happens meanwhile happens between.
    monkeypatch.setattr(content_import, "_CHUNK", 2)
    add_scenes(dataset, tmp_path, 6)
    bank = ntt.build_memory_bank(dataset, "ground_truth", models=MODELS, name="all")
    ntt.segment(dataset, bank, "known", models=MODELS, points_per_side=8, store=tmp_path / "store")
    ntt.export_coco(dataset, "ground_truth", tmp_path / "instances.json")
    return dataset


def when(done: int, act: Callable[[], None]) -> Callable[[int, int], None]:
    """A progress function that acts once so much is done."""

    def progress(count: int, total: int) -> None:
        if count == done:
            act()

    return progress


def segment(dataset: fo.Dataset, folder: Path, progress: Any) -> Any:
    return ntt.segment(
        dataset,
        "all",
        models=MODELS,
        points_per_side=8,
        store=False,
        chunk_size=2,
        progress=progress,
    )


def relabel(dataset: fo.Dataset, folder: Path, progress: Any) -> Any:
    return ntt.relabel(
        dataset,
        "all",
        points_per_side=8,
        store=folder / "store",
        chunk_size=2,
        progress=progress,
    )


def make_masks(dataset: fo.Dataset, folder: Path, progress: Any) -> Any:
    return ntt.boxes_to_masks(
        dataset, "ground_truth", "masks", models=MODELS, chunk_size=2, progress=progress
    )


def draw(dataset: fo.Dataset, folder: Path, progress: Any) -> Any:
    return ntt.draw_memory_bank(dataset, "all", models=MODELS, progress=progress)


def evaluate(dataset: fo.Dataset, folder: Path, progress: Any) -> Any:
    return ntt.evaluate(
        dataset, "known", "ground_truth", iou="boxes", eval_key="seen", progress=progress
    )


def import_file(dataset: fo.Dataset, folder: Path, progress: Any) -> Any:
    file = folder / "instances.json"
    return ntt.import_coco(folder, file, dataset, field="imported", progress=progress)


RUNS = [segment, relabel, make_masks, draw]


@pytest.mark.parametrize("run", [*RUNS, evaluate, import_file])
def test_a_deleted_dataset(run: Run, scenes: fo.Dataset, tmp_path: Path, other: Tell) -> None:
    name, key = scenes.name, scenes._doc.id
    with pytest.raises(InputError, match=f"dataset '{name}' was deleted meanwhile"):
        run(scenes, tmp_path, when(3, lambda: other(name, "delete", None)))
    assert not fo.dataset_exists(name)
    # Nothing may make the dataset's collection, or a record of it, anew.
    database = foo.get_db_conn()
    assert f"samples.{key}" not in database.list_collection_names()
    assert database["runs"].count_documents({"_dataset_id": key}) == 0
    assert database["fiftyone_ntt.leases"].count_documents({"_id": {"$regex": str(key)}}) == 0


@pytest.mark.parametrize("run", [*RUNS, evaluate, import_file])
def test_a_renamed_dataset(run: Run, scenes: fo.Dataset, tmp_path: Path, other: Tell) -> None:
    name = f"{scenes.name}-renamed"
    run(scenes, tmp_path, when(3, lambda: other(scenes.name, "rename", name)))
    assert scenes.name == name
    found = fo.load_dataset(name)
    statuses = {found.get_run_info(key).config.status for key in ntt.list_prediction_runs(found)}
    assert statuses == {"COMPLETED"}
    fo.delete_dataset(name)


@pytest.mark.parametrize("run", [segment, relabel, make_masks])
def test_deleted_samples(run: Run, scenes: fo.Dataset, tmp_path: Path, other: Tell) -> None:
    gone = scenes.values("id")[-2:]
    act = when(3, lambda: other(scenes.name, "delete samples", gone))
    report = run(scenes, tmp_path, act)
    assert (report.images, report.written, report.detections) == (6, 4, 12)
    assert sorted(report.failures) == sorted(gone)
    assert all("deleted" in reason for reason in report.failures.values())
    assert len(scenes) == 4


def test_deleted_samples_get_no_pictures(scenes: fo.Dataset, tmp_path: Path, other: Tell) -> None:
    gone = scenes[-1:].values("id") + scenes[-1:].values("ground_truth.detections.id")[0]
    act = when(3, lambda: other(scenes.name, "delete samples", gone[:1]))
    report = draw(scenes, tmp_path, act)
    assert report.drawn + len(report.failures) == 18
    assert report.failures and set(report.failures) <= set(gone)
    assert len(scenes) == 5


def test_deleted_samples_get_no_verdict(scenes: fo.Dataset, tmp_path: Path, other: Tell) -> None:
    gone = scenes.values("id")[-2:]
    act = when(3, lambda: other(scenes.name, "delete samples", gone))
    found = evaluate(scenes, tmp_path, act)
    # Those that were read before they were deleted.
    assert set(found.unwritten) <= set(gone)
    assert len(scenes) == 4


def test_samples_deleted_during_an_import(scenes: fo.Dataset, tmp_path: Path, other: Tell) -> None:
    gone = scenes.values("id")[-2:]
    act = when(3, lambda: other(scenes.name, "delete samples", gone))
    with pytest.raises(InputError, match="2 of these images were deleted"):
        import_file(scenes, tmp_path, act)
    import_file(scenes, tmp_path, False)
    assert scenes.count("imported.detections") == 18


@pytest.mark.parametrize("run", RUNS)
def test_a_deleted_record(run: Run, scenes: fo.Dataset, tmp_path: Path, other: Tell) -> None:
    report = run(scenes, tmp_path, when(3, lambda: other(scenes.name, "delete runs", None)))
    assert report.failures == {}
    [key] = scenes.list_runs()
    assert scenes.get_run_info(key).config.status == "COMPLETED"
