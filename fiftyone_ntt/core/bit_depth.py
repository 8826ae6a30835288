"""Pictures of more than 8 bits a sample: which part of their range is in use, and 8 bits of it.

Cameras of 10, 12 and 14 bits (microscopes, thermal and medical ones) write files of 16. What they
show lies in the lower part of that range, so the file's high byte alone is nearly black.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, UnidentifiedImageError

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError

BIT_DEPTHS = (8, 10, 12, 14, 16, 32)
"""Bits a sample that cameras and files have."""

_NARROW = frozenset({".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".heic"})
"""File names of formats that hold 8 bits a sample, as far as browsers and Pillow go."""
_WIDE_GRAY = "I"
_WIDE_COLOUR = "16"
_MAX_SURVEYED = 1_000


def is_wide(image: Image.Image) -> bool:
    """Whether an open image file has samples of more than 8 bits; only its header is looked at."""
    return image.mode.startswith(_WIDE_GRAY) or _is_wide_colour(image)


def wide_samples(
    image: Image.Image, path: str | Path
) -> Integer[np.ndarray, "H W"] | Integer[np.ndarray, "H W 3"]:
    """The samples of a wide image as its file holds them: gray, or RGB without alpha.

    Raises:
        OSError: the file is damaged.
    """
    if not _is_wide_colour(image):
        return np.asarray(image)
    # Pillow keeps only the high byte of 16-bit colours; OpenCV keeps all of them.
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.fromfile(path, dtype=np.uint8), flags)
    if pixels is None or pixels.ndim != 3 or pixels.shape[:2] != (image.height, image.width):
        raise OSError("its 16-bit colours cannot be decoded")
    return np.ascontiguousarray(pixels[..., 2::-1])


def depth_in_use(samples: Integer[np.ndarray, " ..."]) -> int:
    """The least of `BIT_DEPTHS` that holds every sample.

    Example:
        >>> depth_in_use(np.array([0, 700, 4000]))
        12
    """
    bits = int(samples.max(initial=0)).bit_length()
    return next(depth for depth in BIT_DEPTHS if bits <= depth)


def to_8_bits(samples: Integer[np.ndarray, " ..."], depth: int) -> UInt8[np.ndarray, " ..."]:
    """The upper 8 of `depth` bits; samples below 0 become 0.

    Raises:
        ValueError: a sample is wider than that.
    """
    if (found := depth_in_use(samples)) > depth:
        raise ValueError(
            f"it holds values up to {samples.max()}, which are {found} bits, and its dataset's "
            f"images are read as of {depth} bits; set the bit depth to {found}"
        )
    shifted = np.maximum(samples, 0).astype(np.int64) >> max(depth - 8, 0)
    return shifted.astype(np.uint8)


def check_bit_depth(depth: object) -> int | None:
    """A bit depth as somebody set it, or None.

    Raises:
        InputError: it is none of `BIT_DEPTHS`.
    """
    if depth is None or (isinstance(depth, int) and depth in BIT_DEPTHS):
        return depth
    raise InputError(f"the bit depth is {depth!r}: use one of {', '.join(map(str, BIT_DEPTHS))}.")


def survey_bit_depth(paths: Sequence[str | Path]) -> int | None:
    """The bit depth in use over many image files: what the widest of them needs.

    Only files of formats that can be wide are opened, at most 1,000 evenly spaced ones; files that
    cannot be read are passed over, since whoever reads them says so.

    Returns:
        None where none of them is wide.

    Example:
        >>> Image.fromarray(np.full((4, 4), 4000, np.uint16)).save("dark.png")
        >>> survey_bit_depth(["dark.png"])
        12
    """
    depths = (_depth(path) for path in _surveyed(paths))
    return max((depth for depth in depths if depth is not None), default=None)


def any_wide(paths: Sequence[str | Path]) -> bool:
    """Whether a file that `survey_bit_depth` would look at is wide; only headers are read."""
    return any(_depth(path, header=True) is not None for path in _surveyed(paths))


def _surveyed(paths: Sequence[str | Path]) -> Sequence[str | Path]:
    candidates = [path for path in paths if Path(path).suffix.lower() not in _NARROW]
    return candidates[:: max(1, -(-len(candidates) // _MAX_SURVEYED))]


def _depth(path: str | Path, *, header: bool = False) -> int | None:
    """The depth in use of a file that is wide, by its header what it may be; None of another."""
    try:
        require_regular_file(path)
        with Image.open(path) as image:
            if not is_wide(image):
                return None
            return BIT_DEPTHS[-1] if header else depth_in_use(wide_samples(image, path))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError):
        return None


def _is_wide_colour(image: Image.Image) -> bool:
    """Whether Pillow is about to drop the low byte of a colour image's samples."""
    mode = _raw_mode(image)
    return image.mode in ("RGB", "RGBA") and (";" + _WIDE_COLOUR) in mode


def _raw_mode(image: Image.Image) -> str:
    """What Pillow's decoder is told of the file's samples, `RGB;16B` for instance."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else None
    return str(args[0] if isinstance(args, tuple) else args)
