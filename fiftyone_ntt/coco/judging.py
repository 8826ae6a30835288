"""Which predictions of an image are right, as COCO matches them with true objects.

A prediction is right if it is of the class of a true object, their masks have an IoU of at least
0.5, and no prediction of a higher score has that object.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.mask_objects import predicted_objects
from fiftyone_ntt.coco.scorer import Candidate, Scorer
from fiftyone_ntt.core.calibration import Judged
from fiftyone_ntt.core.matching import Match

RIGHT_IOU = 0.5
"""Mask IoU of a prediction and the object that it shows."""
MOSTLY = 0.5
"""Share of a prediction that lies on an object, from which on it is about that object."""
ABOUT_IOU = 0.3
"""Mask IoU from which on a prediction is about an object, though most of it lies beside."""


def judged_by_labels(
    match: Match, classes: Sequence[str], truth: Sequence[Candidate], image: int
) -> Judged:
    """All predictions of a completely labelled image, but for those on crowds.

    Args:
        match: of the image.
        classes: of the bank that it was matched with.
        truth: all objects of those classes in the image, with masks.
        image: its number.
    """
    right, ignored = _verdicts(match, classes, truth)
    return _judged(match, right, image).where(~ignored)


def judged_by_references(
    match: Match, classes: Sequence[str], references: Sequence[Candidate], image: int
) -> Judged:
    """The predictions of an image that are about its references; nothing is known of the others.

    One of another class is wrong, and so is a second one of the reference's class.

    Args:
        match: of the image, with a bank that does not know these references.
        classes: of that bank.
        references: with masks; at least one.
        image: its number.
    """
    right, ignored = _verdicts(match, classes, references)
    known = (right | _is_about(match, references)) & ~ignored
    return _judged(match, right, image).where(known)


def judged_by_the_rest(
    match: Match,
    classes: Sequence[str],
    truth: Sequence[Candidate],
    references: Sequence[Candidate],
    image: int,
) -> Judged:
    """The predictions of a completely labelled image but for those about its references.

    An image is a reference's because it shows an object of a class: with it, right predictions
    would be more frequent than on images that nobody chose.

    Args:
        match: of the image, with a bank that does not know these references.
        classes: of that bank.
        truth: all objects of those classes in the image, with masks.
        references: those of them that are references.
        image: its number.
    """
    right, ignored = _verdicts(match, classes, truth)
    known = ~_is_about(match, references) & ~ignored
    return _judged(match, right, image).where(known)


def _judged(match: Match, right: Bool[np.ndarray, " D"], image: int) -> Judged:
    scores = match.scores.astype(np.float64).clip(0, 1)
    return Judged(match.labels, scores, right, np.full(len(match), image))


def _verdicts(
    match: Match, classes: Sequence[str], truth: Sequence[Candidate]
) -> tuple[Bool[np.ndarray, " D"], Bool[np.ndarray, " D"]]:
    """Which predictions are right, and which lie on a crowd and do not count."""
    predictions = predicted_objects(match, classes)
    right, ignored = np.zeros((2, len(match)), dtype=bool)
    for pair in Scorer("masks", RIGHT_IOU, sweep=False).add(truth, predictions):
        if pair.prediction is not None and pair.truth is not None:
            (ignored if pair.ignored else right)[pair.prediction] = True
    return right, ignored


def _is_about(match: Match, references: Sequence[Candidate]) -> Bool[np.ndarray, " D"]:
    """Whether each prediction is about one of the references more than about anything else."""
    if not len(match) or not references:
        return np.zeros(len(match), dtype=bool)
    masks = [item.rle() if callable(item.rle) else item.rle for item in references]
    ious = np.asarray(coco_mask.iou(list(match.masks), masks, [0] * len(masks)))
    # Against "crowds" pycocotools divides by the prediction's area alone.
    shares = np.asarray(coco_mask.iou(list(match.masks), masks, [1] * len(masks)))
    return (shares.max(axis=1) >= MOSTLY) | (ious.max(axis=1) >= ABOUT_IOU)
