"""What surrounds a reference: background that its class must not be confused with."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

GAP, REACH = 0.05, 0.25
"""Where an object's surroundings begin and end, as distances from it in sides of its box: a token
at the very edge shows both."""


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
    off_own = _distance(mask)
    ring: NDArray[np.bool_] = (off_own > side * GAP) & (off_own <= side * REACH)
    if others is not None and others.any():
        ring &= _distance(others) > side * GAP
    return ring


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Of every pixel to the nearest one inside, in pixels."""
    distance: NDArray[np.float32] = cv2.distanceTransform(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return distance
