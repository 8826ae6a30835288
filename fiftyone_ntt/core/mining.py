"""Negative references by self-mining (method 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.rle import RLE

MAX_IOU = 0.1
"""A detection whose box overlaps a true one of its class this much is no false positive."""


@dataclass(frozen=True, eq=False)
class FalsePositive:
    """A detection of something that is not of its class.

    Attributes:
        label: class index in the bank.
        score: of the detection.
        box: inclusive pixel extrema x1, y1, x2, y2.
        mask: run lengths at image size.
        source: what the caller calls the image.
    """

    label: int
    score: float
    box: Int64[np.ndarray, " 4"]
    mask: RLE
    source: Any


def false_positives(
    match: Match, boxes: ArrayLike, labels: ArrayLike, source: Any
) -> list[FalsePositive]:
    """The detections of a labelled image that lie on no true object of their class.

    Args:
        match: of the image.
        boxes: `[G, 4]`, the true objects' x1, y1, x2, y2 in pixels, x2 and y2 exclusive.
        labels: `[G]`, their class indices; others than the bank's do not matter.
        source: kept with each.

    Returns:
        Best score first.
    """
    truth = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    found = match.boxes + np.array([0, 0, 1, 1])  # inclusive extrema to edges
    same = match.labels[:, None] == np.asarray(labels, dtype=np.int64)[None, :]
    overlap = np.where(same, _ious(found.astype(np.float64), truth), 0)
    wrong = np.flatnonzero(overlap.max(axis=1, initial=0) < MAX_IOU)
    return [
        FalsePositive(
            int(match.labels[row]),
            float(match.scores[row]),
            match.boxes[row],
            match.masks[row],
            source,
        )
        for row in wrong
    ]


def worst(candidates: list[FalsePositive], per_class: int) -> list[FalsePositive]:
    """Of each class the `per_class` with the highest scores; of equal ones the earlier."""
    kept: dict[int, list[FalsePositive]] = {}
    for candidate in sorted(candidates, key=lambda item: -item.score):
        group = kept.setdefault(candidate.label, [])
        if len(group) < per_class:
            group.append(candidate)
    return [candidate for label in sorted(kept) for candidate in kept[label]]


def _ious(
    first: Float64[np.ndarray, "N 4"], second: Float64[np.ndarray, "M 4"]
) -> Float64[np.ndarray, "N M"]:
    """IoU of every box with every other; 0 where both are empty."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(part[:, 2:] - part[:, :2]).prod(axis=1) for part in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return shared / np.maximum(union, np.finfo(np.float64).tiny)
