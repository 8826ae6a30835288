"""Finding a mask again among others of its image."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int64
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import RLE


def find_masks(masks: list[RLE], among: list[RLE], min_iou: float) -> Int64[np.ndarray, " N"]:
    """Which of some masks each mask is: the equal one, or else the most alike.

    Args:
        masks: `N` run-length encodings of one image.
        among: `M` run-length encodings of the same size.
        min_iou: IoU below which a mask counts as none of them, above 0 and up to 1.

    Returns:
        Rows of `among`; -1 where none is alike. Of equal masks the first counts.

    Example:
        >>> from fiftyone_ntt.core.rle import encode_masks
        >>> full, half = encode_masks(np.array([[[1, 1]], [[1, 0]]], bool))
        >>> find_masks([half, full], [full], min_iou=0.8)
        array([-1,  0])
    """
    rows = {bytes(mask["counts"]): row for row, mask in reversed(list(enumerate(among)))}
    found = np.array([rows.get(bytes(mask["counts"]), -1) for mask in masks], dtype=np.int64)
    missing = np.flatnonzero(found < 0)
    if not len(missing) or not among:
        return found
    unequal: Any = [masks[index] for index in missing]
    ious = np.asarray(coco_mask.iou(unequal, among, [0] * len(among)))
    nearest = ious.argmax(axis=1)
    found[missing] = np.where(ious.max(axis=1) >= min_iou, nearest, -1)
    return found
