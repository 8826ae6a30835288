"""In which order a person looks at predictions, so that each look teaches as much as it can.

What teaches is what a bank is unsure of: of each class the predictions of the lowest scores, and
those that another class resembles nearly as much. Accepted, they are appearances that its
references did not show; rejected, they are what it takes for the class. The surest ones are right,
and bring what it has. Of predictions that are alike (of one class, with one nearest reference, on
one image) the first teaches more than the fifth: they take turns. `docs/review.md` has the
evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

SCORE, MARGIN, CONTESTED, ODD = 0.8, 0.1, 0.05, 0.05
"""What counts how much of a doubt; together 1."""
TURNS = {"labels": 0.15, "nearest": 0.15, "images": 0.3}
"""How much the next of its kind loses: the n-th counts `n ** -x`."""


@dataclass(frozen=True, eq=False)
class Reviewable:
    """Predictions to be looked at, one row each.

    Attributes:
        labels: index of the class.
        scores: of them, 0..1.
        chances: of being right, 0..1; NaN where nobody knows.
        margins: how much more similar the best class is than the second; NaN likewise.
        contested: whether a prediction of another class claims the same place.
        odd: whether the reference that it resembles most is one to look at itself.
        nearest: index of that reference.
        images: index of the image.
    """

    labels: Int64[np.ndarray, " N"]
    scores: Float64[np.ndarray, " N"]
    chances: Float64[np.ndarray, " N"]
    margins: Float64[np.ndarray, " N"]
    contested: Bool[np.ndarray, " N"]
    odd: Bool[np.ndarray, " N"]
    nearest: Int64[np.ndarray, " N"]
    images: Int64[np.ndarray, " N"]

    def __len__(self) -> int:
        """How many predictions."""
        return len(self.labels)


def doubts(items: Reviewable) -> Float64[np.ndarray, " N"]:
    """How much looking at each teaches, 0..1; the one to look at first has the highest.

    Example:
        >>> none, once = np.zeros(3, dtype=bool), np.arange(3)
        >>> unknown = np.full(3, np.nan)
        >>> scores, margins = np.array([0.9, 0.3, 0.5]), np.array([0.2, 0.01, 0.1])
        >>> one = np.zeros(3, dtype=np.int64)
        >>> items = Reviewable(one, scores, unknown, margins, none, none, once, once)
        >>> int(doubts(items).argmax())
        1
    """
    told = (
        SCORE * score_doubts(items)
        + MARGIN * margin_doubts(items.margins)
        + CONTESTED * items.contested
        + ODD * items.odd
    )
    found = told.copy()
    for name, power in TURNS.items():
        found /= (1 + _places(getattr(items, name), told)) ** power
    return found


def score_doubts(items: Reviewable) -> Float64[np.ndarray, " N"]:
    """1 for the least sure, 0 for the surest: scores mean something within their class alone,
    calibrated chances everywhere."""
    found = np.zeros(len(items))
    known = ~np.isnan(items.chances)
    found[known] = 1 - _shares(items.chances[known])
    for label in np.unique(items.labels[~known]):
        rows = ~known & (items.labels == label)
        found[rows] = 1 - _shares(items.scores[rows])
    return found


def margin_doubts(margins: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """1 for the closest call, 0 for the clearest; one half where nobody knows."""
    found = np.full(len(margins), 0.5)
    known = ~np.isnan(margins)
    found[known] = 1 - _shares(margins[known])
    return found


def _shares(values: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Of each value the share of those below it and half of its equals', 0..1."""
    ranked = np.sort(values)
    below, above = (np.searchsorted(ranked, values, side=side) for side in ("left", "right"))
    return (below + above) / (2 * max(len(values), 1))


def _places(
    groups: Int64[np.ndarray, " N"], values: Float64[np.ndarray, " N"]
) -> Int64[np.ndarray, " N"]:
    """The place of each value among those of its group, the highest being 0."""
    order = np.lexsort((-values, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    return places
