"""An evaluation writes under its key: never over what means something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.evaluation.evaluation_keys import saved_keys
from fiftyone_ntt.errors import InputError

FIELDS = ("predictions", "ground_truth")


@pytest.fixture
def evaluated(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """One boat, found; not evaluated yet."""
    box = [0.1, 0.1, 0.2, 0.2]
    sample = fo.Sample(
        filepath=str(tmp_path / "a.png"),
        metadata=fo.ImageMetadata(width=100, height=100),
        ground_truth=fo.Detections(detections=[fo.Detection(label="boat", bounding_box=box)]),
        predictions=fo.Detections(
            detections=[fo.Detection(label="boat", bounding_box=box, confidence=0.9, weight=3)]
        ),
        boxes_tp=7,
    )
    dataset.add_sample(sample)
    return dataset


def documents(dataset: fo.Dataset) -> list[dict[str, Any]]:
    return list(dataset._sample_collection.find())


@pytest.mark.parametrize(
    "key",
    [
        "label",
        "id",
        "tags",
        "confidence",
        "bounding_box",
        "_cls",
        "run",
        "digest",
        "iscrowd",
        "copy",
        "mask",
        "weight",
        "boxes",
        "1st",
        "a-b",
    ],
)
def test_what_means_something_else_is_refused_before_anything_is_written(
    evaluated: fo.Dataset, key: str
) -> None:
    before, schema = documents(evaluated), evaluated.get_field_schema(flat=True)
    with pytest.raises(InputError, match=f"eval_key '{key}' "):
        # By masks the key is saved as it is, by boxes with an ending.
        ntt.evaluate(evaluated, *FIELDS, eval_key=key, iou="masks")
    assert documents(evaluated) == before
    assert evaluated.get_field_schema(flat=True) == schema
    assert evaluated.list_evaluations() == []


def test_counts_that_are_a_field_already(evaluated: fo.Dataset) -> None:
    evaluated.rename_sample_field("boxes_tp", "seen_boxes_tp")
    with pytest.raises(InputError, match="the field 'seen_boxes_tp'"):
        ntt.evaluate(evaluated, *FIELDS, eval_key="seen", iou="boxes")


def test_a_free_key_and_its_own_evaluation_again(evaluated: fo.Dataset) -> None:
    for _ in range(2):
        ntt.evaluate(evaluated, *FIELDS, eval_key="seen", iou="boxes")
        assert evaluated.list_evaluations() == ["seen_boxes"]
        assert evaluated.values("predictions.detections.seen_boxes") == [["tp"]]
    assert evaluated.values("ground_truth.detections.label") == [["boat"]]


def test_labels_in_a_read_only_field_get_no_verdict(evaluated: fo.Dataset) -> None:
    field = evaluated.get_field("ground_truth")
    field.read_only = True
    field.save()
    with pytest.raises(InputError, match="'ground_truth', which is read-only"):
        ntt.evaluate(evaluated, *FIELDS, eval_key="seen", iou="boxes")


def test_keys_by_kind() -> None:
    assert saved_keys("a", "masks") == ["a"]
    assert saved_keys("a", "boxes") == ["a_boxes"]
