"""Scheduled runs: queued, picked up, with progress, and a reason where one failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.delegated import DelegatedOperationService

import fiftyone_ntt as ntt
from fiftyone_ntt.demo.demo_dataset import _labels
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import generate_scene
from tests.shapes import python_path

CHECKOUT = Path(__file__).resolve().parents[2]
SEGMENT = {"bank": "colours", "points_per_side": 8}


def queue(uri: Any, name: str, dataset: fo.Dataset, params: dict[str, Any]) -> Any:
    """Id of the queued operation."""
    request = {"dataset": dataset, "params": params, "request_delegation": True}
    result = foo.execute_operator(uri(name), request)
    assert result.delegated
    return result.result["id"]


def test_a_queued_run_writes_and_notes_its_progress(
    uri: Any, scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.build_memory_bank(scenes, "ground_truth", models="demo", name="colours")
    operation = queue(uri, "segment_with_memory_bank", scenes, SEGMENT)
    assert not scenes.has_field("predictions")
    labels = []
    note = DelegatedOperationService.set_progress
    monkeypatch.setattr(
        DelegatedOperationService,
        "set_progress",
        lambda self, key, progress: (labels.append(progress.label), note(self, key, progress)),
    )

    DelegatedOperationService().execute_queued_operations(limit=1)

    done = DelegatedOperationService().get(operation)
    assert done.run_state == "completed"
    assert done.result.result["detections"] == 18
    assert labels[0] == "Preparing" and labels[-1].startswith("6 of 6 images")
    scenes.reload()
    assert scenes.count("predictions.detections") == 18


def test_a_queued_relabelling(
    uri: Any, scenes: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))
    ntt.build_memory_bank(scenes, "ground_truth", models="demo", name="colours")
    ntt.segment(scenes, "colours", points_per_side=8)
    ntt.build_memory_bank(scenes, "ground_truth", models="demo", name="red", classes=["red"])
    operation = queue(
        uri, "relabel_with_memory_bank", scenes, {"bank": "red", "existing": "overwrite"}
    )
    DelegatedOperationService().execute_queued_operations(limit=1)
    done = DelegatedOperationService().get(operation)
    assert (done.run_state, done.result.result["written"]) == ("completed", 6)
    scenes.reload()
    assert scenes.distinct("predictions.detections.label") == ["red"]


def test_a_queued_visualization_has_a_result(uri: Any, scenes: fo.Dataset) -> None:
    ntt.build_memory_bank(scenes, "ground_truth", models="demo", name="colours")
    ntt.segment(scenes, "colours", points_per_side=8)
    params = {"bank": "colours", "predictions_field": "predictions", "draw": True}
    operation = queue(uri, "visualize_memory_bank", scenes, params)

    DelegatedOperationService().execute_queued_operations(limit=1)

    done = DelegatedOperationService().get(operation)
    assert done.run_state == "completed"
    assert done.result.result == {
        "runs": {"colours_references": 18, "colours_predictions": 18},
        "failures": {},
    }
    scenes.reload()
    assert scenes.list_brain_runs() == ["colours_predictions", "colours_references"]
    assert len(scenes.exists("memory_pca")) == 6


def test_a_failed_run_shows_its_reason(uri: Any, scenes: fo.Dataset) -> None:
    ntt.build_memory_bank(scenes, "ground_truth", models="demo", name="colours")
    operation = queue(uri, "segment_with_memory_bank", scenes, SEGMENT)
    ntt.delete_memory_bank(scenes, "colours")

    DelegatedOperationService().execute_queued_operations(limit=1)

    failed = DelegatedOperationService().get(operation)
    assert failed.run_state == "failed"
    assert "Reason: This dataset has no memory bank" in failed.result.error


@pytest.fixture
def demo(uri: Any, dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Four of the demo's scenes, and a bank of the first two, made with the demo's models."""
    import cv2

    for index in range(4):
        scene = generate_scene(NOVEL_CLASSES, seed=index)
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), scene.image[..., ::-1])
        dataset.add_sample(fo.Sample(str(path), ground_truth=_labels(scene)))
    ntt.build_memory_bank(dataset[:2], "ground_truth", models="demo", name="colours")
    return dataset


@pytest.mark.slow
def test_fiftyone_delegated_launch_picks_it_up(uri: Any, demo: fo.Dataset) -> None:
    succeeds = queue(uri, "segment_with_memory_bank", demo, SEGMENT)
    broken = demo.clone()
    broken.set_values("filepath", [f"/gone{i}.png" for i in range(4)])
    fails = queue(
        uri,
        "build_memory_bank",
        broken,
        {"name": "new", "source": "view", "models": "demo"},
    )
    service = DelegatedOperationService()

    def states() -> list[str]:
        return [service.get(key).run_state for key in (succeeds, fails)]

    worker = subprocess.Popen(
        [str(Path(sys.executable).with_name("fiftyone")), "delegated", "launch"],
        env={**os.environ, "PYTHONPATH": python_path(CHECKOUT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not set(states()) <= {"completed", "failed"}:
            time.sleep(0.5)
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(timeout=30)

    assert states() == ["completed", "failed"]
    assert service.get(succeeds).status.progress == 1
    assert service.get(succeeds).status.label.startswith("4 of 4 images")
    assert "gone0.png cannot be read: there is no such file" in service.get(fails).result.error
    demo.reload()
    assert len(demo.exists("predictions")) == 4
    broken.delete()
