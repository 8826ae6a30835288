"""What a protocol measures: figures by name, over all classes and for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.coco.average_precision import evaluate_results, read_pair
from fiftyone_ntt.coco.federated import federated_scores
from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.semantic import semantic_scores

Metrics = dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """Figures in 0..1 by name, as in "masks AP50"; those that are undefined are left out.

    Attributes:
        metrics: over all classes.
        classes: by class name.
    """

    metrics: Metrics
    classes: dict[str, Metrics]


def coco_outcome(results: Path, targets: Path) -> Outcome:
    """COCO's figures, by boxes and, where the targets have masks, by masks."""
    found = evaluate_results(results, targets, published=True)
    return _outcome(
        {"boxes": found.boxes, "masks": found.masks},
        {"boxes AP": found.class_boxes, "masks AP": found.class_masks},
    )


def lvis_outcome(results: Path, targets: Path) -> Outcome:
    """LVIS's figures, by boxes and by masks."""
    truth, predictions = read_pair(results, targets, Findings(published=True))
    boxes = federated_scores(truth, predictions, "boxes")
    masks = federated_scores(truth, predictions, "masks")
    return _outcome(
        {"boxes": boxes.metrics, "masks": masks.metrics},
        {"boxes AP": boxes.classes, "masks AP": masks.classes},
    )


def semantic_outcome(results: Path, targets: Path, confidence_threshold: float) -> Outcome:
    """mIoU of the instances of at least that score, besides COCO's figures."""
    pair = read_pair(results, targets, Findings(published=True))
    found = semantic_scores(*pair, confidence_threshold=confidence_threshold)
    instances = coco_outcome(results, targets)
    semantic = {"mIoU": found.mean, "background IoU": found.background}
    classes = {
        name: {"IoU": iou, **instances.classes.get(name, {})} for name, iou in found.classes.items()
    }
    return Outcome({**_defined(semantic), **instances.metrics}, classes)


def _outcome(kinds: dict[str, Metrics], per_class: dict[str, Metrics]) -> Outcome:
    metrics = {
        f"{kind} {name}": value
        for kind, metrics in kinds.items()
        for name, value in metrics.items()
    }
    names = dict.fromkeys(name for metrics in per_class.values() for name in metrics)
    classes = {
        name: {metric: values[name] for metric, values in per_class.items() if name in values}
        for name in names
    }
    return Outcome(_defined(metrics), classes)


def _defined(metrics: Metrics) -> Metrics:
    return {name: value for name, value in metrics.items() if value >= 0}
