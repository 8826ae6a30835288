"""Label images of PASCAL VOC: palette indices, or the colours that some tools write for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from fiftyone_ntt.coco.json_files import as_whole_number
from fiftyone_ntt.formats.glance import head
from fiftyone_ntt.formats.label_pixels import is_rgb, read_colours, read_values

VOID = 255
"""In label images: pixels around objects, which are nobody's."""


def class_list(root: Path) -> Iterator[tuple[int, str]]:
    """Values and names of CVAT's `labelmap.txt` (name:red,green,blue:parts:actions), if any."""
    for line in head(root / "labelmap.txt").splitlines():
        name, _, rest = line.strip().partition(":")
        colour = [as_whole_number(part) for part in rest.split(":")[0].split(",")]
        if not name or name.startswith("#") or len(colour) != 3:
            continue
        packed = _packed(tuple(part or 0 for part in colour))
        if packed:  # black is the background
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
    """The colours of VOC's palette, packed and rising, and the index of each: bits of the index
    are spread over the channels, from the uppermost down."""
    packed = np.zeros(VOID + 1, dtype=np.int64)
    for index in range(VOID + 1):
        colour = [0, 0, 0]
        for bit in range(8):
            colour[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
        packed[index] = _packed(tuple(colour))
    order = np.argsort(packed)
    return packed[order], order.astype(np.int64)
