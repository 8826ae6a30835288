"""The run lengths that Label Studio's brush is kept in.

A list of bytes, read as bits from the highest on: 32 for how many values there are, 5 for the bits
of a value less one, four times 4 for the bits of a length, less one each. Then runs: one bit that
says whether one value is repeated (1) or values follow one by one (0), two for which of the four
widths the length has, the length less one, and the value or values. The values are the red, green,
blue and alpha of each pixel, row by row (the scheme of the JavaScript package rle-pack).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from fiftyone_ntt.core.foreign_masks import UnreadableMask

_COLOURS = 4
_BYTE = 8
_OPAQUE = 255
_WIDTHS = (3, 4, 8, 16)
"""Bits of lengths that the tool's library chooses from."""
_HEAD_BITS = 32 + 5 + 4 * 4


def brush_mask(encoded: Any, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Pixels of a brush: those that are not wholly transparent, as in Label Studio's COCO export.

    Args:
        encoded: the list of bytes.
        size: height and width of the image.

    Raises:
        UnreadableMask: it is no such list, or holds another number of values than the image.
    """
    try:
        data = np.array(encoded if isinstance(encoded, list) else [], dtype=np.uint8)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableMask(f"its rle is no list of bytes: {error}") from error
    if data.ndim != 1 or len(data) * _BYTE < _HEAD_BITS:
        raise UnreadableMask("its rle is no list of bytes")
    count = int.from_bytes(data[:4].tobytes(), "big")
    if count != size[0] * size[1] * _COLOURS:
        raise UnreadableMask(
            f"its rle holds {count} values, not {_COLOURS} for each of {size[1]} x {size[0]} px"
        )
    values = np.zeros(count, dtype=np.uint8)
    for start, stop, value in _runs(data, count):
        values[start:stop] = value
    return values[_COLOURS - 1 :: _COLOURS].reshape(size) > 0


def brush_runs(mask: Bool[np.ndarray, "H W"]) -> list[int]:
    """The bytes of a brush, as Label Studio's own library writes them; opaque where the mask is.

    Example:
        >>> mask = np.eye(3, dtype=bool)
        >>> bool((brush_mask(brush_runs(mask), (3, 3)) == mask).all())
        True
    """
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = _COLOURS * np.diff(edges, prepend=0, append=len(flat))
    values = np.where(flat[np.concatenate([[0], edges])], _OPAQUE, 0)
    bits = [f"{len(flat) * _COLOURS:032b}{_BYTE - 1:05b}"]
    bits += [f"{width - 1:04b}" for width in _WIDTHS]
    longest = 1 << _WIDTHS[-1]
    for length, value in zip(lengths.tolist(), values.tolist(), strict=True):
        for part in (*[longest] * (length // longest), length % longest):
            kind = next(n for n, width in enumerate(_WIDTHS) if part <= 1 << width)
            if part:
                bits.append(f"1{kind:02b}{part - 1:0{_WIDTHS[kind]}b}{value:0{_BYTE}b}")
    text = "".join(bits)
    filled = text + "0" * (_BYTE - len(text) % _BYTE)
    return np.packbits(np.frombuffer(filled.encode(), np.uint8) - ord("0")).tolist()


def _runs(
    data: UInt8[np.ndarray, " B"], count: int
) -> Iterator[tuple[int, int, int | UInt8[np.ndarray, " N"]]]:
    """Start, end and value or values of each run."""
    bits = np.unpackbits(data)
    raw = data.tobytes() + bytes(_BYTE)

    def number(place: int, width: int) -> int:
        first = place // _BYTE
        window = int.from_bytes(raw[first : first + _BYTE], "big")
        return (window >> (8 * _BYTE - place % _BYTE - width)) & ((1 << width) - 1)

    word = number(32, 5) + 1
    if word != _BYTE:
        raise UnreadableMask(f"its rle has values of {word} bits, where colours have {_BYTE}")
    widths = [number(37 + 4 * index, 4) + 1 for index in range(4)]
    place, start = _HEAD_BITS, 0
    while start < count:
        width = widths[number(place + 1, 2)]
        repeated, length = number(place, 1), number(place + 3, width) + 1
        place += 3 + width
        stop, taken = start + length, word if repeated else word * length
        if stop > count or place + taken > len(bits):
            raise UnreadableMask("its rle is cut short, or goes on beyond the image")
        if repeated:
            yield start, stop, number(place, word)
        else:
            yield start, stop, np.packbits(bits[place : place + taken])
        place, start = place + taken, stop
