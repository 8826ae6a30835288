"""Between FiftyOne's labels, relative to the image, and masks and boxes in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool

from fiftyone_ntt.core.foreign_masks import polygons_rle
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError

# Processes that only read masks do without FiftyOne and torch, which take seconds to load.
if TYPE_CHECKING:
    import fiftyone.core.labels as fol

    from fiftyone_ntt.core.windows import Box

Size = tuple[int, int]
Crop = tuple[Bool[np.ndarray, "h w"], tuple[int, int]]
"""A mask without the empty rest of its image, and its top and left there."""

_PIXEL_DIGITS = 6
"""Decimals kept of pixel coordinates: `286 / 480 * 480` must be 286, which is then truncated."""


@runtime_checkable
class MaskedLabel(Protocol):
    """What is read of a label: a `fiftyone.Detection`, or one as the database holds it."""

    @property
    def id(self) -> str:
        """The label's id, in hexadecimal digits."""

    @property
    def bounding_box(self) -> Sequence[float]:
        """x, y, width, height, relative to the image."""

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
    x, y, w, h = (
        round(float(value) * side, _PIXEL_DIGITS)
        for value, side in zip(bounding_box, (width, height, width, height), strict=True)
    )
    return x, y, w, h


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
        InputError: the mask's file cannot be read, or the box lies outside the image.
    """
    placed = detection_crop(detection, size)
    if placed is None:
        return None
    crop, (top, left) = placed
    mask = np.zeros(size, dtype=bool)
    mask[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    return mask


def detection_crop(detection: MaskedLabel, size: Size) -> Crop | None:
    """`detection_mask` without the empty rest of the image, which it does not reach out of.

    Returns:
        None for a box alone.

    Raises:
        InputError: the mask's file cannot be read, or the box lies outside the image.
    """
    instance = _instance_mask(detection)
    if instance is None:
        return None
    x, y, w, h = pixel_box(detection.bounding_box, size)
    left, top, right, bottom = round(x), round(y), round(x + w), round(y + h)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    instance = _resized(instance, (bottom - top, right - left))
    rows = slice(max(-top, 0), min(bottom, size[0]) - top)
    columns = slice(max(-left, 0), min(right, size[1]) - left)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise InputError("its box lies outside the image. Correct or remove this label.")
    return instance[rows, columns], (top + rows.start, left + columns.start)


def _instance_mask(detection: MaskedLabel) -> Bool[np.ndarray, "h w"] | None:
    if not detection.has_mask:
        return None
    try:
        mask = detection.get_mask()
    except (OSError, ValueError, cv2.error) as error:
        raise _bad_mask_file(detection) from error
    if mask is None:
        raise _bad_mask_file(detection)
    mask = np.asarray(mask)
    return (mask[:, :, 0] if mask.ndim > 2 else mask) > 0


def _bad_mask_file(detection: MaskedLabel) -> InputError:
    return InputError(
        f"its mask {detection.mask_path} cannot be read. Restore the file, or remove `mask_path` "
        "from the label to use its box alone."
    )


def _resized(mask: Bool[np.ndarray, "h w"], size: Size) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
    if mask.shape == size:
        return mask
    scaled = cv2.resize(
        mask.astype(np.uint8), (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return scaled.astype(bool)


def polyline_mask(polyline: fol.Polyline, size: Size) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
    """The area inside a closed or filled polyline, as COCO rasterises polygons.

    Args:
        polyline: one or more shapes; their union counts.
        size: the image's height and width.

    Raises:
        InputError: an open line, or no shape of three points.
    """
    if not (polyline.closed or polyline.filled):
        raise InputError(
            "its polyline is open, so it has no inside. Close it (`closed=True`) or leave it out."
        )
    shapes = [
        np.asarray(shape, dtype=np.float64)[:, :2] * (size[1], size[0])
        for shape in polyline.points
        if len(shape) >= 3
    ]
    if not shapes:
        raise InputError("its polyline has no shape of three points. Redraw or remove it.")
    return decode_mask(polygons_rle([shape.flatten().tolist() for shape in shapes], size))


def points_box(polyline: fol.Polyline, size: Size) -> Box:
    """Box around a polyline's points: x, y, width, height in pixels."""
    points = np.concatenate([np.asarray(s, dtype=float)[:, :2] for s in polyline.points if s])
    low, high = points.min(axis=0), points.max(axis=0)
    return pixel_box([*low, *(high - low)], size)
