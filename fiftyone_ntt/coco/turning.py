"""Instances drawn on an image as it is stored, on the image as its EXIF orientation shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fiftyone_ntt.coco.instances import Instance, Size
from fiftyone_ntt.core.rle import decode_mask, encode_masks

_PIXELS: dict[int, Callable[[Any], Any]] = {
    5: lambda mask: mask.T,
    6: lambda mask: np.rot90(mask, -1),
    7: lambda mask: np.rot90(mask, 2).T,
    8: np.rot90,
}
"""By the orientations that lay an image on its side: what shows it upright."""


def turned_size(size: Size) -> Size:
    """Height and width of an image on its side, as it is shown."""
    return size[1], size[0]


def turned_instance(instance: Instance, size: Size, orientation: int) -> Instance:
    """An instance where it is seen on the image as shown.

    Args:
        instance: on the pixels as stored.
        size: height and width of those.
        orientation: EXIF's, 5 to 8: the others leave open which way an annotation lies.
    """
    x, y, w, h = instance.box
    left, top = x, y
    right, bottom = size[1] - x - w, size[0] - y - h
    corner = {5: (top, left), 6: (bottom, left), 7: (bottom, right), 8: (top, right)}[orientation]
    rle = instance.rle
    if rle is not None:
        mask = np.ascontiguousarray(_PIXELS[orientation](decode_mask(rle)))
        [rle] = encode_masks(mask[None])
    return replace(instance, rle=rle, box=[*corner, h, w])
