"""Scoring documents straight from the database, in this process or in several.

The documents travel as the database sends them. Nothing here imports FiftyOne or torch, so that a
worker starts in about a second and holds what it scores and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import bson

from fiftyone_ntt.coco.scorer import Candidate, Pair, Scorer
from fiftyone_ntt.core.images import known_size
from fiftyone_ntt.dataset.labels.coco_labels import ID, SOURCE, label_shape
from fiftyone_ntt.dataset.labels.masks import Size
from fiftyone_ntt.dataset.labels.stored_labels import StoredLabel, label_paths, stored_labels
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.workers.spreading import map_in_processes

BATCH = 32
"""Images per piece of work: some 2 MB where each has a hundred masks."""

MIN_IMAGES_PER_PROCESS = 250
"""Images that take longer to score than a process to start."""

FiftyOneMatch = tuple[str | None, str | None, float | None, float | None, str | None, str | None]
"""As FiftyOne's results take them: true and predicted label, IoU, confidence, and both ids."""

LabelAttributes = dict[str, dict[str, Any]]
"""Label id to the attributes that an evaluation sets on it."""


@dataclass(frozen=True)
class ScoringTask:
    """What is scored, and how.

    Attributes:
        gt_field: field of the true objects.
        pred_field: of the predicted ones.
        kind: by which IoU.
        iou: the threshold of matches.
        sweep: whether to compute average precision.
        crowd: attribute that marks crowds.
    """

    gt_field: str
    pred_field: str
    kind: Literal["masks", "boxes"]
    iou: float
    sweep: bool
    crowd: str

    def scorer(self) -> Scorer:
        """A scorer for it."""
        return Scorer(self.kind, self.iou, self.sweep)

    def projection(self) -> dict[str, int]:
        """What of each sample's document is needed."""
        names = ["filepath", "metadata.height", "metadata.width", ID]
        names += label_paths(self.gt_field, (self.crowd, SOURCE))
        names += label_paths(self.pred_field, (SOURCE,))
        return dict.fromkeys(names, 1)


@dataclass(frozen=True, eq=False)
class ImageOutcome:
    """What became of an image's objects.

    Attributes:
        sample_id: its sample's.
        coco_id: its id in the COCO file it came from, if any.
        matches: the verdicts, as FiftyOne's results take them.
        crowd_matches: ids and IoU of each crowd and prediction that were matched, best score first.
        not_evaluated: ids of the true and of the predicted objects that took no part.
    """

    sample_id: str
    coco_id: Any
    matches: list[FiftyOneMatch]
    crowd_matches: list[tuple[str, str, float]]
    not_evaluated: tuple[list[str], list[str]]

    @property
    def counts(self) -> tuple[int, int, int]:
        """True and false positives, and false negatives."""
        false = sum(match[0] is None for match in self.matches)
        missed = sum(match[1] is None for match in self.matches)
        return len(self.matches) - false - missed, false, missed

    def label_attributes(self, key: str) -> tuple[LabelAttributes, LabelAttributes]:
        """FiftyOne's attributes of the true and of the predicted objects.

        It stores no None: an object without a match has no IoU, one on a crowd no verdict.
        """
        verdict, other, overlap = key, f"{key}_id", f"{key}_iou"
        true: LabelAttributes = {label_id: {other: ""} for label_id in self.not_evaluated[0]}
        found: LabelAttributes = {label_id: {other: ""} for label_id in self.not_evaluated[1]}
        for match in self.matches:
            iou, true_id, found_id = match[2], match[4], match[5]
            if true_id is not None and found_id is not None:
                true[true_id] = {verdict: "tp", other: found_id, overlap: iou}
                found[found_id] = {verdict: "tp", other: true_id, overlap: iou}
            elif true_id is not None:
                true[true_id] = {verdict: "fn", other: ""}
            elif found_id is not None:
                found[found_id] = {verdict: "fp", other: ""}
        for true_id, found_id, iou in self.crowd_matches:
            # A crowd names the first of its predictions, as in FiftyOne's own evaluation.
            true.setdefault(true_id, {other: found_id, overlap: iou})
            found[found_id] = {other: true_id, overlap: iou}
        return true, found


