"""Whether an evaluation can be saved under a key: what it writes is named after the key.

FiftyOne takes any identifier: the key `label` turns every class, of the truth too, into `tp`, `fp`
or `fn`, and deleting the evaluation does not bring them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.utils.eval.coco as fouc

from fiftyone_ntt.dataset.evaluation.pycocotools_evaluation import PycocotoolsEvaluationConfig
from fiftyone_ntt.dataset.labels.fields import labels_path
from fiftyone_ntt.dataset.labels.gone import NOT_ANSWERING, needs_database
from fiftyone_ntt.dataset.labels.names import is_kept_attribute, is_kept_field, read_only_part
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError

IouKind = Literal["boxes", "masks", "both"]
Method = Literal["pycocotools", "fiftyone"]

CONFIGS: dict[Method, type[fouc.COCOEvaluationConfig]] = {
    "pycocotools": PycocotoolsEvaluationConfig,
    "fiftyone": fouc.COCOEvaluationConfig,
}
"""How each method's evaluations are configured, and known again."""


def saved_keys(eval_key: str, iou: IouKind) -> list[str]:
    """The keys under which an evaluation by masks, by boxes or by both is saved.

    Example:
        >>> saved_keys("ntt", "both")
        ['ntt', 'ntt_boxes']
    """
    boxes = f"{eval_key}_boxes"
    return {"masks": [eval_key], "boxes": [boxes], "both": [eval_key, boxes]}[iou]


@needs_database
def evaluation_key_problem(
    samples: foc.SampleCollection,
    eval_key: str,
    pred_field: str,
    gt_field: str,
    *,
    iou: IouKind = "both",
    method: Method = "pycocotools",
) -> str | None:
    """Why an evaluation cannot be saved under a key, or None where it can.

    Args:
        samples: the dataset, or a view of it.
        eval_key: the key; one of an evaluation that is there means to replace it.
        pred_field: of the predictions.
        gt_field: of the truth.
        iou: see `evaluate`.
        method: see `evaluate`.

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
    fields = (pred_field, gt_field)
    for key in saved_keys(eval_key, iou):
        if key in dataset.list_evaluations():
            taken = _other_evaluation(dataset, key, fields, CONFIGS[method])
        else:
            taken = _taken_attribute(dataset, key, fields) or _taken_field(dataset, key)
        taken = taken or _read_only(dataset, key, fields)
        if taken is not None:
            return f"eval_key {eval_key!r} would overwrite {taken}. Pass another key, as in 'ntt'."
    return None


def check_evaluation_key(
    samples: foc.SampleCollection,
    eval_key: str,
    pred_field: str,
    gt_field: str,
    iou: IouKind,
    method: Method,
) -> None:
    """Accept a key for an evaluation.

    Raises:
        InputError: see `evaluation_key_problem`.
    """
    problem = evaluation_key_problem(
        samples, eval_key, pred_field, gt_field, iou=iou, method=method
    )
    if problem is not None:
        raise InputError(problem)


def _attributes(key: str) -> list[str]:
    """What labels get of an evaluation."""
    return [key, f"{key}_id", f"{key}_iou"]


def _counts(key: str) -> list[str]:
    """What samples get of it."""
    return [f"{key}_{end}" for end in ("tp", "fp", "fn")]


def _other_evaluation(
    dataset: fo.Dataset, key: str, fields: Sequence[str], wanted: type[fouc.COCOEvaluationConfig]
) -> str | None:
    """What FiftyOne refuses to replace, but only after all has been computed."""
    try:
        config: Any = dataset.get_evaluation_info(key).config
    except NOT_ANSWERING:
        raise
    except Exception:  # of a class that is not to be found any more; FiftyOne then replaces it
        return None
    held = [getattr(config, name, None) for name in ("pred_field", "gt_field")]
    if type(config) is wanted and held == list(fields):
        return None
    return f"evaluation {key!r} of {held[0]!r} against {held[1]!r} (method {config.method!r})"


def _taken_attribute(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> str | None:
    for name in _attributes(key):
        if is_kept_attribute(name):
            return f"the labels' {name!r}"
        paths = [f"{labels_path(dataset, field)}.{name}" for field in fields]
        declared = [path for path in paths if dataset.get_field(path) is not None]
        if declared:
            return repr(declared[0])
        query = {"$or": [{path: {"$exists": True}} for path in paths]}
        if dataset._sample_collection.find_one(query, {"_id": 1}) is not None:
            return f"the labels' {name!r}"
    return None


def _taken_field(dataset: fo.Dataset, key: str) -> str | None:
    for name in _counts(key):
        if dataset.get_field(name) is not None or is_kept_field(name):
            return f"the field {name!r}"
    return None


def _read_only(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> str | None:
    """What must not be written: of the labels, or the counts of an evaluation to replace."""
    labels = [f"{field}.detections.{name}" for field in fields for name in _attributes(key)]
    found = read_only_part(dataset, *labels, *_counts(key))
    return None if found is None else f"{found!r}, which is read-only"
