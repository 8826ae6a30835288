"""Boxes to masks (method 8)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fiftyone_ntt.core.geometry import encode_logits, squash
from fiftyone_ntt.core.protocols import Segmenter
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.core.windows import Box

_BOXES_PER_BATCH = 64
"""Boxes decoded at once: keeps the decoder's memory flat on crowded images."""


def mask_from_box(image: NDArray[np.uint8], box: Box, segmenter: Segmenter) -> NDArray[np.bool_]:
    """The segmenter's mask of one box; the box itself where that mask is empty.

    Args:
        image: RGB, uint8 `[H, W, 3]`.
        box: x, y, width, height in pixels.
        segmenter: prompted with the box alone, single-mask output.

    Returns:
        bool `[H, W]`, never empty.
    """
    return masks_from_boxes(image, [box], segmenter)[0]


def masks_from_boxes(
    image: NDArray[np.uint8], boxes: Sequence[Box], segmenter: Segmenter
) -> list[NDArray[np.bool_]]:
    """The masks of several boxes of one image, embedding the image once; see `mask_from_box`."""
    if not boxes:
        return []
    size = (image.shape[0], image.shape[1])
    corners = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in boxes], dtype=torch.float32)
    scale = torch.tensor([segmenter.side / size[1], segmenter.side / size[0]]).repeat(2)
    square = squash(image, segmenter.side).to(segmenter.device)
    embedding = segmenter.embed(square[None])[0]
    masks = [
        decode_mask(rle)
        for prompts in (corners * scale).to(segmenter.device).split(_BOXES_PER_BATCH)
        for rle in encode_logits(segmenter.decode_boxes(embedding, prompts)[0], size)
    ]
    return [
        mask if mask.any() else _box_area(box, size) for mask, box in zip(masks, boxes, strict=True)
    ]


def _box_area(box: Box, size: tuple[int, int]) -> NDArray[np.bool_]:
    x, y, width, height = box
    left, top = (min(max(int(low), 0), limit - 1) for low, limit in ((x, size[1]), (y, size[0])))
    area = np.zeros(size, dtype=bool)
    area[top : max(round(y + height), top + 1), left : max(round(x + width), left + 1)] = True
    return area
