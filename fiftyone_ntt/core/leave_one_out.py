"""What a bank would lose, or gain, without each of its references; of its arrays alone.

Each reference is an object to the others here, which are compared with it as `mode="best"` compares
references with proposals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.reference_choice import TEMPERATURE, exponentials

_TINY = 1e-300
_AT_ONCE = 4_000
"""References of which all pairs are held: 128 MB."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Of each reference, what the others say of it, and what they would be without it.

    Attributes:
        margins: similarity to the other references of its class minus that to the most similar
            other class; NaN for the only one of a class, and in a bank of one class.
        rivals: that other class; -1 in a bank of one class.
        harms: how many of the other references its absence would give back to their own classes,
            as a sum of shares; negative where they need it.
    """

    margins: Float64[np.ndarray, " R"]
    rivals: Int64[np.ndarray, " R"]
    harms: Float64[np.ndarray, " R"]


def leave_one_out(bank: MemoryBank) -> LeftOut:
    """Leave each reference of a bank out once; see `LeftOut`."""
    classes, count = bank.references.classes, len(bank.classes)
    members = [np.flatnonzero(classes == label) for label in range(count)]
    kernel = _kernels(bank, len(classes))
    sums = np.stack([kernel(rows).sum(axis=1) for rows in members], axis=1)
    every = np.arange(len(classes))
    sizes = np.array([len(rows) for rows in members]) - np.eye(count, dtype=np.int64)[classes]
    means = sums / np.maximum(sizes, 1)
    own, total = means[every, classes], means.sum(axis=1)
    harms = np.zeros(len(classes))
    for label, rows in enumerate(members):
        left = np.maximum(sizes[:, label] - 1, 0)
        without = (sums[:, label, None] - kernel(rows)) / np.maximum(left, 1)[:, None]
        without = np.where(left[:, None] > 0, np.maximum(without, 0), 0)
        new = total[:, None] - means[:, label, None] + without
        mine = np.where((classes == label)[:, None], without, own[:, None])
        gains = mine / np.maximum(new, _TINY) - (own / np.maximum(total, _TINY))[:, None]
        gains[rows, np.arange(len(rows))] = 0  # of the others alone
        harms[rows] = gains.sum(axis=0)
    margins, rivals = _margins(means, classes)
    margins[sizes[every, classes] == 0] = np.nan
    return LeftOut(margins, rivals, harms)


def _kernels(
    bank: MemoryBank, count: int
) -> Callable[[Int64[np.ndarray, " M"]], Float64[np.ndarray, "R M"]]:
    """`_kernel` of some rows; of a bank that is not too large all are computed once."""
    if count > _AT_ONCE:
        return lambda rows: _kernel(bank, rows)
    whole = _kernel(bank, np.arange(count))
    return lambda rows: whole[:, rows]


def _kernel(bank: MemoryBank, rows: Int64[np.ndarray, " M"]) -> Float64[np.ndarray, "R M"]:
    """Of every reference to some, 0 to itself."""
    units = bank.unit_references
    kernel = exponentials(units @ units[rows].T)
    kernel[rows, np.arange(len(rows))] = 0
    return kernel


def _margins(
    means: Float64[np.ndarray, "R K"], classes: Int64[np.ndarray, " R"]
) -> tuple[Float64[np.ndarray, " R"], Int64[np.ndarray, " R"]]:
    """To the best other class; NaN and -1 where there is none."""
    if means.shape[1] == 1:
        return np.full(len(means), np.nan), np.full(len(means), -1)
    similarity = TEMPERATURE * np.log(np.maximum(means, _TINY))
    every = np.arange(len(means))
    own = similarity[every, classes]
    others = similarity.copy()
    others[every, classes] = -np.inf
    rivals = others.argmax(axis=1)
    return own - others[every, rivals], rivals
