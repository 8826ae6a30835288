"""Label images of PASCAL VOC: palette indices, or the colours that some tools write for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from fiftyone_ntt.coco.json_files import as_whole_number
from fiftyone_ntt.formats.glance import head
from fiftyone_ntt.formats.label_pixels import is_rgb, read_colours, read_values

VOID = 255
"""In label images: pixels around objects, which are nobody's."""


def class_list(root: Path) -> Iterator[tuple[int, str]]:
    """Values and names of CVAT's `labelmap.txt` (name:red,green,blue:parts:actions), if any.

    Where it gives no colours, as datumaro writes it, classes have VOC's in the order of the lines.
    """
    lines = [line.strip() for line in head(root / "labelmap.txt").splitlines()]
    told = [line.split(":") for line in lines if ":" in line and not line.startswith("#")]
    colours = [
        [as_whole_number(part) for part in colour.split(",")] for _, colour, *_ in told if colour
    ]
    if not colours:
        yield from ((value, name) for value, (name, *_) in enumerate(told) if value)
        return
    for name, colour in zip((row[0] for row in told if row[1]), colours, strict=True):
        packed = _packed(tuple(part or 0 for part in colour))
        if name and len(colour) == 3 and packed:  # black is the background
            yield _COLOUR_BASE + packed, name


_COLOUR_BASE = 256
"""Classes by their own colours come after the 256 that an index can have."""


def _packed(colour: tuple[int, ...]) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def voc_indices(path: Path) -> Int64[np.ndarray, "H W"]:
    """The indices in a label image, also where a tool wrote the colours of VOC's palette.

    Raises:
        RecordError: it cannot be read, or has other colours.
    """
    if not is_rgb(path):
        return read_values(path)
    packed = _packed_colours(path)
    places = np.searchsorted(_palette()[0], packed).clip(max=VOID)
    if (_palette()[0][places] == packed).all():
        return _palette()[1][places]
    return read_values(path)  # gray, or an error


def class_values(path: Path, numbers: Mapping[int, str]) -> Int64[np.ndarray, "H W"]:
    """Values of a class image: indices or, where `class_list` gives colours, those.

    Args:
        path: of the label image.
        numbers: class by value.

    Raises:
        RecordError: it cannot be read.
    """
    if min(numbers, default=0) < _COLOUR_BASE:
        return voc_indices(path)
    return _COLOUR_BASE + _packed_colours(path)


def _packed_colours(path: Path) -> Int64[np.ndarray, "H W"]:
    colours = read_colours(path).astype(np.int64)
    return colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]


@cache
def _palette() -> tuple[Int64[np.ndarray, " colours"], Int64[np.ndarray, " colours"]]:
    """The colours of VOC's palette, packed and rising, and the index of each."""
    packed = np.array([_packed(tuple(colour)) for colour in palette_colours().tolist()])
    order = np.argsort(packed)
    return packed[order], order.astype(np.int64)


def palette_colours() -> UInt8[np.ndarray, "256 3"]:
    """VOC's palette: bits of the index are spread over the channels, from the uppermost down.

    Example:
        >>> palette_colours()[:4].tolist()
        [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    index, colours = np.arange(VOID + 1), np.zeros((VOID + 1, 3), dtype=np.int64)
    for bit in range(8):
        colours[:, bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return colours.astype(np.uint8)
