"""Run lengths of a mask's crop, for processes that get by without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

if TYPE_CHECKING:
    from fiftyone_ntt.core.geometry import RLE


def encode_crop(crop: NDArray[np.bool_], corner: tuple[int, int], size: tuple[int, int]) -> RLE:
    """COCO run-length encoding of a mask that is empty outside a window of its image.

    Args:
        crop: bool `[h, w]`, the window, which lies inside the image.
        corner: its top and left.
        size: the image's height and width.

    Returns:
        What `encode_masks` gives of the whole mask; it never makes that, so it takes time in the
        columns of the window alone.
    """
    (top, left), (height, width), (rows, columns) = corner, size, crop.shape
    # COCO's runs go down the columns, one after the other. A pixel of background below the crop
    # parts them, unless they touch by filling the image from top to bottom.
    pitch = rows + (rows < height)
    flat = np.zeros(columns * pitch + 2, dtype=bool)
    flat[1:-1].reshape(columns, pitch)[:, :rows] = crop.T
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    changes = (left + changes // pitch) * height + top + changes % pitch
    # The first run is of 0s and may be empty, the last may not.
    runs = np.diff(changes, prepend=0, append=height * width).tolist()
    if runs[-1] == 0:
        runs.pop()
    rle: RLE = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    return rle
