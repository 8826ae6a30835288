"""Polygons whose holes are outlines of their own, as drawing programs fill them: even-odd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fiftyone_ntt.core.foreign_masks import polygons_rle
from fiftyone_ntt.core.rle import RLE, encode_changes, read_runs


def even_odd_rle(polygons: Sequence[list[float]], size: tuple[int, int]) -> RLE:
    """COCO run-length encoding of what lies inside an odd number of some polygons.

    One polygon alone, or several that share no pixel, give what `polygons_rle` gives.

    Args:
        polygons: of each, x and y of its corners in pixels, in turn; clipped at the image's border.
        size: the image's height and width.

    Raises:
        UnreadableMask: none has three corners; or a number is missing, no number, or far from the
            image.

    Example:
        >>> from fiftyone_ntt.core.rle import decode_mask
        >>> outer, inner = [0, 0, 8, 0, 8, 8, 0, 8], [2, 2, 6, 2, 6, 6, 2, 6]
        >>> int(decode_mask(even_odd_rle([outer, inner], (8, 8))).sum())
        48
    """
    together = polygons_rle(polygons, size)
    drawable = [polygon for polygon in polygons if len(polygon) >= _NUMBERS]
    if len(drawable) == 1:
        return together
    runs = read_runs([polygons_rle([polygon], size) for polygon in drawable])
    # Where an even number of outlines cross, inside stays inside.
    places, crossings = np.unique(np.concatenate([runs.starts, runs.ends]), return_counts=True)
    return encode_changes(places[crossings % 2 == 1], size)


_NUMBERS = 6
"""Of a polygon of three corners, the least that has an inside."""
