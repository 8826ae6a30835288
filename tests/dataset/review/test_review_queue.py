"""The queue of predictions to look at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from bson import ObjectId

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def found(dataset: fo.Dataset, tmp_path: Path, store: Any) -> fo.Dataset:
    """Three images with predictions of a bank."""
    add_scenes(dataset, tmp_path, 3)
    bank = ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="colours")
    options: dict[str, Any] = {"models": MODELS, "points_per_side": 8, "progress": False}
    ntt.segment(dataset, bank, "found", store=store, **options)
    return dataset


def drawn(dataset: fo.Dataset, *labels: fo.Detection) -> None:
    """A sample with these predictions."""
    path = dataset.first().filepath if len(dataset) else "/nowhere.png"
    dataset.add_sample(fo.Sample(filepath=path, drawn=fo.Detections(detections=list(labels))))


def box(label: str, confidence: float | None = 0.5, x: float = 0.0, **more: Any) -> fo.Detection:
    return fo.Detection(label=label, confidence=confidence, bounding_box=[x, 0.1, 0.2, 0.2], **more)


def test_every_open_prediction_is_in_the_queue_once(found: fo.Dataset) -> None:
    queue = ntt.review_queue(found, "found")
    labels = {label.id: label for sample in found for label in sample.found.detections}
    assert {item.label_id for item in queue} == set(labels) and len(queue) == len(labels)
    for item in queue:
        label = labels[item.label_id]
        assert (item.label, item.confidence, item.runner_up, item.nearest_reference) == (
            label.label,
            label.confidence,
            label.runner_up,
            label.nearest_reference,
        )
        assert 0 <= item.doubt <= 1 and item.decision is None
        assert item.label_id in [one.id for one in found[item.sample_id].found.detections]
    assert [item.doubt for item in queue] == sorted((i.doubt for i in queue), reverse=True)
    assert ntt.review_queue(found, "found", limit=2) == queue[:2]
    [run] = {label.run for label in labels.values()}
    assert ntt.review_queue(found, "found", run=run) == queue
    assert ntt.review_queue(found, "found", run="another") == []
    patches = found.to_patches("found")
    assert {(i.sample_id, i.label_id) for i in ntt.review_queue(patches, "found")} == {
        (i.sample_id, i.label_id) for i in queue
    }
    shown = found.filter_labels("found", fo.ViewField("label") == "red")
    assert {item.label for item in ntt.review_queue(shown, "found")} == {"red"}


def test_decided_ones_are_left_out_unless_asked_for(found: fo.Dataset) -> None:
    first, second, *rest = ntt.review_queue(found, "found")
    ntt.accept(found, "found", [first.label_id])
    ntt.reject(found, "found", [second.label_id])
    assert {i.label_id for i in ntt.review_queue(found, "found")} == {i.label_id for i in rest}
    every = {i.label_id: i.decision for i in ntt.review_queue(found, "found", include_decided=True)}
    assert (every[first.label_id], every[second.label_id]) == ("accepted", "rejected")
    assert len(every) == len(rest) + 2


def test_the_orders(dataset: fo.Dataset) -> None:
    drawn(dataset, box("b", 0.2), box("a", 0.9, 0.3), box("b", 0.7, 0.6), box("c", None, 0.8))
    by_class = [item.label for item in ntt.review_queue(dataset, "drawn", order="class")]
    assert by_class == ["a", "b", "b", "c"]
    surest = ntt.review_queue(dataset, "drawn", order="confidence")
    assert [item.confidence for item in surest] == [0.9, 0.7, 0.2, None]
    assert {i.label for i in ntt.review_queue(dataset, "drawn", classes=["b"])} == {"b"}
    assert ntt.review_queue(dataset, "drawn", limit=0) == []


def test_a_place_that_two_classes_claim_is_told(dataset: fo.Dataset) -> None:
    drawn(dataset, box("a", 0.5), box("b", 0.5, 0.02), box("a", 0.5, 0.7))
    queue = ntt.review_queue(dataset, "drawn")
    told = {reason for item in queue for reason in item.reasons}
    assert {"overlaps a", "overlaps b"} <= told and sum(bool(i.reasons) for i in queue) == 2
    assert queue[0].reasons and queue[1].reasons


def test_what_cannot_be_ordered_is_said(found: fo.Dataset) -> None:
    with pytest.raises(InputError, match="no order 'best'"):
        ntt.review_queue(found, "found", order="best")
    with pytest.raises(InputError, match="limit is -1"):
        ntt.review_queue(found, "found", limit=-1)
    with pytest.raises(InputError, match="no field 'lost'"):
        ntt.review_queue(found, "lost")


def test_the_calibration_of_the_run_s_bank_says_how_likely_each_is_right(
    found: fo.Dataset, store: Any
) -> None:
    options: dict[str, Any] = {"points_per_side": 8, "progress": False}
    assert {item.chance for item in ntt.review_queue(found, "found")} == {None}
    known = ntt.calibrate(
        found, "colours", "ground_truth", models=MODELS, store=store, mode="best", **options
    )
    # The run was of another mode: its scores mean something else.
    assert {item.chance for item in ntt.review_queue(found, "found")} == {None}
    ntt.relabel(found, "colours", "found", mode="best", overwrite=True, store=store, **options)
    queue = ntt.review_queue(found, "found")
    assert queue
    for item in queue:
        assert item.confidence is not None
        assert item.chance == known.chance(item.label, item.confidence)


@pytest.mark.timed
def test_ten_thousand_predictions_take_less_than_a_second(dataset: fo.Dataset) -> None:
    rng = np.random.default_rng(0)
    dataset.add_samples([fo.Sample(filepath=f"/{number}.png") for number in range(200)])
    drawn(dataset, box("a"))
    many = [
        {
            "_cls": "Detection",
            "label": f"class {k % 20}",
            "confidence": score,
            "margin": margin,
            "nearest_reference": str(k % 300),
            "bounding_box": [x, y, 0.2, 0.2],
            "mask": bytes(500),
        }
        for k, (score, margin, x, y) in enumerate(rng.random((50, 4)).tolist())
    ]
    for row in list(dataset._sample_collection.find({}, {"_id": 1}).limit(200)):
        labels = [{"_id": ObjectId(), **label} for label in many]
        value = {"_cls": "Detections", "detections": labels}
        dataset._sample_collection.update_one(row, {"$set": {"drawn": value}})
    ntt.review_queue(dataset, "drawn", limit=1)  # what is loaded once
    begun = time.process_time()  # others may use the machine
    assert len(ntt.review_queue(dataset, "drawn")) >= 10_000
    assert time.process_time() - begun < 1
