"""COCO's figures on the results of any of FiftyOne's detection evaluations."""

from __future__ import annotations

from typing import Literal

import fiftyone.core.collections as foc
import fiftyone.utils.eval.detection as foud

from fiftyone_ntt.dataset.evaluation.pycocotools_evaluation import (
    PycocotoolsEvaluationConfig,
    metric_entries,
)
from fiftyone_ntt.dataset.labels.fields import check_samples
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.errors import InputError


@needs_database
def add_coco_metrics(
    results: foud.DetectionResults,
    samples: foc.SampleCollection | None = None,
    *,
    iou: Literal["masks", "boxes"] | None = None,
    workers: int | None = None,
) -> dict[str, float]:
    """Add AP, AP50, AP75, APs, APm, APl and the six ARs to the results of an evaluation.

    They are pycocotools' on the run lengths of the evaluated fields, whatever method evaluated
    them. `results.metrics()` and the Model Evaluation panel show them; `results.save()` keeps them.

    Args:
        results: of `evaluate_detections`, or of `load_evaluation_results`.
        samples: what was evaluated; the results' own samples when None.
        iou: by which IoU; by that of the evaluation when None.
        workers: processes, as in `evaluate`.

    Returns:
        The figures in 0..1 by name, of the results' classes; those that are undefined, for lack of
        objects of that size, are left out.

    Raises:
        InputError: results of something else, or labels that cannot be evaluated.

    Example:
        >>> results = view.evaluate_detections("predictions", "ground_truth")
        >>> metrics = ntt.add_coco_metrics(results, iou="masks")
        >>> round(metrics["AP50"], 2)
        0.67
    """
    if not isinstance(results, foud.DetectionResults):
        raise InputError(
            f"COCO's figures need the results of `evaluate_detections`, but got "
            f"{type(results).__name__}. Pass those."
        )
    if iou not in (None, "masks", "boxes"):
        raise InputError(f"iou is {iou!r}. Pass 'masks', 'boxes' or None.")
    config, evaluated = results.config, results.samples if samples is None else samples
    check_samples(evaluated, "evaluating")
    method = PycocotoolsEvaluationConfig(
        config.pred_field,
        config.gt_field,
        iou=0.5,
        classwise=True,
        iscrowd=getattr(config, "iscrowd", "iscrowd"),
        use_masks=getattr(config, "use_masks", False) if iou is None else iou == "masks",
    ).build()
    method.register_samples(evaluated, None)
    for _ in method.outcomes(evaluated, workers):
        pass  # only the figures are wanted
    classes = [str(name) for name in results.classes if name not in (None, results.missing)]
    entries = metric_entries(method.scores(classes))
    results.custom_metrics = {**(results.custom_metrics or {}), **entries}
    return {entry["key"]: entry["value"] for entry in entries.values()}
