"""In which order a person looks at predictions, so that each look tells as much as it can.

What is told is how doubtful a prediction is: its chance of being right lies near one half, another
class resembles it nearly as much, another prediction claims its place, or the reference that it
resembles most is one to look at itself. Of predictions that look alike, such as those with one
nearest reference, the first tells more than the tenth: they take turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

NEAR_BOUNDARY = 0.5
"""Of the doubt that chance or margin alone make: from which on a person is told of it."""


@dataclass(frozen=True, eq=False)
class Reviewable:
    """Predictions to be looked at, one row each.

    Attributes:
        labels: index of the class.
        chances: of being right, 0..1; see `chances_by_rank` where nobody knows them.
        margins: how much more similar the best class is than the second, 0 or more.
        contested: whether a prediction of another class claims the same place.
        odd_references: whether the reference it resembles most is one to look at itself.
        groups: predictions that look alike have one number: that of their nearest reference.
    """

    labels: Int64[np.ndarray, " N"]
    chances: Float64[np.ndarray, " N"]
    margins: Float64[np.ndarray, " N"]
    contested: Bool[np.ndarray, " N"]
    odd_references: Bool[np.ndarray, " N"]
    groups: Int64[np.ndarray, " N"]

    def __len__(self) -> int:
        """How many predictions."""
        return len(self.labels)


def doubts(items: Reviewable) -> Float64[np.ndarray, " N"]:
    """How much looking at each tells, 0..1; the one to look at first has the highest."""
    if not len(items):
        return np.zeros(0)
    base = (
        0.5 * chance_doubts(items.chances)
        + 0.3 * margin_doubts(items.margins)
        + 0.1 * items.contested
        + 0.1 * items.odd_references
    )
    turns = _places_within(items.groups, base)
    found: Float64[np.ndarray, " N"] = base / np.sqrt(1 + turns)
    return found


def chance_doubts(chances: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """1 where it may as well be wrong as right, 0 where it is certain."""
    return 1 - np.abs(2 * chances - 1)


def margin_doubts(margins: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """1 where two classes are equally similar, falling to 0; one half at the median margin."""
    if not len(margins):
        return np.zeros(0)
    typical = max(float(np.median(margins)), 1e-6)
    found: Float64[np.ndarray, " N"] = typical / (typical + np.maximum(margins, 0))
    return found


def chances_by_rank(scores: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """A stand-in for chances where none are known: the share of predictions of no higher score."""
    if not len(scores):
        return np.zeros(0)
    return np.searchsorted(np.sort(scores), scores, side="right") / len(scores)


def _places_within(
    groups: Int64[np.ndarray, " N"], values: Float64[np.ndarray, " N"]
) -> Int64[np.ndarray, " N"]:
    """The place of each value among those of its group, the highest being 0."""
    order = np.lexsort((-values, groups))
    starts = np.r_[0, np.flatnonzero(np.diff(groups[order])) + 1]
    sizes = np.diff(np.r_[starts, len(order)])
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    return places
