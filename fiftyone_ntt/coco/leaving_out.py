"""AP without one image after the other: what a jackknife over images needs.

Scoring anew without each image would take as many evaluations as there are images. But AP depends
on its right predictions alone: on how many are right up to each of them, and how many predictions
that took. Leaving an image out lowers both by the image's own, which is a few small arrays a class.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.coco.scorer import ClassOutcomes, Scorer

_RECALLS = COCOeval(iouType="segm").params.recThrs


def ap_without_each(scorer: Scorer) -> tuple[float, Float64[np.ndarray, " images"]]:
    """COCO's AP of the images a scorer has seen, and AP without each of them, in their order.

    Args:
        scorer: with `sweep`.

    Returns:
        0..1; NaN where no true object is left.

    Example:
        >>> from fiftyone_ntt.coco.scorer import Candidate
        >>> scorer = Scorer("boxes")
        >>> boat = Candidate("boat", None, (0, 0, 40, 40), 1600, score=0.9)
        >>> _ = scorer.add([boat], [boat]), scorer.add([boat], [])
        >>> ap, without = ap_without_each(scorer)
        >>> round(ap, 2), without.round(2).tolist()
        (0.5, [0.0, 1.0])
    """
    images = scorer.images
    rows = [_class_aps(outcomes, images) for outcomes in scorer.outcomes()]
    if not rows:
        return float("nan"), np.full(images, np.nan)
    aps = np.stack(rows)
    shown = ~np.isnan(aps)
    counts = shown.sum(axis=0)
    sums = np.where(shown, aps, 0).sum(axis=0)
    means = np.divide(sums, counts, out=np.full(images + 1, np.nan), where=counts > 0)
    return float(means[images]), means[:images]


def _class_aps(found: ClassOutcomes, images: int) -> Float64[np.ndarray, " rows"]:
    """A class's AP without each image, and last without none; NaN where it has no object then."""
    positives = len(found.objects) - np.bincount(found.objects, minlength=images + 1)
    weights = _recall_weights(positives)
    aps = np.zeros(images + 1)
    for right, counted in zip(found.right, found.counted, strict=True):
        aps += _threshold_aps(found.image, right, counted, positives, weights)
    return np.where(positives > 0, aps / len(found.right), np.nan)


def _threshold_aps(
    image: Int64[np.ndarray, " D"],
    right: np.ndarray,
    counted: np.ndarray,
    positives: Int64[np.ndarray, " rows"],
    weights: Float64[np.ndarray, "rows P"],
) -> Float64[np.ndarray, " rows"]:
    """AP at one IoU threshold, without each image and without none."""
    rows, places = len(positives), np.flatnonzero(right)
    if not len(places):
        return np.zeros(rows)
    others = np.flatnonzero(counted)
    taken = np.searchsorted(others, places) + 1
    # Of each image, how many of its own lie up to each right prediction.
    own_right = _own_counts(image[places], np.arange(len(places)), rows, len(places))
    first_after = np.searchsorted(places, others)
    own_taken = _own_counts(image[others], first_after, rows, len(places))
    counts = np.arange(1, len(places) + 1) - own_right
    lengths = taken - own_taken
    stays = image[places] != np.arange(rows)[:, None]
    precision = np.where(stays, counts / np.maximum(lengths, 1), 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    shares = np.take_along_axis(weights, counts, axis=1)
    return np.where(stays, envelope * shares, 0).sum(axis=1)


def _own_counts(
    image: Int64[np.ndarray, " D"], place: Int64[np.ndarray, " D"], rows: int, places: int
) -> Int64[np.ndarray, "rows places"]:
    """Of each image, how many of its entries lie at each place or before."""
    flat = np.bincount(image * (places + 1) + place, minlength=rows * (places + 1))
    return np.cumsum(flat.reshape(rows, places + 1)[:, :places], axis=1)


def _recall_weights(positives: Int64[np.ndarray, " rows"]) -> Float64[np.ndarray, "rows P"]:
    """By right predictions: the share of COCO's recalls first reached by that one, of so many
    objects.

    The lowest, 0, is reached by any prediction, where the precision is the first right one's.
    """
    counts, row = np.unique(positives, return_inverse=True)
    weights = np.zeros((len(counts), int(counts[-1]) + 1))
    for index, objects in enumerate(counts.tolist()):
        reached = np.arange(1, objects + 1) / max(objects, 1)
        needed = np.searchsorted(reached, _RECALLS, side="left") + 1
        found = np.bincount(needed, minlength=objects + 1)[: objects + 1]
        weights[index, : objects + 1] = found / len(_RECALLS)
    return weights[row]
