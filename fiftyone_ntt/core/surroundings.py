"""What surrounds a reference: background that its class must not be confused with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

GAP, REACH = 0.05, 0.25
"""Where an object's surroundings begin and end, in rows or columns off it, as a share of its box's
longer side: a token at the very edge shows both."""


def surroundings(
    mask: NDArray[np.bool_], others: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """The ring around an object.

    Args:
        mask: bool `[H, W]`, the object, not empty.
        others: bool `[H, W]`, further objects, which are no background.

    Returns:
        bool `[H, W]`; empty where the objects leave no room.

    Example:
        >>> mask = np.zeros((40, 40), bool)
        >>> mask[10:30, 10:30] = True
        >>> ring = surroundings(mask)
        >>> ring[20, [4, 5, 8, 9, 20]].tolist()
        [False, True, True, False, False]
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    gap = math.ceil(side * GAP)
    ring: NDArray[np.bool_] = _grown(mask, math.ceil(side * REACH)) & ~_grown(mask, gap)
    if others is not None:
        ring &= ~_grown(others, gap)
    return ring


def _grown(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """The pixels with one inside at most `reach` rows and columns away."""
    for axis in (0, 1):
        # Inside pixels up to each; a difference tells whether there are any in between.
        counts = np.insert(np.cumsum(mask, axis=axis), 0, 0, axis=axis)
        places = np.arange(mask.shape[axis])
        high = np.minimum(places + reach + 1, mask.shape[axis])
        low = np.maximum(places - reach, 0)
        mask = counts.take(high, axis=axis) > counts.take(low, axis=axis)
    return mask
