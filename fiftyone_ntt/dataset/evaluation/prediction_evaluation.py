"""COCO evaluation of predictions, by masks, by boxes, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, get_args

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import fiftyone.utils.eval.coco as fouc
import numpy as np
from fiftyone import ViewField as F

from fiftyone_ntt.coco.reading import Crowds, all_crowds_message
from fiftyone_ntt.core.nearest_names import nearest_names_hint
from fiftyone_ntt.dataset.evaluation.evaluation_keys import (
    CONFIGS,
    Method,
    check_evaluation_key,
    saved_keys,
)
from fiftyone_ntt.dataset.evaluation.evaluation_run import save_evaluation
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    check_confidences,
    check_samples,
    check_whole_images,
    label_field_type,
    labels_path,
    sample_count,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.rejected import without_rejected
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError

Kind = Literal["masks", "boxes"]
_CROWD, _NO_CROWDS = "iscrowd", "no_crowds"
"""Attribute that marks crowds, and one that marks none: no label has it."""
_MEASURES = (("ap", None), ("ap50", 0.5), ("ap75", 0.75))


@dataclass(frozen=True)
class Evaluation:
    """Results of one evaluation.

    Attributes:
        masks: FiftyOne's results by mask IoU, or None if not asked for.
        boxes: FiftyOne's results by box IoU, or None.
        eval_keys: keys under which they are saved, possibly none.
        unwritten: ids of samples that were scored and got no verdicts: they were deleted meanwhile,
            or others kept writing to them.
        notes: lines about class names that look like slips of the pen.
    """

    masks: Any
    boxes: Any
    eval_keys: tuple[str, ...] = ()
    unwritten: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def average_precision(
        self, kind: Kind, iou: float | None = None, label: str | None = None
    ) -> float | None:
        """COCO's average precision, 0..1.

        Args:
            kind: by which IoU.
            iou: at this threshold (0.5, 0.55, ..., 0.95); the mean of all when None.
            label: of this class; the mean of all when None.

        Returns:
            None where it is undefined: not computed, or no ground truth.
        """
        results = getattr(self, kind)
        if not isinstance(results, fouc.COCODetectionResults):
            return None
        rows = slice(None) if iou is None else results._get_iou_thresh_inds(iou)
        per_class = results.precision[rows].mean(axis=(0, 2))
        if label is not None:
            per_class = per_class[np.asarray(results.classes) == label]
        defined = per_class[per_class > -1]
        return float(defined.mean()) if len(defined) else None

    @property
    def mask_map(self) -> float | None:
        """Mean AP over classes and IoU thresholds, by masks."""
        return self.average_precision("masks")

    @property
    def mask_ap50(self) -> float | None:
        """Mean AP over classes at mask IoU 0.5."""
        return self.average_precision("masks", 0.5)

    @property
    def box_map(self) -> float | None:
        """Mean AP over classes and IoU thresholds, by boxes."""
        return self.average_precision("boxes")

    @property
    def box_ap50(self) -> float | None:
        """Mean AP over classes at box IoU 0.5."""
        return self.average_precision("boxes", 0.5)

    @property
    def classes(self) -> list[str]:
        """Classes evaluated."""
        return [str(name) for name in (self.masks or self.boxes).classes if name is not None]

    def table(self) -> list[dict[str, Any]]:
        """One row per class and one for their mean: `class`, then `mask_ap`, `mask_ap50`,
        `mask_ap75`, `box_ap`, ..., each in 0..1 or None."""
        kinds: list[tuple[str, Kind]] = []
        kinds += [("mask", "masks")] if self.masks is not None else []
        kinds += [("box", "boxes")] if self.boxes is not None else []
        return [
            {"class": label or "mean"}
            | {
                f"{prefix}_{measure}": self.average_precision(kind, iou, label)
                for prefix, kind in kinds
                for measure, iou in _MEASURES
            }
            for label in [*self.classes, None]
        ]

    def __str__(self) -> str:
        rows = self.table()
        width = max(len(row["class"]) for row in rows)
        head = f"{'':{width}}" + "".join(f"{name:>11}" for name in list(rows[0])[1:])
        lines = [
            f"{row['class']:{width}}" + "".join(map(_cell, list(row.values())[1:])) for row in rows
        ]
        if self.unwritten:
            lines.append(
                f"{len(self.unwritten)} samples got no verdicts: they were deleted meanwhile, or "
                "others kept writing to them"
            )
        return "\n".join([head, *lines, *self.notes])


def _cell(value: float | None) -> str:
    return f"{'-':>11}" if value is None else f"{100 * value:11.1f}"


@needs_database
def evaluate(
    samples: foc.SampleCollection,
    pred_field: str,
    gt_field: str,
    *,
    eval_key: str | None = None,
    iou: Literal["boxes", "masks", "both"] = "both",
    method: Method = "pycocotools",
    compute_mAP: bool = True,
    classes: Sequence[str] | None = None,
    confidence_thresh: float | None = None,
    crowds: Crowds = "ignore",
    include_rejected: bool = False,
    workers: int | None = None,
    progress: Progress = None,
) -> Evaluation:
    """COCO's evaluation of predicted against true instances.

    The figures are those of pycocotools on the files that `export_coco` writes: crowds are
    ignored regions, equal confidences rank in the order of images and labels, and the 100 most
    confident predictions per image and class take part. FiftyOne's results object holds them;
    `results.masks.metrics()` and the Model Evaluation panel show AP, AP50, AP75, APs, APm, APl,
    AR1, AR10, AR100, ARs, ARm and ARl.

    Saving takes time linear in the predictions of an image, FiftyOne's own quadratic: with
    `method="fiftyone"`, by boxes and with a key, an image of 100 predictions took 0.15 s instead of
    0.43 s, one of 300 took 0.6 s instead of 5.5 s, no more than without a key.

    Args:
        samples: a dataset or view of images; leave out the reference samples yourself, as in
            `dataset.match_tags("reference", bool=False)`.
        pred_field: Detections, or closed Polylines, with confidences.
        gt_field: Detections or closed Polylines, the truth; crowds are marked by an `iscrowd`
            attribute. A label without a pixel in its image cannot be found by its mask, but counts.
        eval_key: also save: the results, and on each object whether it is a true or false positive
            or a false negative, with which other object it was matched, and their IoU; with
            pycocotools, crowds and predictions on them are neither. By masks under this key, by
            boxes under `<eval_key>_boxes`, replacing an evaluation of these fields that is there;
            nothing else may have a name that is written to, such as `<eval_key>_tp` of samples.
        iou: by which IoU; masks need a mask on every object.
        method: `"pycocotools"`, or `"fiftyone"` for FiftyOne's own COCO-style evaluation, which
            wants Detections, counts crowds that nothing matches as missed, ranks true positives
            first among equal confidences, and knows no sizes.
        compute_mAP: also sweep the IoU thresholds for average precision, which takes longer.
        classes: which classes the results are about; all that occur when None.
        confidence_thresh: leave out predictions below this confidence.
        crowds: `"objects"` scores labels with `iscrowd` as objects like others: some tools mark
            every mask of theirs so.
        include_rejected: score predictions that somebody rejected (see `reject`) too.
        workers: processes that score, with pycocotools; 1 for none but this one. When None, up to 8
            of the machine's cores from 500 images on.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`, of
            the images of each kind of IoU.

    Raises:
        InputError: no samples; a field is missing or of another type; a prediction without a
            confidence; an object without a mask; truth that is all crowds; or the key stands for
            something else, or for something read-only: nothing is written then.
        DatabaseError: the database does not answer any more.

    Example:
        >>> results = ntt.evaluate(view, "predictions", "ground_truth", eval_key="ntt", iou="masks")
        >>> print(results)
                    mask_ap  mask_ap50  mask_ap75
        fish            ...      100.0        ...
        kite            0.0        0.0        0.0
        mushroom        ...      100.0        ...
        mean            ...       66.7        ...
        >>> dataset.list_evaluations()
        ['ntt']
    """
    if iou not in ("boxes", "masks", "both"):
        raise InputError(f"iou is {iou!r}. Pass 'boxes', 'masks' or 'both'.")
    if method not in CONFIGS:
        raise InputError(f"method is {method!r}. Pass 'pycocotools' or 'fiftyone'.")
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}. Pass 1 or more processes, or None.")
    if crowds not in get_args(Crowds):
        raise InputError(f"crowds is {crowds!r}. Pass 'ignore' or 'objects'.")
    kinds: list[Kind] = ["masks", "boxes"] if iou == "both" else [iou]
    _check_fields(samples, pred_field, gt_field, method)
    if eval_key is not None:
        check_evaluation_key(samples, eval_key, pred_field, gt_field, iou, method)
    for field in (pred_field, gt_field) if iou != "boxes" else ():
        _check_masks(samples, field)
    if crowds == "ignore":
        _check_not_all_crowds(samples, gt_field)
    samples = _scored(samples, pred_field, confidence_thresh, include_rejected)
    results: dict[str, Any] = {"masks": None, "boxes": None}
    unwritten: set[str] = set()
    keys = [] if eval_key is None else saved_keys(eval_key, iou)
    for kind, key in zip_longest(kinds, keys):
        config = CONFIGS[method](
            pred_field,
            gt_field,
            iou=0.5,
            classwise=True,
            use_masks=kind == "masks",
            compute_mAP=compute_mAP,
            iscrowd=_CROWD if crowds == "ignore" else _NO_CROWDS,
        )
        with progress_steps(sample_count(samples), progress) as advance:
            results[kind], left_out = save_evaluation(
                samples, config, key, classes, advance, workers
            )
        unwritten.update(left_out)
    return Evaluation(
        results["masks"],
        results["boxes"],
        tuple(keys),
        tuple(sorted(unwritten)),
        _naming_notes(samples, pred_field, gt_field),
    )


def _check_not_all_crowds(samples: foc.SampleCollection, field: str) -> None:
    path = labels_path(samples, field)
    total = samples.count(path)
    # Of the database, not of the schema: the attribute is often not declared there.
    if total and not samples.filter_labels(field, ~F(_CROWD)).count(path):
        raise InputError(all_crowds_message(f"field {field!r}", total))


def _scored(
    samples: foc.SampleCollection, field: str, least: float | None, include_rejected: bool
) -> foc.SampleCollection:
    """The samples with those predictions alone that are scored."""
    if not include_rejected:
        samples = without_rejected(samples, field)
    if least is None:
        return samples
    return samples.filter_labels(field, F("confidence") >= least, only_matches=False)


def _naming_notes(samples: foc.SampleCollection, pred_field: str, gt_field: str) -> tuple[str, ...]:
    """A line about predicted classes that no truth has, but whose names are nearly another's."""
    paths = [f"{labels_path(samples, field)}.label" for field in (pred_field, gt_field)]
    found, true = ([name for name in samples.distinct(path) if name is not None] for path in paths)
    hint = nearest_names_hint([name for name in found if name not in true], true)
    return (f"of the predicted classes, {hint}",) if hint else ()


def _check_fields(
    samples: foc.SampleCollection, pred_field: str, gt_field: str, method: Method
) -> None:
    check_samples(samples, "evaluating")
    check_whole_images(samples, "evaluating")
    if not sample_count(samples):
        raise InputError(
            f"{samples._root_dataset.name!r} has no samples in this view, so there is nothing to "
            "evaluate."
        )
    types = SHAPE_TYPES if method == "pycocotools" else (fol.Detections,)
    for field in (pred_field, gt_field):
        label_field_type(samples, field, types)
    if pred_field == gt_field:
        raise InputError(
            f"predictions and truth are both {pred_field!r}. Pass two different fields."
        )
    check_confidences(samples, pred_field)


def _check_masks(samples: foc.SampleCollection, field: str) -> None:
    if label_field_type(samples, field, SHAPE_TYPES) is fol.Polylines:
        return
    bare = samples.filter_labels(field, (F("mask") == None) & (F("mask_path") == None))  # noqa: E711
    count = bare.count(f"{field}.detections")
    if count:
        raise InputError(
            f"{count} detections in field {field!r} have no mask. Pass iou='boxes', or turn boxes "
            "into masks with `boxes_to_masks`."
        )
