"""Boxes, masks and resampling: the arithmetic that the steps of the method share."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from PIL import Image
from torch import Tensor


def image_tensor(
    image: UInt8[np.ndarray, "H W 3"], device: torch.device | str = "cpu"
) -> Float32[Tensor, "3 H W"]:
    """An RGB image in 0..1."""
    return torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1).float() / 255


def squash(
    image: UInt8[np.ndarray, "H W 3"], side: int, device: torch.device | str = "cpu"
) -> Float32[Tensor, "3 {side} {side}"]:
    """The image as a square, aspect ratio not kept (method 1).

    Pillow resizes the 8-bit pixels (bicubic, antialiased) before they are scaled to 0..1; they go
    to the device as bytes, a quarter of the floats.

    Args:
        image: RGB.
        side: side of the square, in pixels.
        device: of the result.

    Returns:
        RGB in 0..1.
    """
    square = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return image_tensor(np.asarray(square), device)


def resize_bicubic(
    image: Float32[Tensor, "3 h w"], side: int
) -> Float32[Tensor, "3 {side} {side}"]:
    """Bicubic without antialias, not clamped: the encoder's input (method 1, 2).

    Args:
        image: RGB.
        side: side of the square output, in pixels.

    Returns:
        RGB; overshoots slightly beyond the input's range at edges.
    """
    return F.interpolate(image[None], size=(side, side), mode="bicubic", align_corners=False)[0]


def resize_weights(source: int, target: int) -> Float32[Tensor, "{target} {source}"]:
    """Bilinear, antialiased interpolation along one axis, as a matrix.

    Args:
        source: length of the input axis.
        target: length of the output axis.

    Returns:
        Rows summing to 1: `output = weights @ input`.
    """
    # An axis that keeps its length is copied as it is, so each column is one basis vector resized.
    identity = torch.eye(source)[None, None]
    columns = F.interpolate(
        identity, size=(target, source), mode="bilinear", align_corners=False, antialias=True
    )
    return columns[0, 0]


def point_grid(per_side: int, side: int) -> Float32[Tensor, "{per_side}**2 2"]:
    """Grid of prompt points (method 4): `linspace(0, side - 1)` in both directions, + 0.5.

    Args:
        per_side: points per row and column.
        side: side of the segmenter's square, in pixels.

    Returns:
        x and y; y varies fastest.
    """
    ticks = torch.linspace(0, side - 1, per_side) + 0.5
    x, y = torch.meshgrid(ticks, ticks, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def mask_boxes(masks: Bool[Tensor, "N h w"]) -> Int64[Tensor, "N 4"]:
    """Inclusive pixel extrema of masks: x1, y1, x2, y2; 0, 0, 0, 0 of an empty mask."""
    columns, rows = masks.any(dim=1), masks.any(dim=2)
    extrema = [_first_true(columns), _first_true(rows), _last_true(columns), _last_true(rows)]
    boxes = torch.stack(extrema, dim=1)
    return boxes * columns.any(dim=1, keepdim=True)


def _first_true(flags: Bool[Tensor, "N length"]) -> Int64[Tensor, " N"]:
    """Place of each row's first True; 0 where there is none."""
    return flags.int().argmax(dim=1)


def _last_true(flags: Bool[Tensor, "N length"]) -> Int64[Tensor, " N"]:
    """Place of each row's last True; of an all-False row its end."""
    return flags.shape[1] - 1 - flags.flip(1).int().argmax(dim=1)


def box_iou(
    boxes: Float64[np.ndarray, "N 4"], others: Float64[np.ndarray, "M 4"]
) -> Float64[np.ndarray, "N M"]:
    """Intersection over union of continuous boxes (no pixel added to a side).

    Args:
        boxes, others: x1, y1, x2, y2.

    Returns:
        0..1; 0 where both boxes have no area.
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
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def nms(
    boxes: Float64[np.ndarray, "N 4"],
    ranks: Float64[np.ndarray, " N"],
    classes: Int64[np.ndarray, " N"],
    threshold: float,
) -> Int64[np.ndarray, " M"]:
    """Non-maximum suppression within each class.

    Args:
        boxes: x1, y1, x2, y2.
        ranks: higher is kept first; ties keep their order.
        classes: boxes of different classes never suppress each other.
        threshold: box IoU above which the lower ranked one goes.

    Returns:
        Indices kept, highest rank first.
    """
    return suppress(box_iou(boxes, boxes) > threshold, ranks, classes)


def suppress(
    rivals: Bool[np.ndarray, "N N"],
    ranks: Float64[np.ndarray, " N"],
    classes: Int64[np.ndarray, " N"],
) -> Int64[np.ndarray, " M"]:
    """Of those that show the same, the highest ranked of each class.

    Args:
        rivals: whether two show the same; symmetric.
        ranks: higher is kept first; ties keep their order.
        classes: those of different classes never suppress each other.

    Returns:
        Indices kept, highest rank first.
    """
    order = np.argsort(-ranks, kind="stable")
    classes = classes[order]
    rivals = rivals[order[:, None], order] & (classes[:, None] == classes[None, :])
    np.fill_diagonal(rivals, False)
    alive = np.ones(len(order), dtype=bool)
    for row in np.flatnonzero(rivals.any(axis=1)):
        if alive[row]:
            alive[row:] &= ~rivals[row, row:]
    return order[alive]
