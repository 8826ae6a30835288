"""COCO's own evaluation as an evaluation method of FiftyOne."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import fiftyone.utils.eval.coco as fouc
import fiftyone.utils.eval.detection as foud

from fiftyone_ntt.coco.scorer import Scores
from fiftyone_ntt.dataset.evaluation.evaluation_work import (
    BATCH,
    MIN_IMAGES_PER_PROCESS,
    ImageOutcome,
    LabelAttributes,
    ScoringTask,
    score_batches,
)
from fiftyone_ntt.dataset.labels.fields import SHAPE_TYPES, label_field_type, sample_count
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.workers.processes import default_workers

_URI = "fiftyone_ntt"


class PycocotoolsEvaluationConfig(fouc.COCOEvaluationConfig):  # type: ignore[misc]
    """Evaluation with pycocotools, for `evaluate_detections(method=PycocotoolsEvaluationConfig)`.

    Takes the arguments of FiftyOne's `COCOEvaluationConfig` that say what is evaluated:
    `pred_field`, `gt_field`, `iou` (0.5, 0.55, ... 0.95), `iscrowd`, `use_masks`, and
    `compute_mAP`, which is True unless given.

    Example:
        >>> results = view.evaluate_detections(
        ...     "predictions", "ground_truth", method=PycocotoolsEvaluationConfig, use_masks=True
        ... )
        >>> round(results.metrics()["AP50"], 2)
        0.67
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
        """Name of the method, as FiftyOne stores and shows it."""
        return "pycocotools"

    @property
    def cls(self) -> str:
        """The class's path as databases hold it; see `fiftyone_ntt.dataset.exact_evaluation`."""
        return f"fiftyone_ntt.dataset.exact_evaluation.{type(self).__name__}"


class PycocotoolsEvaluation(fouc.COCOEvaluation):  # type: ignore[misc]
    """Scores a whole collection at once, and tells FiftyOne image by image what came out."""

    def __init__(self, config: PycocotoolsEvaluationConfig) -> None:
        super().__init__(config)
        self._task = ScoringTask(
            gt_field=config.gt_field,
            pred_field=config.pred_field,
            kind="masks" if config.use_masks else "boxes",
            iou=config.iou,
            sweep=config.compute_mAP,
            crowd=config.iscrowd,
        )
        self._scorer = self._task.scorer()
        self._order: list[int] = []
        self._outcomes_by_sample: dict[str, ImageOutcome] | None = None

    def register_samples(
        self, samples: foc.SampleCollection, eval_key: str | None, dynamic: bool = True
    ) -> None:
        """Check both fields, and keep the samples for `evaluate`."""
        for field in (self.config.pred_field, self.config.gt_field):
            label_field_type(samples, field, SHAPE_TYPES)
        super().register_samples(samples, eval_key, dynamic=dynamic)
        self._samples = samples

    def outcomes(
        self,
        samples: foc.SampleCollection,
        workers: int | None = None,
        advance: Callable[[], None] = lambda: None,
    ) -> Iterator[ImageOutcome]:
        """Score the images of a collection; yields what became of each, in their order.

        Args:
            samples: checked.
            workers: processes; as many as are worth it when None.
            advance: called after each image.
        """
        self._scorer, coco_ids = self._task.scorer(), []
        count = workers
        if count is None:
            count = default_workers(sample_count(samples), MIN_IMAGES_PER_PROCESS)
        for batch in score_batches(_document_batches(samples, self._task), self._task, count):
            self._scorer.extend(batch.scorer)
            for image in batch.images:
                coco_ids.append(image.coco_id)
                yield image
                advance()
        self._order = _image_order(coco_ids)

    def scores(self, classes: Sequence[str] | None = None) -> Scores:
        """Scores of the images that `outcomes` yielded; of all classes when None."""
        return self._scorer.scores(classes, self._order)

    def evaluate(self, sample_or_frame: Any, eval_key: str | None = None) -> list[Any]:
        """The matches of an image; objects on crowds are in none and get no verdict."""
        if self._outcomes_by_sample is None:
            self._outcomes_by_sample = {
                image.sample_id: image for image in self.outcomes(self._samples)
            }
        outcome = self._outcomes_by_sample[sample_or_frame.id]
        if eval_key is not None:
            fields = (self.gt_field, self.pred_field)
            for field, found in zip(fields, outcome.label_attributes(eval_key), strict=True):
                _set_attributes(sample_or_frame[field], found, eval_key)
        return outcome.matches

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
        scores = self.scores(classes)
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
            custom_metrics=metric_entries(scores),
            backend=self,
        )


def _document_batches(samples: foc.SampleCollection, task: ScoringTask) -> Iterator[bytes]:
    """The documents of a collection, as the database sends them."""
    pipeline = samples._pipeline(pipeline=[{"$project": task.projection()}])
    collection = samples._dataset._sample_collection
    batches: Iterator[bytes] = collection.aggregate_raw_batches(
        pipeline, batchSize=BATCH, allowDiskUse=True
    )
    # The first may be empty, before the database has found anything.
    yield from (batch for batch in batches if batch)


def _image_order(coco_ids: list[Any]) -> list[int]:
    """By COCO image id, as pycocotools goes; in the order of the view without such ids."""
    if any(key is None for key in coco_ids):
        return list(range(len(coco_ids)))
    return [index for _, index in sorted(zip(coco_ids, range(len(coco_ids)), strict=True))]


def _set_attributes(
    labels: fol.Detections | fol.Polylines | None, found: LabelAttributes, key: str
) -> None:
    """Write FiftyOne's three attributes on the labels."""
    for label in labels[labels._LABEL_LIST_FIELD] if labels is not None else ():
        attributes = found[label.id]
        for name in (key, f"{key}_id", f"{key}_iou"):
            label[name] = attributes.get(name)


def metric_entries(scores: Scores) -> dict[str, Any]:
    """Figures as FiftyOne's results keep custom metrics; those that are undefined are left out."""
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
