"""Which candidates would help a bank most that it does not have yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.reference_choice import EncodedCandidates, consistent, exponentials

LEAST_GAIN = 0.1
"""Of the other candidates, as a sum of shares, below which an addition is not worth naming."""


@dataclass(frozen=True)
class Addition:
    """A candidate that a bank should have.

    Attributes:
        row: of the candidates.
        gain: how many more of the other candidates' objects get their own class with it, as a sum
            of shares, beside the additions before it.
        resembling: how many of them resemble it more than anything that the bank has of its class.
    """

    row: int
    gain: float
    resembling: int


def choose_additions(bank: MemoryBank, candidates: EncodedCandidates, most: int) -> list[Addition]:
    """The candidates that help most, one after the other.

    Args:
        bank: whose references are given.
        candidates: their classes are the bank's; none of them is in it.
        most: how many.

    Returns:
        Fewer where no further one helps.
    """
    given = exponentials(candidates.features @ bank.unit_references.T)
    kernel = exponentials(candidates.features @ candidates.prototypes.T)
    labels, count = bank.references.classes, len(bank.classes)
    sums = np.stack([given[:, labels == k].sum(axis=1) for k in range(count)], axis=1)
    best = np.stack([given[:, labels == k].max(axis=1) for k in range(count)], axis=1)
    sizes = np.bincount(labels, minlength=count)
    free = consistent(kernel, candidates.classes)
    found: list[Addition] = []
    while len(found) < most and free.any():
        gains = np.where(free, _gains(kernel, candidates.classes, sums, sizes), -np.inf)
        row = int(gains.argmax())
        if gains[row] < LEAST_GAIN:
            break
        label = int(candidates.classes[row])
        alike = (kernel[:, row] > best[:, label]) & (candidates.classes == label)
        alike[row] = False
        found.append(Addition(row, float(gains[row]), int(alike.sum())))
        free[row] = False
        sums[:, label] += kernel[:, row]
        sizes[label] += 1
        best[:, label] = np.maximum(best[:, label], kernel[:, row])
    return found


def _gains(
    kernel: Float64[np.ndarray, "R R"],
    classes: Int64[np.ndarray, " R"],
    sums: Float64[np.ndarray, "R K"],
    sizes: Int64[np.ndarray, " K"],
) -> Float64[np.ndarray, " R"]:
    """What each candidate alone would bring to the others."""
    means = sums / sizes
    every = np.arange(len(classes))
    own, total = means[every, classes], means.sum(axis=1)
    gains = np.zeros(len(classes))
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        new = (sums[:, label, None] + kernel[:, rows]) / (sizes[label] + 1)
        mine = np.where((classes == label)[:, None], new, own[:, None])
        shares = mine / (total[:, None] - means[:, label, None] + new)
        more = shares - (own / total)[:, None]
        more[rows, np.arange(len(rows))] = 0  # to the others alone
        gains[rows] = more.sum(axis=0)
    return gains
