"""COCO's own evaluation as an evaluation method of FiftyOne."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import fiftyone.utils.eval.coco as fouc
import fiftyone.utils.eval.detection as foud

from fiftyone_ntt.coco.scorer import Candidate, Pair, Scorer, Scores
from fiftyone_ntt.core.images import known_size
from fiftyone_ntt.dataset.coco_labels import ID, detection_shape
from fiftyone_ntt.dataset.fields import label_field_type
from fiftyone_ntt.errors import InputError

_URI = "fiftyone_ntt"


class PycocotoolsEvaluationConfig(fouc.COCOEvaluationConfig):  # type: ignore[misc]
    """Evaluation with pycocotools, for `evaluate_detections(method=PycocotoolsEvaluationConfig)`.

    Takes the arguments of FiftyOne's `COCOEvaluationConfig` that say what is evaluated:
    `pred_field`, `gt_field`, `iou` (0.5, 0.55, ... 0.95), `iscrowd`, `use_masks`, and
    `compute_mAP`, which is True unless given.

    Example:
        >>> dataset.evaluate_detections(  # doctest: +SKIP
        ...     "predictions", "ground_truth", method=PycocotoolsEvaluationConfig, use_masks=True
        ... ).metrics()["APs"]
        0.31
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"compute_mAP": True, **kwargs})
        if self.classwise is False or self.tolerance is not None:
            raise InputError(
                "pycocotools matches objects of one class by their exact masks. Leave out "
                "`classwise=False` and `tolerance`, or use FiftyOne's method 'coco'."
            )

    @property
    def method(self) -> str:
        return "pycocotools"


class PycocotoolsEvaluation(fouc.COCOEvaluation):  # type: ignore[misc]
    """Matches image by image, as FiftyOne asks for it, and scores all of them at the end."""

    def register_samples(
        self, samples: foc.SampleCollection, eval_key: str | None, dynamic: bool = True
    ) -> None:
        for field in (self.config.pred_field, self.config.gt_field):
            label_field_type(samples, field, (fol.Detections,))
        super().register_samples(samples, eval_key, dynamic=dynamic)
        self._scorer = Scorer(
            "masks" if self.config.use_masks else "boxes",
            self.config.iou,
            self.config.compute_mAP,
        )

    def evaluate(self, sample_or_frame: Any, eval_key: str | None = None) -> list[Any]:
        """Match the objects of an image; those on crowds are in no match and get no verdict."""
        truth, predicted = (
            _detections(sample_or_frame[field]) for field in (self.gt_field, self.pred_field)
        )
        size = _size(sample_or_frame)
        pairs = self._scorer.add(
            [self._candidate(label, size, truth=True) for label in truth],
            [self._candidate(label, size, truth=False) for label in predicted],
        )
        if eval_key is not None:
            _note(pairs, truth, predicted, eval_key)
        return [_match(pair, truth, predicted) for pair in pairs if not pair.ignored]

    def _candidate(self, label: fol.Detection, size: tuple[int, int], truth: bool) -> Candidate:
        shape = detection_shape(label, size)
        if self.config.use_masks and shape.rle is None:
            raise InputError(
                f"label {label.id} has no mask. Evaluate boxes instead, or turn boxes into masks "
                "with `boxes_to_masks`."
            )
        if truth:
            crowd = bool(label.get_attribute_value(self.config.iscrowd, False))
            return Candidate(label.label, shape.rle, shape.box, shape.area, crowd)
        if label.confidence is None:
            raise InputError(
                f"label {label.id} has no confidence, so it cannot be ranked. Give it one."
            )
        # COCO sizes a predicted box by itself, whether or not it has a mask.
        area = shape.area if self.config.use_masks else shape.box[2] * shape.box[3]
        return Candidate(label.label, shape.rle, shape.box, area, score=label.confidence)

    def generate_results(
        self,
        samples: foc.SampleCollection,
        matches: list[Any],
        eval_key: str | None = None,
        classes: Sequence[str] | None = None,
        missing: str | None = None,
        progress: Any = None,
    ) -> foud.DetectionResults:
        """FiftyOne's results, with COCO's twelve figures among `metrics()`."""
        if not self.config.compute_mAP:
            return super().generate_results(
                samples, matches, eval_key=eval_key, classes=classes, missing=missing
            )
        scores = self._scorer.scores(classes, _image_order(samples))
        return fouc.COCODetectionResults(
            samples,
            self.config,
            eval_key,
            matches,
            scores.precision,
            [index / 100 for index in range(101)],
            self.config.iou_threshs,
            list(scores.classes),
            recall_sweep=scores.recall,
            thresholds=scores.thresholds,
            missing=missing,
            custom_metrics=_metrics(scores),
            backend=self,
        )


def _detections(labels: fol.Detections | None) -> list[fol.Detection]:
    return list(labels.detections) if labels is not None else []


def _size(sample: Any) -> tuple[int, int]:
    metadata = sample["metadata"]
    height = metadata.height if metadata else None
    width = metadata.width if metadata else None
    return known_size(sample["filepath"], height, width)


def _image_order(samples: foc.SampleCollection) -> list[int]:
    """By COCO image id, as pycocotools goes; in the order of the view without such ids."""
    ids = samples.values(ID) if samples.get_field(ID) is not None else [None] * len(samples)
    if any(key is None for key in ids):
        return list(range(len(ids)))
    return [index for _, index in sorted(zip(ids, range(len(ids)), strict=True))]


def _note(
    pairs: list[Pair], truth: list[fol.Detection], predicted: list[fol.Detection], key: str
) -> None:
    """Write FiftyOne's three attributes on the labels."""
    for label in (*truth, *predicted):
        label[key], label[f"{key}_id"], label[f"{key}_iou"] = None, "", None
    for pair in pairs:
        true = None if pair.truth is None else truth[pair.truth]
        found = None if pair.prediction is None else predicted[pair.prediction]
        verdict = "fp" if true is None else "fn" if found is None else "tp"
        for label, other in ((true, found), (found, true)):
            # A crowd names the first of its predictions, as in FiftyOne's own evaluation.
            if label is None or label[f"{key}_id"]:
                continue
            label[key] = None if pair.ignored else verdict
            if other is not None:
                label[f"{key}_id"], label[f"{key}_iou"] = other.id, pair.iou


def _match(pair: Pair, truth: list[fol.Detection], predicted: list[fol.Detection]) -> Any:
    true = None if pair.truth is None else truth[pair.truth]
    found = None if pair.prediction is None else predicted[pair.prediction]
    return (
        true.label if true else None,
        found.label if found else None,
        pair.iou,
        found.confidence if found else None,
        true.id if true else None,
        found.id if found else None,
    )


def _metrics(scores: Scores) -> dict[str, Any]:
    """As FiftyOne keeps custom metrics; those that are undefined are left out."""
    return {
        f"{_URI}/{name}": {
            "key": name,
            "value": value,
            "label": name,
            "lower_is_better": False,
        }
        for name, value in scores.metrics.items()
        if value > -1
    }
