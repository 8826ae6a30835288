"""Masks that somebody edited in FiftyOne's App, without what the App makes of the rest.

The App draws a mask on the grid of the screen before it edits it, and saves it so: finer or coarser
than the picture's pixels, thin parts gone (FiftyOne 1.22). Where nobody drew, the mask as it was is
right; so only what differs by more than such drawing can is taken over.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool

Mask = Bool[np.ndarray, "H W"]

_CELLS = 2
"""Cells of the screen's grid by which drawing a mask anew may move its border."""
_SAME = 0.5
"""IoU below which also a mask that is border all over was edited."""


def merged_edit(before: Mask, after: Mask, cell: tuple[float, float] = (1.0, 1.0)) -> Mask:
    """A mask with what somebody changed of it.

    Args:
        before: as it was, in the picture's pixels.
        after: as it came back, laid over the picture.
        cell: height and width of a cell of the screen's grid, in pixels.

    Returns:
        `after` in and around the regions that were edited, `before` elsewhere.

    Example:
        >>> before = np.zeros((40, 40), dtype=bool)
        >>> before[10:30, 10:30] = True
        >>> after = np.roll(before, 1, axis=0)  # drawn a pixel lower
        >>> after[30:38, 10:20] = True          # and a piece added
        >>> found = merged_edit(before, after)
        >>> bool(found[10, 25]), bool(found[35, 15]), bool(found[30, 25])
        (True, True, False)
    """
    reach = [max(1, int(np.ceil(_CELLS * side))) for side in cell]
    changed = before != after
    # Drawing anew moves borders: what differs lies along them. An edit reaches further.
    near = _spread(before, reach) & _spread(~before, reach)
    core = changed & ~near
    if core.any():
        edited = changed & _spread(core, [2 * side for side in reach])
        return np.where(edited, after, before)
    shared, both = np.count_nonzero(before & after), np.count_nonzero(before | after)
    return after if shared < _SAME * both else before


def _spread(mask: Mask, reach: list[int]) -> Mask:
    """Pixels no further from a mask than so many rows and columns."""
    around = np.ones([2 * side + 1 for side in reach], np.uint8)
    return cv2.dilate(mask.astype(np.uint8), around) > 0
