"""What the arrays of a stored proposal file must fulfil before anything computes with them.

A checksum shows that a file is as it was written, not that what was written makes sense: an index
past the end or a run length past the image would be followed by code that does not look.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Shaped

from fiftyone_ntt.core.rle import RLE, whole_areas
from fiftyone_ntt.store.sealed import Arrays

_COLUMNS: dict[str, type[np.generic]] = {
    "prompts": np.int32,
    "ious": np.float32,
    "areas": np.int32,
    "mask_lengths": np.int32,
    "crops": np.int16,
    "stability": np.float32,
}
"""Arrays of one number a proposal, and their types."""
_LATER = ("crops", "stability")
"""Not in files of every version."""
_EXPONENT = np.uint16(0x7C00)
"""Of a number of 16 bits."""
_MOST_PIXELS = 2**31 - 1
"""Of an image: areas are stored in 32 bits, and pycocotools counts in as many."""


def sound_size(size: Any) -> tuple[int, int]:
    """An image's height and width.

    Raises:
        ValueError: it is none, or no image has so many pixels.
    """
    match size:
        case [int() as height, int() as width]:
            if height >= 1 and width >= 1 and height * width <= _MOST_PIXELS:
                return int(height), int(width)
    raise ValueError(f"its image has the size {str(size)[:80]}")


def require_sound_arrays(arrays: Arrays) -> None:
    """Check the types, shapes and values of everything but the masks.

    Raises:
        KeyError: an array is missing.
        ValueError: what is wrong with one, as a clause.
    """
    count = len(arrays["ious"]) if arrays["ious"].ndim else 0
    for name, kind in _COLUMNS.items():
        if name in arrays or name not in _LATER:
            _require(name, arrays, (kind,), [count])
    _require("boxes", arrays, (np.int16,), [count, 4])
    width = arrays["features"].shape[1] if arrays["features"].ndim == 2 else 0
    _require("features", arrays, (np.float16,), [count, width])
    pairs = len(arrays["pixels"]) if arrays["pixels"].ndim else 0
    _require("pixels", arrays, (np.int32,), [pairs])
    _require("pairs", arrays, (np.int16, np.int32), [pairs, 2])
    _require("mask_bytes", arrays, (np.uint8,), [arrays["mask_bytes"].size])
    _require_places(arrays, count)


def require_sound_masks(masks: list[RLE], arrays: Arrays) -> None:
    """Check that masks are whole, and that the areas beside them are theirs.

    Raises:
        ValueError: what is wrong, as a clause.
    """
    if not np.array_equal(whole_areas(masks), arrays["areas"]):
        raise ValueError("its areas are not those of its masks")


def _require(
    name: str, arrays: Arrays, kinds: tuple[type[np.generic], ...], shape: list[int]
) -> None:
    found = arrays[name]
    if found.dtype not in kinds or list(found.shape) != shape:
        raise ValueError(f"{name} is {found.dtype}{list(found.shape)}")
    if not _all_finite(found):
        raise ValueError(f"{name} holds values that are not finite")


def _all_finite(array: Shaped[np.ndarray, " ..."]) -> bool:
    if array.dtype != np.float16:
        return array.dtype.kind != "f" or bool(np.isfinite(array).all())
    # By their bits, several times as fast: all ones in the exponent is what is not finite.
    return bool(((array.view(np.uint16) & _EXPONENT) != _EXPONENT).all())


def _require_places(arrays: Arrays, count: int) -> None:
    """Indices, boxes and numbers of pixels lie where they can."""
    for name in ("prompts", "boxes", "areas", "mask_lengths", "pairs"):
        if (arrays[name] < 0).any():
            raise ValueError(f"{name} holds values below 0")
    boxes, pairs = arrays["boxes"], arrays["pairs"].astype(np.int64)
    if (boxes[:, :2] > boxes[:, 2:]).any():
        raise ValueError("a box ends before it begins")
    if (pairs[:, 0] >= pairs[:, 1]).any() or (pairs >= count).any():
        raise ValueError("a pair of masks is none")
    shared = arrays["areas"][pairs].min(axis=1, initial=_MOST_PIXELS)
    if (arrays["pixels"] < 1).any() or (arrays["pixels"] > shared).any():
        raise ValueError("masks share more pixels than they have, or none")
    if arrays["mask_lengths"].sum(dtype=np.int64) != len(arrays["mask_bytes"]):
        raise ValueError("its masks are not as long as they say")
