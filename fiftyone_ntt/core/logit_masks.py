"""What a segmenter's low-resolution logits tell: masks at image size (method 7), and how stable
those are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from fiftyone_ntt.core.crops import Crop, whole_picture
from fiftyone_ntt.core.geometry import mask_boxes, resize_weights
from fiftyone_ntt.core.rle import RLE, encode_changes, encode_crop

_PIXELS_AT_ONCE = 2**25
"""On a GPU: about 12 bytes each."""

_STABILITY_OFFSET = 1.0
"""How far above and below 0 the mask's threshold is moved to see how much of the mask stays."""


class LogitMasks(Sequence[RLE]):
    """Run-length encodings at image size, each made when it is first asked for: a matching that
    nothing is stored for needs only those that are left after suppression.

    Logits are interpolated (bilinear, antialiased); inside is > 0. Interpolating is linear along
    each axis, so it is two matrix products. On a CPU they are done one mask at a time and only
    where it can be: a photo of 12 megapixels costs little more than the objects in it. On a GPU
    all masks are made together, and only where their runs change comes back.
    """

    def __init__(
        self,
        logits: Float32[Tensor, "N m m"],
        size: tuple[int, int],
        crop: Crop | None = None,
    ) -> None:
        """
        Args:
            logits: inside is > 0.
            size: the image's height and width.
            crop: the part of the image that the logits are of; all of it when None.
        """
        self._logits: Tensor | None = logits  # until all are made: they are large
        self._place = _Place.of(logits.shape[-1], size, crop or whole_picture(size))
        self._made: list[RLE | None] = [None] * len(logits)

    def __len__(self) -> int:
        """How many masks, made or not."""
        return len(self._made)

    @overload
    def __getitem__(self, index: int) -> RLE: ...

    @overload
    def __getitem__(self, index: slice) -> list[RLE]: ...

    def __getitem__(self, index: int | slice) -> RLE | list[RLE]:
        """A mask or several, made now where they were not before."""
        if isinstance(index, slice):
            return [self._mask(row) for row in range(len(self))[index]]
        return self._mask(range(len(self))[index])

    def _mask(self, row: int) -> RLE:
        """A mask, made at its first use alone."""
        mask = self._made[row]
        if mask is None:
            assert self._logits is not None
            mask = self._make(row, self._logits)
            if None not in self._made:
                self._logits = None
        return mask

    def _make(self, row: int, logits: Float32[Tensor, "N m m"]) -> RLE:
        """Make a mask: on a GPU all of them."""
        if logits.device.type != "cpu":
            made = _encode_on_device(logits, self._place)
            self._made = list(made)
            return made[row]
        mask = _encode_within_box(logits[row], self._place)
        self._made[row] = mask
        return mask


def stability(logits: Float32[Tensor, "N m m"]) -> Float32[np.ndarray, " N"]:
    """How little each mask changes with its threshold, 0..1: SAM's stability score.

    Pixels with a logit above 1 by pixels with one above -1; 0 where there are none of these. The
    method does not look at it; it is kept for what chooses among proposals later.
    """
    on_cpu = logits.device.type == "cpu"
    raised, lowered = _count_by_mask(logits) if on_cpu else _count_on_device(logits)
    return (raised / np.maximum(lowered, 1)).astype(np.float32)


_Counts = tuple[Int64[np.ndarray, " N"], Int64[np.ndarray, " N"]]
"""Pixels of each mask at the raised threshold, and at the lowered one."""


def _count_by_mask(logits: Float32[Tensor, "N m m"]) -> _Counts:
    # NumPy counts one mask at a time, within the caches: twenty times faster than torch.
    counts = [
        [np.count_nonzero(mask > limit) for limit in (_STABILITY_OFFSET, -_STABILITY_OFFSET)]
        for mask in logits.numpy()
    ]
    raised, lowered = np.array(counts, dtype=np.int64).reshape(-1, 2).T
    return raised, lowered


def _count_on_device(logits: Float32[Tensor, "N m m"]) -> _Counts:
    raised, lowered = (
        (logits > limit).sum(dim=(1, 2)).cpu().numpy()
        for limit in (_STABILITY_OFFSET, -_STABILITY_OFFSET)
    )
    return raised, lowered


