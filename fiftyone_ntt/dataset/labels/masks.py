"""Between FiftyOne's labels, relative to the image, and masks and boxes in pixels."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, cast, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float64
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.foreign_masks import UnreadableMask, polygons_rle
from fiftyone_ntt.core.polygon_holes import even_odd_rle
from fiftyone_ntt.core.rle import decode_crops, rle_boxes
from fiftyone_ntt.errors import InputError

# Processes that only read masks do without FiftyOne and torch, which take seconds to load.
if TYPE_CHECKING:
    from fiftyone_ntt.core.windows import Box

Size = tuple[int, int]
Crop = tuple[Bool[np.ndarray, "h w"], tuple[int, int]]
"""A mask without the empty rest of its image, and its top and left there."""

_NOTHING: Crop = np.zeros((0, 0), dtype=bool), (0, 0)
"""Of a label without pixels in its image."""
_NO_BOX = (0.0, 0.0, 0.0, 0.0)
_CORNERS = 3

_PIXEL_DIGITS = 6
"""Decimals kept of pixel coordinates: `286 / 480 * 480` must be 286, which is then truncated."""

_SIDES_AROUND = 4
"""How many image sides long, and away, a box may be."""


@runtime_checkable
class MaskedLabel(Protocol):
    """What is read of a label: a `fiftyone.Detection`, or one as the database holds it."""

    @property
    def id(self) -> str:
        """The label's id, in hexadecimal digits."""

    @property
    def bounding_box(self) -> Sequence[float] | None:
        """x, y, width, height, relative to the image; None of a label that has none."""

    @property
    def mask_path(self) -> str | None:
        """The mask's file, if it lies in one."""

    @property
    def has_mask(self) -> bool:
        """Whether it has a mask, in the database or in a file."""

    def get_mask(self) -> Any:
        """The mask of the box, `[h, w]` or `[h, w, channels]`; None if it cannot be found."""

    def get_attribute_value(self, name: str, default: Any) -> Any:
        """An attribute, or `default` where there is none."""


@runtime_checkable
class OutlinedLabel(Protocol):
    """What is read of a `fiftyone.Polyline`, or of one as the database holds it."""

    @property
    def id(self) -> str:
        """The label's id, in hexadecimal digits."""

    @property
    def points(self) -> Any:
        """Of each shape its points, each x and y relative to the image; None if it has none."""

    @property
    def closed(self) -> bool | None:
        """Whether the last point of each shape is joined to the first."""

    @property
    def filled(self) -> bool | None:
        """Whether the shapes are drawn filled."""

    def get_attribute_value(self, name: str, default: Any) -> Any:
        """An attribute, or `default` where there is none."""


AnyLabel = MaskedLabel | OutlinedLabel


def pixel_box(bounding_box: Sequence[float], size: Size) -> Box:
    """FiftyOne's relative box in pixels.

    Args:
        bounding_box: x, y, width, height in 0..1.
        size: the image's height and width.

    Returns:
        x, y, width, height in pixels, not rounded to whole ones.

    Example:
        >>> pixel_box([0.25, 0.5, 0.5, 0.25], (360, 480))
        (120.0, 180.0, 240.0, 90.0)
    """
    height, width = size
    x, y, w, h = map(float, bounding_box)
    return (
        round(x * width, _PIXEL_DIGITS),
        round(y * height, _PIXEL_DIGITS),
        round(w * width, _PIXEL_DIGITS),
        round(h * height, _PIXEL_DIGITS),
    )


def detection_mask(
    detection: MaskedLabel, size: Size
) -> Bool[np.ndarray, "{size[0]} {size[1]}"] | None:
    """A detection's instance mask in its image; the inverse of `Detection.from_mask`.

    The mask is laid over the box, rounded to whole pixels, and resized (nearest neighbour) only if
    its shape differs.

    Args:
        detection: with a mask in the database or on disk, or a box alone.
        size: the image's height and width.

    Returns:
        None for a box alone.

    Raises:
        InputError: the mask cannot be read, or its box is far larger than the image.
    """
    placed = detection_crop(detection, size)
    return None if placed is None else _in_image(placed, size)


