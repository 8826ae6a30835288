"""Boxes, masks and resampling: the arithmetic that the steps of the method share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fiftyone_ntt.core.rle import RLE, encode_crop


def image_tensor(image: NDArray[np.uint8]) -> Tensor:
    """Float32 `[3, H, W]` in 0..1 of an RGB image, uint8 `[H, W, 3]`."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def squash(image: NDArray[np.uint8], side: int) -> Tensor:
    """The image as a square, aspect ratio not kept (method 1).

    Pillow resizes the 8-bit pixels (bicubic, antialiased) before they are scaled to 0..1.

    Args:
        image: RGB, uint8 `[H, W, 3]`.
        side: side of the square, in pixels.

    Returns:
        float32 `[3, side, side]` in 0..1.
    """
    square = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return image_tensor(np.asarray(square))


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


class LogitMasks(Sequence[RLE]):
    """Masks at image size of low-resolution logits (method 7), as run-length encodings.

    Each is made when it is first asked for: a matching that nothing is stored for needs only those
    that are left after suppression.

    Logits are interpolated (bilinear, antialiased); inside is > 0. Interpolating is linear along
    each axis, so it is done by two matrix products, and only where the mask can be: a photo of 12
    megapixels costs little more than the objects in it, and one mask at a time is at full size.
    """

    def __init__(self, logits: Tensor, size: tuple[int, int]) -> None:
        """
        Args:
            logits: float32 `[N, m, m]`.
            size: the image's height and width.
        """
        self._logits = logits.cpu()  # one by one they are too small for a GPU
        self._rows, self._columns = (_Axis.of(logits.shape[-1], side) for side in size)
        self._boxes = mask_boxes(self._logits > 0).tolist()
        self._made: dict[int, RLE] = {}

    def __len__(self) -> int:
        return len(self._boxes)

    @overload
    def __getitem__(self, index: int) -> RLE: ...

    @overload
    def __getitem__(self, index: slice) -> list[RLE]: ...

    def __getitem__(self, index: int | slice) -> RLE | list[RLE]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        row = range(len(self))[index]
        if row not in self._made:
            axes = (self._rows, self._columns)
            self._made[row] = _encode_part(self._logits[row], self._boxes[row], *axes)
            if len(self._made) == len(self):
                self._logits = self._logits[:0].clone()  # no longer needed, and large
        return self._made[row]


@dataclass(frozen=True, eq=False)
class _Axis:
    """Interpolation along one axis.

    Attributes:
        weights: `[target, source]`, see `resize_weights`.
        first, last: int64 `[target]`, the source pixels that each target pixel is made of; rising.
    """

    weights: Tensor
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @staticmethod
    def of(source: int, target: int) -> _Axis:
        weights = resize_weights(source, target)
        used = (weights != 0).numpy()
        return _Axis(weights, used.argmax(axis=1), source - 1 - used[:, ::-1].argmax(axis=1))

    def reach(self, start: int, stop: int) -> tuple[slice, slice]:
        """Target pixels that source pixels `start` .. `stop` (included) go into, and all source
        pixels those are made of."""
        begin = int(np.searchsorted(self.last, start))
        end = int(np.searchsorted(self.first, stop, side="right"))
        return slice(begin, end), slice(int(self.first[begin]), int(self.last[end - 1]) + 1)


def _encode_part(logits: Tensor, box: list[int], rows: _Axis, columns: _Axis) -> RLE:
    """The encoding of one mask's logits `[m, m]` that are > 0 only inside `box`."""
    x1, y1, x2, y2 = box
    # A weighted mean is > 0 only where one of its terms is.
    height, source_rows = rows.reach(y1, y2)
    width, source_columns = columns.reach(x1, x2)
    cells = logits[source_rows, source_columns]
    part = rows.weights[height, source_rows] @ cells @ columns.weights[width, source_columns].T
    corner, size = (height.start, width.start), (len(rows.weights), len(columns.weights))
    return encode_crop((part > 0).numpy(), corner, size)
