"""Whether an evaluation can be saved under a key: what it writes is named after the key.

FiftyOne takes any identifier: the key `label` turns every class, of the truth too, into `tp`, `fp`
or `fn`, and deleting the evaluation does not bring them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.labels as fol

from fiftyone_ntt.dataset.work.refreshing import refresh

IouKind = Literal["boxes", "masks", "both"]

_OURS = frozenset(
    {"box_agreement", "box_id", "coco_id", "coco_source", "digest", "iscrowd", "margin"}
    | {"nearest_reference", "proposal", "run", "runner_up", "written_tags"}
)
"""Attributes of labels that this package reads and FiftyOne does not know."""


def saved_keys(eval_key: str, iou: IouKind) -> list[str]:
    """The keys under which an evaluation by masks, by boxes or by both is saved.

    Example:
        >>> saved_keys("ntt", "both")
        ['ntt', 'ntt_boxes']
    """
    boxes = f"{eval_key}_boxes"
    return {"masks": [eval_key], "boxes": [boxes], "both": [eval_key, boxes]}[iou]


def evaluation_key_problem(
    samples: foc.SampleCollection,
    eval_key: str,
    pred_field: str,
    gt_field: str,
    *,
    iou: IouKind = "both",
) -> str | None:
    """Why an evaluation cannot be saved under a key, or None where it can.

    Args:
        samples: the dataset, or a view of it.
        eval_key: the key; one of an evaluation that is there means to replace it.
        pred_field: of the predictions.
        gt_field: of the truth.
        iou: see `evaluate`.

    Example:
        >>> fields = ("predictions", "ground_truth")
        >>> ntt.evaluation_key_problem(dataset, "ntt", *fields) is None
        True
        >>> ntt.evaluation_key_problem(dataset, "label", *fields)
        "eval_key 'label' would overwrite the labels' 'label'. Pass another key, as in 'ntt'."
    """
    dataset = samples._root_dataset
    refresh(dataset)
    if not eval_key.isidentifier():
        return (
            f"eval_key {eval_key!r} is not a valid key. Use letters, digits and underscores, not "
            "starting with a digit, as in 'ntt'."
        )
    for key in saved_keys(eval_key, iou):
        taken = None
        if key not in dataset.list_evaluations():
            taken = _taken_attribute(dataset, key, (pred_field, gt_field))
            taken = taken or _taken_field(dataset, key)
        taken = taken or _read_only(dataset, key, (pred_field, gt_field))
        if taken is not None:
            return f"eval_key {eval_key!r} would overwrite {taken}. Pass another key, as in 'ntt'."
    return None


def _taken_attribute(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> str | None:
    for name in (key, f"{key}_id", f"{key}_iou"):
        if hasattr(fol.Detection, name) or name in _OURS:
            return f"the labels' {name!r}"
        paths = [f"{field}.detections.{name}" for field in fields]
        declared = [path for path in paths if dataset.get_field(path) is not None]
        if declared:
            return repr(declared[0])
        query = {"$or": [{path: {"$exists": True}} for path in paths]}
        if dataset._sample_collection.find_one(query, {"_id": 1}) is not None:
            return f"the labels' {name!r}"
    return None


def _taken_field(dataset: fo.Dataset, key: str) -> str | None:
    for name in (f"{key}_tp", f"{key}_fp", f"{key}_fn"):
        if dataset.get_field(name) is not None or hasattr(fo.Sample, name):
            return f"the field {name!r}"
    return None


def _read_only(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> str | None:
    """What must not be written: a field of labels, or the counts of an evaluation to replace."""
    counts = [f"{key}_{end}" for end in ("tp", "fp", "fn")]
    for name in (*fields, *counts):
        found = dataset.get_field(name)
        if found is not None and found.read_only:
            return f"{name!r}, which is read-only"
    return None
