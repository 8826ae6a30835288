"""Predictions and what was decided of them, as the database holds them, without their masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.decision_writing import ACCEPTED, REJECTED
from fiftyone_ntt.dataset.labels.fields import source_id_path
from fiftyone_ntt.dataset.labels.stored_labels import is_class, label_list, value_at

Verdict = Literal["accepted", "rejected"]
"""What may have been decided of a prediction."""

_NAMES = (
    "_id",
    "label",
    "confidence",
    "runner_up",
    "margin",
    "nearest_reference",
    "run",
    "tags",
    "bounding_box",
)


def prediction_rows(samples: foc.SampleCollection, field: str) -> Iterator[dict[str, Any]]:
    """The labels of a view by one look-up, each with the id of its `sample`.

    Args:
        samples: a dataset or view of images, or of patches of the field.
        field: Detections, or of patches a Detection.
    """
    of_patches = source_id_path(samples) != "id"
    # A path and one inside it cannot be asked for at once: of images only the list is.
    parts = ("detections.", "") if of_patches else ("detections.",)
    names = {f"{field}.{part}{name}": 1 for part in parts for name in _NAMES}
    pipeline = samples._pipeline(pipeline=[{"$project": {**names, "_sample_id": 1}}])
    for row in samples._dataset._sample_collection.aggregate(pipeline, allowDiskUse=True):
        sample_id = row.get("_sample_id") if of_patches else row["_id"]
        for label in label_list(value_at(row, field))[1]:
            if is_class(label.get("label")):
                yield {**label, "sample": sample_id}


def decision_of(row: Mapping[str, Any]) -> Verdict | None:
    """What was decided of a prediction; None of what is open."""
    tags = row.get("tags") or ()
    return "rejected" if REJECTED in tags else "accepted" if ACCEPTED in tags else None
