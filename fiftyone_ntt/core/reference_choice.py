"""Which of many candidates to make references of: those with which the candidates' own objects, as
segmenting sees them, would be given their classes.

A candidate is two vectors: the prototype of its window, which a bank would keep of it, and the
feature of the same object in its whole picture, which segmenting compares with banks. A choice is
as good as the features of all candidates get their own class from the prototypes of those chosen,
by the rule of `mode="best"`. So a class of several appearances gets one of each, a class that looks
like another gets what tells them apart, and an object that looks like no other of its class, or
wrongly labelled, helps nobody and stays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from fiftyone_ntt.core.settings import BEST_SCORING

TEMPERATURE = BEST_SCORING.reference_temperature or 0.05
"""Of the references and of the classes: that both are one makes all this sums of exponentials."""
_ROUNDS = 8
"""Most times that all classes are gone through: two or three leave nothing to change."""
_LEAST_GAIN = 1e-9


@dataclass(frozen=True, eq=False)
class EncodedCandidates:
    """Labelled objects that may become references.

    Attributes:
        prototypes: of their windows, unit rows.
        features: of the same objects in their whole pictures, unit rows.
        classes: index of the class of each.
    """

    prototypes: Float32[np.ndarray, "R C"]
    features: Float32[np.ndarray, "R C"]
    classes: Int64[np.ndarray, " R"]


def choose_diverse(candidates: EncodedCandidates, shots: int) -> list[int]:
    """Rows of the candidates to make references of.

    Each class gets one after the other what helps most, beginning with what the others of its class
    resemble most; then one at a time is exchanged as long as that helps. Nothing is random.

    Args:
        candidates: at least one of each class.
        shots: references per class, at least 1.

    Returns:
        Rows class by class, fewer of a class that has fewer candidates.
    """
    search = _Search(candidates)
    for _ in range(shots - 1):
        for label in range(search.count):
            search.extend(label)
    for _ in range(_ROUNDS):
        exchanged = [search.exchange(label) for label in range(search.count)]
        if not any(exchanged):
            break
    return [row for chosen in search.chosen for row in chosen]


def exponentials(cosines: Float32[np.ndarray, "N R"]) -> Float64[np.ndarray, "N R"]:
    """`exp(cos / t)`, relative to the highest there may be: nothing overflows."""
    return np.exp((cosines.astype(np.float64) - 1) / TEMPERATURE)


def consistent(
    kernel: Float64[np.ndarray, "R R"], classes: Int64[np.ndarray, " R"]
) -> Bool[np.ndarray, " R"]:
    """Which candidates the others, all of them a bank, would not give another class.

    One that is alone of its kind, such as a wrong label, would cover itself and nothing else. Of a
    class that has no other candidate than such, all count.

    Args:
        kernel: `exponentials` of the candidates' features and prototypes.
        classes: of the candidates.
    """
    present, own = np.unique(classes, return_inverse=True)
    sums = np.stack([kernel[:, own == k].sum(axis=1) for k in range(len(present))], axis=1)
    every = np.arange(len(own))
    sums[every, own] -= np.diag(kernel)
    sizes = np.bincount(own) - np.eye(len(present), dtype=np.int64)[own]
    fit = (sums / np.maximum(sizes, 1)).argmax(axis=1) == own
    return fit | (np.bincount(own[fit], minlength=len(present))[own] == 0)


class _Search:
    """The rows chosen so far, at least one per class, and how the classes compare for each object.

    Of an object `exp(similarity / t)` to a class is the mean of `exp(cos / t)` over the class's
    references: `kernel` has those of all candidates, `means` the classes'.
    """

    def __init__(self, candidates: EncodedCandidates) -> None:
        cosines = candidates.features @ candidates.prototypes.T
        self.kernel = exponentials(cosines)
        self.classes = candidates.classes
        self.count = int(self.classes.max()) + 1
        self.fit = consistent(self.kernel, self.classes)
        sizes = np.bincount(self.classes[self.fit], minlength=self.count)
        self.weights = self.fit / (self.count * sizes[self.classes])
        self.chosen = [[self._first(label)] for label in range(self.count)]
        self.means = self.kernel[:, [rows[0] for rows in self.chosen]]

    def extend(self, label: int) -> None:
        """Choose one more of a class, if there is one."""
        free = self._free(label, self.chosen[label])
        if len(free):
            best = self._values(label, self.chosen[label], free).argmax()
            self._set(label, [*self.chosen[label], int(free[best])])

    def exchange(self, label: int) -> bool:
        """Replace each of a class's by a better one, if there is one; whether there was."""
        changed = False
        for present in self.chosen[label].copy():
            others = [row for row in self.chosen[label] if row != present]
            free = self._free(label, others)
            values = self._values(label, others, free)
            best = values.argmax()
            if values[best] > values[free == present][0] + _LEAST_GAIN:
                self._set(label, [*others, int(free[best])])
                changed = True
        return changed

    def _first(self, label: int) -> int:
        """The row that the objects of its class resemble most."""
        rows = np.flatnonzero((self.classes == label) & self.fit)
        return int(rows[_similarity(self.kernel[np.ix_(rows, rows)]).mean(axis=0).argmax()])

    def _set(self, label: int, rows: list[int]) -> None:
        self.chosen[label] = rows
        self.means[:, label] = self.kernel[:, rows].mean(axis=1)

    def _free(self, label: int, chosen: list[int]) -> Int64[np.ndarray, " F"]:
        """Rows of a class that are not chosen."""
        members = self.classes == label
        free = np.setdiff1d(np.flatnonzero(members & self.fit), chosen)
        return free if len(free) else np.setdiff1d(np.flatnonzero(members), chosen)

    def _values(
        self, label: int, chosen: list[int], free: Int64[np.ndarray, " F"]
    ) -> Float64[np.ndarray, " F"]:
        """How good the choice is with each of some rows beside those chosen of a class.

        The mean over classes of the mean over their objects of the score that `mode="best"` gives
        them for their own class, but for the mask's quality.
        """
        others = self.means.sum(axis=1) - self.means[:, label]
        beside = self.kernel[:, chosen].sum(axis=1)[:, None] + self.kernel[:, free]
        new = beside / (len(chosen) + 1)
        own = self.means[np.arange(len(self.classes)), self.classes][:, None]
        own = np.where((self.classes == label)[:, None], new, own)
        return self.weights @ (_similarity(own) * own / (others[:, None] + new))


def _similarity(means: Float64[np.ndarray, "N F"]) -> Float64[np.ndarray, "N F"]:
    """To a class whose references' exponentials have these means, clamped at 0."""
    return np.maximum(1 + TEMPERATURE * np.log(means), 0)
