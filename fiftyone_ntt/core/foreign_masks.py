"""Masks out of what others wrote: polygons and run lengths.

pycocotools' C code takes what it is given, whatever comes of it. So every number is looked at here
first: finite, near the image, and no more of them than an image of that size can need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import RLE, fill_their_images, read_lengths
from fiftyone_ntt.errors import shown

MOST_PIXELS, MOST_SIDE = 2**31, 2**17
"""Of an image: what run lengths of 32 bits hold; twice the longest side of a JPEG."""

_CORNERS = 3
_STEPS_PER_SIDE, _STEPS_PER_CORNER = 64, 64
"""How long outlines may be, in pixels, which is what pycocotools walks along: a fence of thirty
pickets as high as the image, and any number of corners that are not far apart."""
_CHARACTERS_PER_RUN = 7
"""Of a compressed run length of 32 bits."""


class UnreadableMask(ValueError):
    """Polygons or run lengths that stand for no mask; the message is the reason."""


def polygons_rle(polygons: Sequence[Any], size: tuple[int, int]) -> RLE:
    """COCO run-length encoding of the union of some polygons, drawn as pycocotools does.

    Args:
        polygons: of each, x and y of its corners in pixels, in turn. What reaches over the image's
            border is clipped there.
        size: the image's height and width.

    Raises:
        UnreadableMask: none has three corners; or a number is missing, no number, or far from the
            image.
    """
    rle, _ = draw_polygons(polygons, size)
    if rle is None:
        raise UnreadableMask("no polygon has three corners")
    return rle


def draw_polygons(polygons: Sequence[Any], size: tuple[int, int]) -> tuple[RLE | None, int]:
    """`polygons_rle`, without the polygons that have no area, and how many those are.

    Returns:
        None for a mask if no polygon has three corners.

    Raises:
        UnreadableMask: a number is missing, no number, or far from the image.
    """
    corners = [_corners(part) for part in polygons]
    drawable = [part for part in corners if len(part) >= _CORNERS]
    _require_near(drawable, size)
    if not drawable:
        return None, len(corners)
    try:
        rles = coco_mask.frPyObjects([part.ravel().tolist() for part in drawable], *size)
    except Exception as error:  # pycocotools raises plain Exception for most malformed input
        raise UnreadableMask(str(error)) from error
    filled = np.count_nonzero(coco_mask.area(rles))
    rle: RLE = coco_mask.merge(rles)
    return rle, len(corners) - int(filled)


def _corners(part: Any) -> Float64[np.ndarray, "corners 2"]:
    if not isinstance(part, (list, tuple)):
        raise UnreadableMask(f"a part is {shown(part)}, not a list of coordinates")
    try:
        numbers = np.asarray(part, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableMask(f"a polygon has coordinates that are no numbers: {error}") from error
    if numbers.ndim != 1:
        raise UnreadableMask("a polygon is no flat list of x and y in turn")
    if numbers.size % 2:
        raise UnreadableMask(f"a polygon has {numbers.size} numbers, so one is missing")
    return numbers.reshape(-1, 2)


def _require_near(
    parts: Sequence[Float64[np.ndarray, "_corners 2"]], size: tuple[int, int]
) -> None:
    height, width = size
    if max(size) > MOST_SIDE:
        raise UnreadableMask(f"no image has {width} x {height} px")
    margin = max(size)  # it may lie as far outside as the image is long
    steps, corners = 0.0, 0
    for part in parts:
        if not np.isfinite(part).all():
            raise UnreadableMask("a polygon has coordinates that are no finite numbers")
        low, high = part.min(), (part - (width, height)).max()
        if low < -margin or high > margin:
            raise UnreadableMask(
                f"a polygon has the coordinate {low if low < -margin else part.max():g}, far from "
                f"its image of {width} x {height} px"
            )
        around = np.abs(np.diff(part, axis=0, append=part[:1])).max(axis=1)
        steps += float(around.sum())
        corners += len(part)
    if steps > _STEPS_PER_SIDE * (height + width) + _STEPS_PER_CORNER * corners:
        raise UnreadableMask(
            f"its outlines are {steps:.0f} px long, more than an image of {width} x {height} px "
            "can need"
        )


def checked_rle(encoding: Any) -> RLE:
    """A run-length encoding that is known to make a mask, compressed if it was not.

    Args:
        encoding: `size` and `counts`, the latter a list of numbers, or compressed as text or bytes.

    Raises:
        UnreadableMask: it is no such encoding, or its runs do not fill its size.
    """
    height, width = encoding_size(encoding)
    counts = encoding.get("counts")
    if isinstance(counts, list):
        lengths = _listed_lengths(counts)
    elif isinstance(counts, (str, bytes)):
        if len(counts) > _CHARACTERS_PER_RUN * (height * width + 2):
            raise UnreadableMask("it has more runs than pixels")
        counts = _as_bytes(counts)
        lengths = _written_lengths(counts)
    else:
        raise UnreadableMask(f"its counts are {shown(counts)}, neither a list nor a text")
    if len(lengths) > 2 * height * width + 2:
        raise UnreadableMask("it has more runs than pixels")
    if lengths.min(initial=0) < 0 or lengths.max(initial=0) > height * width:
        raise UnreadableMask("one of its runs is negative, or longer than the image")
    if (total := int(lengths.sum())) != height * width:
        raise UnreadableMask(f"its runs cover {total} of {height} x {width} px")
    if isinstance(counts, bytes):
        return encoding if encoding["counts"] is counts else {**encoding, "counts": counts}
    whole = {"size": [height, width], "counts": lengths.tolist()}
    rle: RLE = coco_mask.frPyObjects(whole, height, width)
    return rle


def checked_rles(encodings: Sequence[Any]) -> list[RLE | None]:
    """`checked_rle` of many at once.

    Returns:
        Of each what `checked_rle` gives; None for what it has to look at by itself: no run lengths,
        runs not compressed, or those that something may be wrong with.
    """
    found: list[RLE | None] = []
    for start in range(0, len(encodings), _AT_ONCE):
        batch = [_compressed(encoding) for encoding in encodings[start : start + _AT_ONCE]]
        rles = [rle for rle in batch if rle is not None]
        try:
            sound = iter(fill_their_images(rles).tolist())
        except ValueError:
            found += [None] * len(batch)
        else:
            found += [rle if rle is not None and next(sound) else None for rle in batch]
    return found


_AT_ONCE = 1000
"""Encodings whose runs are held in memory, some 100 KB of each that is finely drawn."""


def _compressed(encoding: Any) -> RLE | None:
    """With its runs as bytes; None if it has none, or no size."""
    counts = encoding.get("counts") if isinstance(encoding, dict) else None
    if not counts or not isinstance(counts, (str, bytes)):
        return None
    try:
        encoding_size(encoding)
        return {**encoding, "counts": _as_bytes(counts)}
    except UnreadableMask:
        return None


def encoding_size(encoding: Any) -> tuple[int, int]:
    """Height and width that a run-length encoding states.

    Raises:
        UnreadableMask: it states none that an image can have.
    """
    size = encoding.get("size") if isinstance(encoding, dict) else None
    sides = tuple(size) if isinstance(size, (list, tuple)) else ()
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise UnreadableMask(f"it states the size {shown(size)}, not [height, width]")
    if sides[0] * sides[1] >= MOST_PIXELS or max(sides) > MOST_SIDE:
        raise UnreadableMask(f"it states a size of {sides[1]} x {sides[0]} px, more than any image")
    return sides


def _as_bytes(counts: str | bytes) -> bytes:
    try:
        return counts.encode("ascii") if isinstance(counts, str) else counts
    except UnicodeEncodeError as error:
        raise UnreadableMask(f"its counts hold what no run length is written with: {error}") from (
            error
        )


def _listed_lengths(counts: list[Any]) -> Int64[np.ndarray, " T"]:
    if any(isinstance(count, bool) or not isinstance(count, (int, float)) for count in counts):
        raise UnreadableMask("its counts are no whole numbers")
    try:
        numbers = np.asarray(counts, dtype=np.float64)
    except OverflowError as error:
        raise UnreadableMask("its counts are no numbers of 32 bits") from error
    if not (np.abs(numbers) < MOST_PIXELS).all() or (numbers != np.floor(numbers)).any():
        raise UnreadableMask("its counts are no whole numbers of 32 bits")
    return numbers.astype(np.int64)


def _written_lengths(counts: bytes) -> Int64[np.ndarray, " T"]:
    try:
        return read_lengths(counts)
    except ValueError as error:
        raise UnreadableMask(str(error)) from error