def detection_crop(detection: MaskedLabel, size: Size) -> Crop | None:
    """`detection_mask` without the empty rest of the image, which it does not reach out of.

    Returns:
        None for a box alone; no pixels where the mask has none, or no place in the image.

    Raises:
        InputError: the mask cannot be read, or its box is far larger than the image.
    """
    instance = _instance_mask(detection)
    if instance is None:
        return None
    if not instance.size or not _is_box(detection.bounding_box):
        return _NOTHING
    x, y, w, h = pixel_box(detection.bounding_box, size)
    _require_near((x, y, w, h), size)
    left, top, right, bottom = round(x), round(y), round(x + w), round(y + h)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    instance = _resized(instance, (bottom - top, right - left))
    rows = slice(max(-top, 0), min(bottom, size[0]) - top)
    columns = slice(max(-left, 0), min(right, size[1]) - left)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return _NOTHING
    return instance[rows, columns], (top + rows.start, left + columns.start)


def _instance_mask(detection: MaskedLabel) -> Bool[np.ndarray, "h w"] | None:
    if not detection.has_mask:
        return None
    try:
        mask = detection.get_mask()
    except (OSError, ValueError, EOFError, zlib.error, cv2.error) as error:
        raise _unreadable(detection) from error
    if mask is None:
        raise _unreadable(detection)
    mask = np.asarray(mask)
    if mask.ndim not in (2, 3) or mask.dtype.kind not in "biuf":
        raise InputError(
            f"its mask is {mask.dtype} of shape {mask.shape}, not height x width of numbers. "
            "Correct or remove this label."
        )
    if not mask.size:
        return np.zeros((0, 0), dtype=bool)
    return (mask[:, :, 0] if mask.ndim > 2 else mask) > 0


def _unreadable(detection: MaskedLabel) -> InputError:
    if detection.mask_path is None:
        return InputError("its mask cannot be read. Draw it anew, or remove this label.")
    return InputError(
        f"its mask {detection.mask_path} cannot be read. Restore the file, or remove `mask_path` "
        "from the label to use its box alone."
    )


def _require_near(box: Box, size: Size) -> None:
    """A mask takes the size of its box, whatever that is."""
    x, y, w, h = box
    most = _SIDES_AROUND * max(size)
    if max(abs(x), abs(y), abs(w), abs(h)) > most:
        raise InputError(
            f"its box, {w:g} x {h:g} px at {x:g}, {y:g}, is far from its image of {size[1]} x "
            f"{size[0]} px. Correct or remove this label."
        )


