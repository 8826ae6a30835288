"""Boxes to masks (method 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.geometry import box_iou, squash
from fiftyone_ntt.core.interfaces import Segmenter
from fiftyone_ntt.core.logit_masks import LogitMasks
from fiftyone_ntt.core.rle import RLE, decode_mask, encode_crop, rle_boxes
from fiftyone_ntt.core.windows import Box

_BOXES_PER_BATCH = 64
"""Boxes decoded at once: keeps the decoder's memory flat on crowded images."""


@dataclass(frozen=True, eq=False)
class BoxMask:
    """What became of a box.

    Attributes:
        rle: run lengths at image size, never empty: of hundreds of masks of a large photo, all as
            pixels would fill the memory.
        agreement: IoU of the given box, as far as it lies in the image, and the box around the mask
            that the segmenter drew: 1 where it fills the box, 0 where it drew nothing.
    """

    rle: RLE
    agreement: float


def mask_from_box(
    image: UInt8[np.ndarray, "H W 3"], box: Box, segmenter: Segmenter
) -> Bool[np.ndarray, "H W"]:
    """The segmenter's mask of one box; the box itself where that mask is empty.

    Args:
        image: RGB.
        box: x, y, width, height in pixels.
        segmenter: prompted with the box alone, single-mask output.

    Returns:
        Never empty.
    """
    return decode_mask(masks_from_boxes(image, [box], segmenter)[0].rle)


def masks_from_boxes(
    image: UInt8[np.ndarray, "H W 3"], boxes: Sequence[Box], segmenter: Segmenter
) -> list[BoxMask]:
    """The masks of several boxes of one image, embedding the image once; see `mask_from_box`."""
    if not boxes:
        return []
    size = (image.shape[0], image.shape[1])
    corners = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in boxes], dtype=torch.float32)
    scale = torch.tensor([segmenter.side / size[1], segmenter.side / size[0]]).repeat(2)
    square = squash(image, segmenter.side, segmenter.device)
    embedding = segmenter.embed(square[None])[0]
    rles = [
        rle
        for prompts in (corners * scale).to(segmenter.device).split(_BOXES_PER_BATCH)
        for rle in LogitMasks(segmenter.decode_boxes(embedding, prompts)[0], size)
    ]
    return [_box_mask(rle, box, size) for rle, box in zip(rles, boxes, strict=True)]


def _box_mask(rle: RLE, box: Box, size: tuple[int, int]) -> BoxMask:
    """What the segmenter drew; where that is nothing, the box."""
    if not coco_mask.area(rle):
        return BoxMask(_filled_box(box, size), 0.0)
    x1, y1, x2, y2 = rle_boxes([rle])[0].tolist()
    drawn = np.array([[x1, y1, x2 + 1, y2 + 1]], dtype=np.float64)
    corners = np.array([[box[0], box[1], box[0] + box[2], box[1] + box[3]]], dtype=np.float64)
    given = np.clip(corners, 0, (size[1], size[0], size[1], size[0]))
    return BoxMask(rle, float(box_iou(drawn, given)[0, 0]))


def _filled_box(box: Box, size: tuple[int, int]) -> RLE:
    """A box as a mask of at least one pixel."""
    x, y, width, height = box
    left, top = (min(max(int(low), 0), limit - 1) for low, limit in ((x, size[1]), (y, size[0])))
    right = min(max(round(x + width), left + 1), size[1])
    bottom = min(max(round(y + height), top + 1), size[0])
    return encode_crop(np.ones((bottom - top, right - left), dtype=bool), (top, left), size)
