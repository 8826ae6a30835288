"""Boxes, masks and resampling: the arithmetic that the steps of the method share."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


def image_tensor(image: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """Float32 `[3, H, W]` in 0..1 of an RGB image, uint8 `[H, W, 3]`."""
    return torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1).float() / 255


def squash(image: NDArray[np.uint8], side: int, device: torch.device | str = "cpu") -> Tensor:
    """The image as a square, aspect ratio not kept (method 1).

    Pillow resizes the 8-bit pixels (bicubic, antialiased) before they are scaled to 0..1; they go
    to the device as bytes, a quarter of the floats.

    Args:
        image: RGB, uint8 `[H, W, 3]`.
        side: side of the square, in pixels.
        device: of the result.

    Returns:
        float32 `[3, side, side]` in 0..1.
    """
    square = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return image_tensor(np.asarray(square), device)


def resize_bicubic(image: Tensor, side: int) -> Tensor:
    """Bicubic without antialias, not clamped: the encoder's input (method 1, 2).

    Args:
        image: float32 `[3, h, w]`.
        side: side of the square output, in pixels.

    Returns:
        float32 `[3, side, side]`; overshoots slightly beyond the input's range at edges.
    """
    return F.interpolate(image[None], size=(side, side), mode="bicubic", align_corners=False)[0]


def resize_weights(source: int, target: int) -> Tensor:
    """Bilinear, antialiased interpolation along one axis, as a matrix.

    Args:
        source: length of the input axis.
        target: length of the output axis.

    Returns:
        float32 `[target, source]`, rows summing to 1: `output = weights @ input`.
    """
    # An axis that keeps its length is copied as it is, so each column is one basis vector resized.
    identity = torch.eye(source)[None, None]
    columns = F.interpolate(
        identity, size=(target, source), mode="bilinear", align_corners=False, antialias=True
    )
    return columns[0, 0]


def point_grid(per_side: int, side: int) -> Tensor:
    """Grid of prompt points (method 4): `linspace(0, side - 1)` in both directions, + 0.5.

    Args:
        per_side: points per row and column.
        side: side of the segmenter's square, in pixels.

    Returns:
        float32 `[per_side ** 2, 2]`, x and y; y varies fastest.
    """
    ticks = torch.linspace(0, side - 1, per_side) + 0.5
    x, y = torch.meshgrid(ticks, ticks, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def mask_boxes(masks: Tensor) -> Tensor:
    """Inclusive pixel extrema of boolean masks.

    Args:
        masks: bool `[N, h, w]`.

    Returns:
        int64 `[N, 4]`, x1, y1, x2, y2; 0, 0, 0, 0 for an empty mask.
    """
    columns, rows = masks.any(dim=1), masks.any(dim=2)
    extrema = [_first(columns), _first(rows), _last(columns), _last(rows)]
    boxes = torch.stack(extrema, dim=1)
    return boxes * columns.any(dim=1, keepdim=True)


def _first(flags: Tensor) -> Tensor:
    # argmax of a boolean row is its first True; of an all-False row 0.
    return flags.int().argmax(dim=1)


def _last(flags: Tensor) -> Tensor:
    return flags.shape[1] - 1 - flags.flip(1).int().argmax(dim=1)


def box_iou(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of continuous boxes (no pixel added to a side).

    Args:
        boxes: float `[N, 4]`, x1, y1, x2, y2.
        others: float `[M, 4]`.

    Returns:
        float `[N, M]` in 0..1; 0 where both boxes have no area.
    """
    sides = [
        np.minimum(boxes[:, None, axis + 2], others[None, :, axis + 2])
        - np.maximum(boxes[:, None, axis], others[None, :, axis])
        for axis in (0, 1)
    ]
    intersection = np.clip(sides[0], 0, None) * np.clip(sides[1], 0, None)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    other_areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    union = areas[:, None] + other_areas[None, :] - intersection
    iou: NDArray[np.float64] = np.divide(
        intersection, union, out=np.zeros_like(intersection), where=union > 0
    )
    return iou


def nms(
    boxes: NDArray[np.float64],
    ranks: NDArray[np.float64],
    classes: NDArray[np.int64],
    threshold: float,
) -> NDArray[np.int64]:
    """Non-maximum suppression within each class.

    Args:
        boxes: `[N, 4]`, x1, y1, x2, y2.
        ranks: `[N]`, higher is kept first; ties keep their order.
        classes: `[N]`; boxes of different classes never suppress each other.
        threshold: box IoU above which the lower ranked one goes.

    Returns:
        indices kept, `[M]`, highest rank first.
    """
    order = np.argsort(-ranks, kind="stable")
    boxes, classes = boxes[order], classes[order]
    rivals = (box_iou(boxes, boxes) > threshold) & (classes[:, None] == classes[None, :])
    np.fill_diagonal(rivals, False)
    alive = np.ones(len(order), dtype=bool)
    for row in np.flatnonzero(rivals.any(axis=1)):
        if alive[row]:
            alive[row:] &= ~rivals[row, row:]
    kept: NDArray[np.int64] = order[alive]
    return kept