def _resized(mask: Bool[np.ndarray, "h w"], size: Size) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
    if mask.shape == size:
        return mask
    scaled = cv2.resize(
        mask.astype(np.uint8), (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return scaled.astype(bool)


def polyline_crop(polyline: OutlinedLabel, size: Size) -> Crop:
    """`polyline_mask` without the empty rest of the image."""
    _require_closed(polyline)
    outlines = [
        np.round(shape * (size[1], size[0]), _PIXEL_DIGITS).ravel().tolist()
        for shape in _shapes(polyline)
        if len(shape) >= _CORNERS
    ]
    if not outlines:
        return _NOTHING
    try:
        # What is only closed may be faces of a thing, as of a cuboid: none is another's hole.
        rle = (even_odd_rle if polyline.filled else polygons_rle)(outlines, size)
    except UnreadableMask as error:
        raise InputError(f"its polyline cannot be drawn: {error}. Redraw or remove it.") from error
    if not coco_mask.area(rle):
        return _NOTHING
    corners = rle_boxes([rle])
    [crop] = decode_crops([rle], corners)
    return crop, (int(corners[0, 1]), int(corners[0, 0]))


def polyline_mask(polyline: OutlinedLabel, size: Size) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
    """The area inside a closed or filled polyline, as COCO rasterises polygons.

    The shapes of a filled one are read even-odd, as FiftyOne draws them: a shape inside another is
    a hole. Of one that is closed and not filled, which FiftyOne draws as a line, the union counts.

    Args:
        polyline: one or more shapes.
        size: the image's height and width.

    Raises:
        InputError: an open line, or points far from the image.
    """
    return _in_image(polyline_crop(polyline, size), size)


def _shapes(polyline: OutlinedLabel) -> list[Float64[np.ndarray, "_points 2"]]:
    """The relative points of each shape; none if some point is no pair of finite numbers."""
    try:
        shapes = [
            # Some tools write a third number.
            np.array([(x, y) for x, y, *_ in shape], dtype=np.float64).reshape(-1, 2)
            for shape in polyline.points or ()
        ]
    except (TypeError, ValueError, OverflowError):
        return []
    return shapes if all(np.isfinite(shape).all() for shape in shapes) else []


def is_open(label: AnyLabel) -> bool:
    """Whether it is a line, which has no inside."""
    return _is_outlined(label) and not (label.closed or label.filled)


def _require_closed(label: OutlinedLabel) -> None:
    if is_open(label):
        raise InputError(
            "its polyline is open, so it has no inside. Close it (`closed=True`) or leave it out."
        )


def relative_box(label: AnyLabel) -> Box | None:
    """A detection's own box, or the one around a polyline's points: x, y, width, height, relative
    to the image; None of a label that has no box of finite numbers."""
    if not _is_outlined(label):
        box = cast(MaskedLabel, label).bounding_box
        return cast("Box", tuple(map(float, box))) if _is_box(box) else None
    shapes = [shape for shape in _shapes(label) if len(shape)]
    if not shapes:
        return None
    points = np.concatenate(shapes)
    low, high = points.min(axis=0), points.max(axis=0)
    return cast("Box", (*low.tolist(), *(high - low).tolist()))


def label_box(label: AnyLabel, size: Size) -> Box:
    """`relative_box` in pixels of an image of that height and width; 0s for none.

    Raises:
        InputError: an open polyline.
    """
    relative = relative_box(label)
    if _is_outlined(label):
        _require_closed(label)
    return _NO_BOX if relative is None else pixel_box(relative, size)


def label_crop(label: AnyLabel, size: Size) -> Crop | None:
    """The mask of a label without the empty rest of its image; see `label_mask`."""
    if _is_outlined(label):
        return polyline_crop(label, size)
    return detection_crop(cast(MaskedLabel, label), size)


def _is_outlined(label: AnyLabel) -> TypeGuard[OutlinedLabel]:
    # Asking whether it keeps to the protocol takes longer than drawing a small label.
    return hasattr(label, "closed") and hasattr(label, "points")


def label_mask(label: AnyLabel, size: Size) -> Bool[np.ndarray, "{size[0]} {size[1]}"] | None:
    """A label's mask in its image.

    A label without pixels in the image has an empty mask here: its mask is empty, has no box of
    finite numbers to lie in, or lies beyond the border; a polyline has no shape of three points.
    Whoever needs pixels looks, and nobody else is stopped.

    Args:
        label: a detection, or a closed or filled polyline.
        size: the image's height and width.

    Returns:
        None for a box alone.

    Raises:
        InputError: the mask's file cannot be read, or a polyline cannot be drawn.
    """
    placed = label_crop(label, size)
    return None if placed is None else _in_image(placed, size)


class NamedLabel:
    """A block whose errors name the label; every label is read in one, so it is no generator."""

    __slots__ = ("_label",)

    def __init__(self, label: AnyLabel) -> None:
        self._label = label

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Say of which label an error is."""
        if isinstance(error, InputError):
            raise InputError(f"label {self._label.id}: {error}") from error


def _in_image(placed: Crop, size: Size) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
    crop, (top, left) = placed
    mask = np.zeros(size, dtype=bool)
    mask[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    return mask


def _is_box(bounding_box: Any) -> TypeGuard[Sequence[float]]:
    """Whether it is four finite numbers."""
    try:
        x, y, w, h = map(float, bounding_box)
    except (TypeError, ValueError, OverflowError):
        return False
    return math.isfinite(x) and math.isfinite(y) and math.isfinite(w) and math.isfinite(h)
