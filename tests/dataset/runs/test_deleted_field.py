"""The output field is deleted by another process while a run writes to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

DELETE = "import sys, fiftyone as fo; fo.load_dataset(sys.argv[1]).delete_sample_field(sys.argv[2])"
MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 6)
    ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="all")
    return dataset


def deleting(dataset: fo.Dataset, field: str, at: int) -> Any:
    """A progress function that has another process delete a field."""

    def progress(done: int, total: int) -> None:
        if done == at:
            command = [sys.executable, "-c", DELETE, dataset.name, field]
            subprocess.run(command, check=True, env=os.environ)

    return progress


def segment(dataset: fo.Dataset, store: Path, **options: Any) -> Any:
    return ntt.segment(
        dataset, "all", models=MODELS, points_per_side=8, store=store, chunk_size=2, **options
    )


def documents(dataset: fo.Dataset) -> list[dict[str, Any]]:
    return list(dataset._sample_collection.find({}, {"ground_truth": 1, "tags": 1}))


def test_the_run_stops_and_says_so_and_can_be_run_again(scenes: Any, tmp_path: Path) -> None:
    scenes.first()["note"] = "unsaved"
    before = documents(scenes)
    with pytest.raises(InputError, match="field 'predictions' was deleted while run ntt_"):
        segment(scenes, tmp_path / "store", progress=deleting(scenes, "predictions", at=3))

    (run,) = ntt.list_prediction_runs(scenes).values()
    assert (run["status"], run["done"]) == ("FAILED", 2)
    assert "run it again" in run["reason"]
    assert documents(scenes) == before
    assert not list(scenes._sample_collection.find({"predictions": {"$exists": True}}))

    report = segment(scenes, tmp_path / "store")
    assert (report.written, report.failures) == (6, {})
    check = "import sys, fiftyone as fo; print(fo.load_dataset(sys.argv[1]).count(sys.argv[2]))"
    command = [sys.executable, "-c", check, scenes.name, "predictions.detections"]
    seen = subprocess.run(command, check=True, env=os.environ, capture_output=True, text=True)
    assert seen.stdout.split()[-1] == str(report.detections) == "18"
    (run,) = ntt.list_prediction_runs(scenes).values()
    assert run["status"] == "COMPLETED"


def test_another_field_may_go(scenes: Any, tmp_path: Path) -> None:
    scenes.clone_sample_field("ground_truth", "copy")
    report = segment(scenes, tmp_path / "store", progress=deleting(scenes, "copy", at=3))
    assert (report.written, report.failures) == (6, {})