@dataclass(frozen=True, eq=False)
class BatchOutcome:
    """Of some images: what became of each, and a scorer with them."""

    images: list[ImageOutcome]
    scorer: Scorer


def score_batches(
    batches: Iterable[bytes], task: ScoringTask, workers: int
) -> Iterator[BatchOutcome]:
    """Score batches of documents in their order, with so many processes.

    Args:
        batches: each some documents one after the other, as MongoDB sends them; taken a few ahead.
        task: what to score.
        workers: 1 to score in this process.
    """
    yield from map_in_processes(partial(score_batch, task=task), batches, workers)


def score_batch(batch: bytes, task: ScoringTask) -> BatchOutcome:
    """Score the images of a batch."""
    scorer = task.scorer()
    images = [_score_image(document, task, scorer) for document in bson.decode_all(batch)]
    scorer.compact()
    return BatchOutcome(images, scorer)


def _score_image(document: dict[str, Any], task: ScoringTask, scorer: Scorer) -> ImageOutcome:
    truth = stored_labels(document, task.gt_field)
    predicted = stored_labels(document, task.pred_field)
    metadata = document.get("metadata") or {}
    size = (
        known_size(document["filepath"], metadata.get("height"), metadata.get("width"))
        if truth or predicted
        else (0, 0)
    )
    pairs = scorer.add(
        [_true_candidate(label, size, task) for label in truth],
        [_predicted_candidate(label, size, task) for label in predicted],
    )
    crowds = [pair for pair in pairs if pair.ignored]
    # Of those objects only: the others' ids are in the matches.
    active = {pair.truth for pair in pairs}, {pair.prediction for pair in pairs}
    true, found = ([label.id for label in part] for part in (truth, predicted))
    return ImageOutcome(
        str(document["_id"]),
        document.get(ID),
        [
            _fiftyone_match(pair, truth, predicted, true, found)
            for pair in pairs
            if not pair.ignored
        ],
        [_crowd_match(pair, true, found) for pair in crowds],
        (
            [key for position, key in enumerate(true) if position not in active[0]],
            [key for position, key in enumerate(found) if position not in active[1]],
        ),
    )


def _true_candidate(label: StoredLabel, size: Size, task: ScoringTask) -> Candidate:
    _check_label(label, task)
    shape = label_shape(label, size)
    crowd = bool(label.get_attribute_value(task.crowd, False))
    return Candidate(label.label, lambda: shape.rle, shape.box, shape.area, crowd)


def _predicted_candidate(label: StoredLabel, size: Size, task: ScoringTask) -> Candidate:
    _check_label(label, task)
    if label.confidence is None:
        raise InputError(
            f"label {label.id} has no confidence, so it cannot be ranked. Give it one."
        )
    shape = label_shape(label, size)
    # COCO sizes a predicted box by itself, whether or not it has a mask.
    area = shape.area if task.kind == "masks" else shape.box[2] * shape.box[3]
    return Candidate(label.label, lambda: shape.rle, shape.box, area, score=label.confidence)


def _check_label(label: StoredLabel, task: ScoringTask) -> None:
    if label.label is not None and not isinstance(label.label, str):
        raise InputError(
            f"label {label.id} has the class {shown(label.label)}, which is no text. Give it a "
            "name, or evaluate a view without it."
        )
    if task.kind == "masks" and not label.has_mask:
        raise InputError(
            f"label {label.id} has no mask. Evaluate boxes instead, or turn boxes into masks "
            "with `boxes_to_masks`."
        )


def _fiftyone_match(
    pair: Pair,
    truth: Sequence[StoredLabel],
    predicted: Sequence[StoredLabel],
    true: Sequence[str],
    found: Sequence[str],
) -> FiftyOneMatch:
    return (
        None if pair.truth is None else truth[pair.truth].label,
        None if pair.prediction is None else predicted[pair.prediction].label,
        pair.iou,
        None if pair.prediction is None else predicted[pair.prediction].confidence,
        None if pair.truth is None else true[pair.truth],
        None if pair.prediction is None else found[pair.prediction],
    )


def _crowd_match(pair: Pair, true: Sequence[str], found: Sequence[str]) -> tuple[str, str, float]:
    assert pair.truth is not None and pair.prediction is not None and pair.iou is not None
    return true[pair.truth], found[pair.prediction], pair.iou
