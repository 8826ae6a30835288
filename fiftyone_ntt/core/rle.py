"""Masks as COCO run lengths.

pycocotools works on whole images, so a hundred small objects of a 12-megapixel photo take seconds.
`encode_crop` and `decode_crops` read and write a mask inside its box only, the latter the runs of
many masks at once. Needs no torch, so that processes which only handle masks start fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from pycocotools import mask as coco_mask

RLE = dict[str, Any]
"""A COCO run-length encoding: `{"size": [height, width], "counts": bytes}`."""

_FIRST_CHARACTER, _DIGIT, _SIGN, _MORE, _DIGIT_BITS = 48, 0x1F, 0x10, 0x20, 5


def encode_masks(masks: Bool[np.ndarray, "N H W"]) -> list[RLE]:
    """COCO run-length encodings of masks."""
    # pycocotools wants column-major [H, W, N]; this transpose makes the one copy it needs.
    columns = np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8))
    encodings: list[RLE] = coco_mask.encode(columns)
    return encodings


def encode_crop(
    crop: Bool[np.ndarray, "h w"], corner: tuple[int, int], size: tuple[int, int]
) -> RLE:
    """COCO run-length encoding of a mask that is empty outside a window of its image.

    Args:
        crop: the window, which lies inside the image.
        corner: its top and left.
        size: the image's height and width.

    Returns:
        What `encode_masks` gives of the whole mask; it never makes that, so it takes time in the
        columns of the window alone.
    """
    (top, left), height, (rows, columns) = corner, size[0], crop.shape
    # COCO's runs go down the columns, one after the other. A pixel of background below the crop
    # parts them, unless they touch by filling the image from top to bottom.
    pitch = rows + (rows < height)
    flat = np.zeros(columns * pitch + 2, dtype=bool)
    flat[1:-1].reshape(columns, pitch)[:, :rows] = crop.T
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    changes = (left + changes // pitch) * height + top + changes % pitch
    return encode_changes(changes, size)


def encode_changes(changes: Int64[np.ndarray, " n"], size: tuple[int, int]) -> RLE:
    """COCO run-length encoding of the mask that begins outside and changes sides at some pixels.

    Args:
        changes: numbers of those pixels, counted down the columns, rising.
        size: the image's height and width.
    """
    height, width = size
    # The first run is of 0s and may be empty, the last may not.
    edges = [0, *changes.tolist(), height * width]
    runs = [end - start for start, end in pairwise(edges)]
    if runs[-1] == 0:
        runs.pop()
    rle: RLE = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    return rle


def decode_mask(rle: RLE) -> Bool[np.ndarray, "H W"]:
    """Mask of a run-length encoding."""
    return coco_mask.decode(rle).astype(bool)


def rle_boxes(rles: list[RLE]) -> Int64[np.ndarray, "N 4"]:
    """Inclusive pixel boxes of encodings: x1, y1, x2, y2; 0s for empty masks."""
    if not rles:
        return np.zeros((0, 4), dtype=np.int64)
    corners = np.asarray(coco_mask.toBbox(rles)).reshape(-1, 4).round().astype(np.int64)
    # toBbox gives x, y, width, height in whole pixels: the last pixel lies one before the edge.
    corners[:, 2:] = np.maximum(corners[:, :2] + corners[:, 2:] - 1, 0)
    return corners


@dataclass(frozen=True, eq=False)
class Runs:
    """The inside of some masks: column-major pixel ranges, `T` in all.

    Attributes:
        starts: first pixel of each range, rising within a mask.
        ends: the pixel after its last.
        masks: which mask each belongs to, rising.
    """

    starts: Int64[np.ndarray, " T"]
    ends: Int64[np.ndarray, " T"]
    masks: Int64[np.ndarray, " T"]


def read_runs(rles: Sequence[RLE]) -> Runs:
    """The runs of some compressed encodings.

    A run length is written in base 32, lowest digit first, a character a digit; from the fourth on,
    as the difference to the one before last (pycocotools' `rleToString`).
    """
    lengths, first, mask, place = _all_lengths(rles)
    edges = _segmented_sums(lengths, first, mask)
    # Lengths alternate, outside first: an inside run lies between an even place and the next.
    opening = np.flatnonzero((place[:-1] % 2 == 0) & (mask[:-1] == mask[1:]))
    filled = opening[edges[opening] < edges[opening + 1]]
    return Runs(edges[filled], edges[filled + 1], mask[filled])


def whole_areas(rles: Sequence[RLE]) -> Int64[np.ndarray, " N"]:
    """Areas of the masks of some compressed encodings of one size that somebody else may have made.

    Raises:
        ValueError: a run length is written as none is, or the runs of a mask do not fill its image
            exactly: pycocotools would go past its end.
    """
    if not all(rle["counts"] for rle in rles):
        raise ValueError("one of its masks has no runs")
    text = np.frombuffer(b"".join(rle["counts"] for rle in rles), dtype=np.uint8)
    ends = np.cumsum([len(rle["counts"]) for rle in rles], dtype=np.int64)
    _require_written(text, ends)
    lengths, first, _, place = _all_lengths(rles)
    pixels = int(np.prod(rles[0]["size"])) if rles else 0
    if lengths.min(initial=0) < 0 or lengths.max(initial=0) > pixels:
        raise ValueError("a run of one of its masks is longer than the image")
    if not len(first):
        return first
    if (np.add.reduceat(lengths, first) != pixels).any():
        raise ValueError("the runs of one of its masks do not fill the image")
    return np.add.reduceat(lengths * (place & 1), first)


def fill_their_images(rles: Sequence[RLE]) -> Bool[np.ndarray, " N"]:
    """Whether the runs of compressed encodings that somebody else may have made, none without any,
    cover their images and no more: of others pycocotools would go past the end.

    Raises:
        ValueError: a run length is written as none is.

    Example:
        >>> fill_their_images([{"size": [2, 2], "counts": runs} for runs in (b"13", b"14")])
        array([ True, False])
    """
    text = np.frombuffer(b"".join(rle["counts"] for rle in rles), dtype=np.uint8)
    _require_written(text, np.cumsum([len(rle["counts"]) for rle in rles], dtype=np.int64))
    lengths, first, _, _ = _all_lengths(rles)
    if not len(first):
        return np.zeros(0, dtype=bool)
    pixels = np.array([rle["size"][0] * rle["size"][1] for rle in rles], dtype=np.int64)
    lie_within = np.minimum.reduceat(lengths, first) >= 0
    lie_within &= np.maximum.reduceat(lengths, first) <= pixels
    lie_within &= np.diff(first, append=len(lengths)) <= 2 * pixels + 2
    return lie_within & (np.add.reduceat(lengths, first) == pixels)


def are_canonical(rles: Sequence[RLE]) -> Bool[np.ndarray, " N"]:
    """Whether compressed encodings, none empty, are written as `encode_masks` writes those masks:
    no run of nothing but a first one, no digit more than needed.

    Example:
        >>> are_canonical([{"size": [2, 2], "counts": runs} for runs in (b"13", b"10020", b"1S0")])
        array([ True, False, False])
    """
    text = np.frombuffer(b"".join(rle["counts"] for rle in rles), dtype=np.uint8)
    lengths, _, mask, place = _all_lengths(rles)
    # A number goes on for no use if all that follows is the sign that its digit before says.
    digits = text.astype(np.int64) - _FIRST_CHARACTER
    final = (digits & _MORE) == 0
    longer = final[1:] & ~final[:-1]
    signs = np.where(digits[:-1] & _SIGN, _DIGIT, 0)
    character = np.repeat(np.arange(len(rles)), [len(rle["counts"]) for rle in rles])
    canonical = np.ones(len(rles), dtype=bool)
    canonical[mask[(lengths <= 0) & (place > 0)]] = False
    canonical[character[1:][longer & ((digits[1:] & _DIGIT) == signs)]] = False
    return canonical


def _all_lengths(
    rles: Sequence[RLE],
) -> tuple[
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " N"],
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
]:
    """Run lengths of all masks, where those of each begin, and each one's mask and place there."""
    text = np.frombuffer(b"".join(rle["counts"] for rle in rles), dtype=np.uint8)
    digits = text.astype(np.int64) - _FIRST_CHARACTER
    final = (digits & _MORE) == 0
    numbers = _decode_numbers(digits, final)
    # A mask's numbers are those whose final digit lies within its text.
    text_ends = np.cumsum([len(rle["counts"]) for rle in rles], dtype=np.int64)
    number_ends = np.concatenate([[0], np.cumsum(final)])[text_ends]
    first = np.concatenate([[0], number_ends])[: len(rles)]
    mask = np.repeat(np.arange(len(rles)), number_ends - first)
    place = np.arange(len(numbers)) - first[mask]
    return _run_lengths(numbers, place), first, mask, place


def _decode_numbers(
    digits: Int64[np.ndarray, " characters"], final: Bool[np.ndarray, " characters"]
) -> Int64[np.ndarray, " n"]:
    """The numbers written, from the characters' values and which are a number's last."""
    ends = np.flatnonzero(final)
    starts = np.concatenate([np.zeros(min(len(ends), 1), np.int64), ends[:-1] + 1])
    count = ends - starts + 1
    values = digits[starts] & _DIGIT
    longer = np.flatnonzero(count > 1)
    # Most numbers have one or two digits.
    for place in range(1, int(count.max(initial=1))):
        longer = longer[count[longer] > place]
        values[longer] |= (digits[starts[longer] + place] & _DIGIT) << (_DIGIT_BITS * place)
    # The final digit's upper bit is the sign: the number goes on with ones.
    negative = np.flatnonzero(digits[ends] & _SIGN)
    values[negative] -= np.int64(1) << (_DIGIT_BITS * count[negative])
    return values


def _run_lengths(
    numbers: Int64[np.ndarray, " n"], place: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Run lengths from the numbers written: every second one sums up, but for each mask's first."""
    if not len(numbers):
        return numbers
    later = place > 0
    begun = np.flatnonzero(~later)
    sums = np.where(later, numbers, 0)
    for parity in (0, 1):
        sums[parity::2] = np.cumsum(sums[parity::2])
    # What the sums of both parities had reached before each mask: the first place adds nothing.
    before = np.stack([sums[begun], np.where(begun > 0, sums[begun - 1], 0)], axis=1)
    number = np.cumsum(~later) - 1
    return np.where(later, sums - before[number, place & 1], numbers)


def _segmented_sums(
    lengths: Int64[np.ndarray, " n"],
    first: Int64[np.ndarray, " N"],
    mask: Int64[np.ndarray, " n"],
) -> Int64[np.ndarray, " n"]:
    """Cumulative sums that start anew with each mask."""
    sums = np.concatenate([[0], np.cumsum(lengths)])
    return sums[1:] - sums[first[mask]]


def decode_crops(
    rles: Sequence[RLE], boxes: Int64[np.ndarray, "N 4"]
) -> list[Bool[np.ndarray, "_h _w"]]:
    """The masks inside their boxes.

    Args:
        rles: `N` encodings of one size, none empty.
        boxes: inclusive pixel extrema x1, y1, x2, y2 (`rle_boxes`).

    Returns:
        `N` arrays, each of its box's size, in memory row by row.
    """
    if not rles:
        return []
    height = rles[0]["size"][0]
    widths, heights = (boxes[:, 2:] - boxes[:, :2] + 1).T
    first = np.concatenate([[0], np.cumsum(widths * heights)])
    runs = read_runs(rles)
    edges = np.stack([runs.starts, runs.ends], axis=1)
    left, top, *_ = boxes[runs.masks, :, None].transpose(1, 0, 2)
    tall = heights[runs.masks, None]
    # The end of a run that reaches the image's bottom is the top of the next column.
    row = np.clip(edges % height - top, 0, tall)
    places = first[runs.masks, None] + (edges // height - left) * tall + row
    lengths = np.diff(places.ravel(), prepend=0, append=first[-1])
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return [
        np.ascontiguousarray(inside[start : start + w * h].reshape(w, h).T)
        for start, w, h in zip(first.tolist(), widths.tolist(), heights.tolist(), strict=False)
    ]


def read_lengths(counts: bytes) -> Int64[np.ndarray, " T"]:
    """Lengths of the runs of one compressed encoding of somebody else's, as `read_runs` reads many.

    Raises:
        ValueError: no run length is written so, or the last one is cut short: pycocotools would
            read on past the end.
    """
    text = np.frombuffer(counts, dtype=np.uint8)
    _require_written(text, np.full(min(len(text), 1), len(text)))
    digits = text.astype(np.int64) - _FIRST_CHARACTER
    lengths = _decode_numbers(digits, (digits & _MORE) == 0)
    for start in (1, 2):
        lengths[start::2] = np.cumsum(lengths[start::2])
    return lengths


def _require_written(text: UInt8[np.ndarray, " characters"], ends: Int64[np.ndarray, " N"]) -> None:
    """Check that texts, one after the other, hold numbers as they are written, to their ends."""
    if ((text < _FIRST_CHARACTER) | (text >= _FIRST_CHARACTER + 2 * _MORE)).any():
        raise ValueError("its counts hold characters that no run length is written with")
    final = ((text - _FIRST_CHARACTER) & _MORE) == 0
    if np.diff(np.flatnonzero(final), prepend=-1).max(initial=0) > _MOST_DIGITS:
        raise ValueError(f"one of its runs is written in more than {_MOST_DIGITS} digits")
    if not final[ends - 1].all():
        raise ValueError("its last run is cut short")


_MOST_DIGITS = 12
"""Of the number that a run is written as: what 64 bits hold for certain."""
