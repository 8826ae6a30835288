"""What surrounds a reference: background that its class must not be confused with."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool

GAP, REACH = 0.05, 0.25
"""Where an object's surroundings begin and end, in rows or columns off it, as a share of its box's
longer side: a token at the very edge shows both."""


def surroundings(
    mask: Bool[np.ndarray, "H W"], others: Bool[np.ndarray, "H W"] | None = None
) -> Bool[np.ndarray, "H W"]:
    """The ring around an object.

    Args:
        mask: the object, not empty.
        others: further objects, which are no background.

    Returns:
        Empty where the objects leave no room.

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
    ring = _dilated(mask, math.ceil(side * REACH)) & ~_dilated(mask, gap)
    if others is not None:
        ring &= ~_dilated(others, gap)
    return ring


def _dilated(mask: Bool[np.ndarray, "H W"], reach: int) -> Bool[np.ndarray, "H W"]:
    """The pixels with one inside at most `reach` rows and columns away."""
    for axis in (0, 1):
        # Inside pixels up to each; a difference tells whether there are any in between.
        counts = np.insert(np.cumsum(mask, axis=axis), 0, 0, axis=axis)
        places = np.arange(mask.shape[axis])
        high = np.minimum(places + reach + 1, mask.shape[axis])
        low = np.maximum(places - reach, 0)
        mask = counts.take(high, axis=axis) > counts.take(low, axis=axis)
    return mask