@dataclass(frozen=True, eq=False)
class _AxisResizing:
    """Interpolation along one axis.

    Attributes:
        weights: see `resize_weights`.
        first, last: the source pixels that each target pixel is made of; rising.
    """

    weights: Float32[Tensor, "target source"]
    first: Int64[np.ndarray, " target"]
    last: Int64[np.ndarray, " target"]

    @staticmethod
    def between(source: int, target: int) -> _AxisResizing:
        """From one length of an axis to another."""
        weights = resize_weights(source, target)
        used = (weights != 0).numpy()
        return _AxisResizing(
            weights, used.argmax(axis=1), source - 1 - used[:, ::-1].argmax(axis=1)
        )

    def support(self, start: int, stop: int) -> tuple[slice, slice]:
        """Target pixels that source pixels `start` .. `stop` (included) go into, and all source
        pixels those are made of."""
        begin = int(np.searchsorted(self.last, start))
        end = int(np.searchsorted(self.first, stop, side="right"))
        return slice(begin, end), slice(int(self.first[begin]), int(self.last[end - 1]) + 1)


@dataclass(frozen=True, eq=False)
class _Place:
    """Where in an image masks lie.

    Attributes:
        rows, columns: from the logits to the pixels of the crop.
        corner: of the crop, its top and left.
        size: the image's height and width.
    """

    rows: _AxisResizing
    columns: _AxisResizing
    corner: tuple[int, int]
    size: tuple[int, int]

    @staticmethod
    def of(side: int, size: tuple[int, int], crop: Crop) -> _Place:
        """For logits of a side, of a crop of an image."""
        rows, columns = (_AxisResizing.between(side, length) for length in crop.size)
        return _Place(rows, columns, crop.corner, size)


def _encode_within_box(logits: Float32[Tensor, "m m"], place: _Place) -> RLE:
    """The encoding of one mask, computed where it can be."""
    rows, columns = place.rows, place.columns
    x1, y1, x2, y2 = mask_boxes(logits[None] > 0)[0].tolist()
    # A weighted mean is > 0 only where one of its terms is.
    height, source_rows = rows.support(y1, y2)
    width, source_columns = columns.support(x1, x2)
    cells = logits[source_rows, source_columns]
    part = rows.weights[height, source_rows] @ cells @ columns.weights[width, source_columns].T
    corner = (place.corner[0] + height.start, place.corner[1] + width.start)
    return encode_crop((part > 0).numpy(), corner, place.size)


def _encode_on_device(logits: Float32[Tensor, "N m m"], place: _Place) -> list[RLE]:
    """The encodings of all masks, computed on their logits' device."""
    down = place.rows.weights.to(logits.device)
    across = place.columns.weights.to(logits.device).T
    encodings = []
    for some in logits.split(max(1, _PIXELS_AT_ONCE // (len(down) * across.shape[1]))):
        # COCO's runs go down the columns.
        inside = (down @ some @ across > 0).transpose(1, 2)
        mask, changes = _changes_in_image(inside, place)
        ends = mask.bincount(minlength=len(some)).cumsum(0).tolist()
        found = changes.cpu().numpy()
        encodings += [
            encode_changes(found[start:end], place.size)
            for start, end in zip([0, *ends], ends, strict=False)
        ]
    return encodings


def _changes_in_image(
    inside: Bool[Tensor, "N columns rows"], place: _Place
) -> tuple[Int64[Tensor, " T"], Int64[Tensor, " T"]]:
    """Where each mask changes sides, counted down the image's columns, and whose change it is."""
    count, columns, rows = inside.shape
    (top, left), height = place.corner, place.size[0]
    # As in `encode_crop`, a pixel of background parts the columns of what is not the whole height.
    pitch = rows + (rows < height)
    flat = inside.new_zeros(count, columns * pitch + 2)
    flat[:, 1:-1].view(count, columns, pitch)[:, :, :rows] = inside
    mask, at = (flat[:, 1:] != flat[:, :-1]).nonzero(as_tuple=True)
    return mask, (left + at // pitch) * height + top + at % pitch
