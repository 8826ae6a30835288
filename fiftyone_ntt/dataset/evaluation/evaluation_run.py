"""An evaluation like FiftyOne's `evaluate_detections`, saved in linear time.

FiftyOne edits every label of a loaded sample in place and saves the sample, which takes time
quadratic in the labels of an image (about 5 s at 300). Here what the evaluation method notes on
labels is written with one update per sample: pycocotools' method works on documents straight from
the database, FiftyOne's own on samples that are never saved. The calls and their order mirror
`fiftyone.utils.eval.detection.evaluate_detections`; a test compares the outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import fiftyone.utils.eval.coco as fouc
import fiftyone.utils.eval.detection as foud

from fiftyone_ntt.dataset.evaluation.evaluation_work import (
    FiftyOneMatch,
    ImageOutcome,
    LabelAttributes,
)
from fiftyone_ntt.dataset.evaluation.pycocotools_evaluation import PycocotoolsEvaluation
from fiftyone_ntt.dataset.labels.fields import SHAPE_TYPES, label_field_type
from fiftyone_ntt.dataset.labels.writing import set_attributes
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError


@dataclass(frozen=True)
class _SampleOutcome:
    """Of one sample, for FiftyOne's own methods: matches, and the attributes set on its labels."""

    sample_id: str
    matches: list[FiftyOneMatch]
    attributes: tuple[LabelAttributes, LabelAttributes]

    @property
    def counts(self) -> tuple[int, int, int]:
        """True and false positives, and false negatives."""
        tallied: tuple[int, int, int] = foud._tally_matches(self.matches)
        return tallied

    def label_attributes(self, key: str) -> tuple[LabelAttributes, LabelAttributes]:
        """FiftyOne's attributes of the true and of the predicted objects."""
        return self.attributes


_Outcome = ImageOutcome | _SampleOutcome


def save_evaluation(
    samples: foc.SampleCollection,
    config: fouc.COCOEvaluationConfig,
    eval_key: str | None,
    classes: Sequence[str] | None,
    advance: Callable[[], None],
    workers: int | None = None,
) -> tuple[Any, list[str]]:
    """Evaluate and, with an `eval_key`, save as FiftyOne would.

    Args:
        samples: of images, checked.
        config: with the fields, the IoU and whether to compute mAP.
        eval_key: where to save; nothing is written when None.
        classes: which the results are about; all that occur when None.
        advance: called after each sample.
        workers: processes of pycocotools' method; as many as are worth it when None.

    Returns:
        FiftyOne's results object, and ids of the samples that could not be written.

    Raises:
        InputError: a field, or the evaluation, was deleted meanwhile.
    """
    method = config.build()
    # Nothing is registered until all is computed: a failure leaves an earlier evaluation intact.
    method.register_samples(samples, None)
    outcomes: list[_Outcome] = []
    matches: list[FiftyOneMatch] = []
    for outcome in _outcomes(samples, method, eval_key or "eval", advance, workers):
        matches.extend(outcome.matches)
        if eval_key is not None:
            outcomes.append(outcome)
    results = method.generate_results(
        samples, matches, eval_key=eval_key, classes=classes, progress=False
    )
    if eval_key is None:
        return results, []
    return results, _save(samples, method, eval_key, outcomes, results)


def _save(
    samples: foc.SampleCollection,
    method: Any,
    key: str,
    outcomes: Sequence[_Outcome],
    results: Any,
) -> list[str]:
    """Save an evaluation; returns ids of the samples that could not be written."""
    dataset, fields = samples._root_dataset, (method.config.pred_field, method.config.gt_field)
    refresh(dataset)
    for field in fields:
        label_field_type(dataset, field, SHAPE_TYPES)
    method.register_run(samples, key)
    method.register_samples(samples, key)
    unwritten = _write(dataset, method.config, key, outcomes)
    refresh(dataset)
    if key not in dataset.list_evaluations():
        with suppress(ValueError):  # a field of the labels may be gone with it
            method.cleanup(samples, key)
        raise InputError(
            f"evaluation {key!r} of {dataset.name!r} was deleted while it was being saved. "
            "Evaluate again to have it."
        )
    method.save_run_results(samples, key, results)
    method.add_fields_to_sidebar_group(samples, key, omit_fields=fields)
    return unwritten


def _outcomes(
    samples: foc.SampleCollection,
    method: Any,
    key: str,
    advance: Callable[[], None],
    workers: int | None,
) -> Iterator[_Outcome]:
    if isinstance(method, PycocotoolsEvaluation):
        yield from method.outcomes(samples, workers, advance)
        return
    fields = (method.config.gt_field, method.config.pred_field)
    for sample in samples.select_fields(list(fields)).iter_samples():
        found = method.evaluate(sample, eval_key=key)
        true, predicted = (_read_attributes(sample[field], key) for field in fields)
        yield _SampleOutcome(sample.id, found, (true, predicted))
        advance()


def _read_attributes(labels: fol.Detections | None, key: str) -> LabelAttributes:
    names = (key, f"{key}_id", f"{key}_iou")
    attributes: LabelAttributes = {}
    for label in labels.detections if labels is not None else ():
        values = {name: label.get_attribute_value(name, None) for name in names}
        # FiftyOne stores no None: the IoU of an object without a match is absent.
        attributes[label.id] = {name: value for name, value in values.items() if value is not None}
    return attributes


def _write(dataset: fo.Dataset, config: Any, key: str, outcomes: Sequence[_Outcome]) -> list[str]:
    fields = (config.gt_field, config.pred_field)
    values: dict[str, dict[str, int]] = {}
    notes: dict[str, dict[str, LabelAttributes]] = {}
    for outcome in outcomes:
        counts = zip(("tp", "fp", "fn"), outcome.counts, strict=True)
        values[outcome.sample_id] = {f"{key}_{suffix}": count for suffix, count in counts}
        notes[outcome.sample_id] = dict(zip(fields, outcome.label_attributes(key), strict=True))
    return set_attributes(dataset, values, notes)
