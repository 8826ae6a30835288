"""Reading image files into the one form the method takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fiftyone_ntt.errors import InputError

_WIDE_GRAY = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """An image file as the App shows it.

    The EXIF orientation is applied, because browsers apply it and labels are drawn on what they
    show (FiftyOne's own metadata swaps width and height likewise). Gray, palette, CMYK and 16-bit
    images become 8-bit RGB; an alpha channel is dropped.

    Args:
        path: of the file.

    Returns:
        uint8 `[H, W, 3]`, RGB.

    Raises:
        InputError: the file is missing, damaged, or not an image.

    Example:
        >>> read_image("photo.jpg").shape  # doctest: +SKIP
        (480, 640, 3)
    """
    try:
        with Image.open(path) as image:
            return np.asarray(_as_rgb(ImageOps.exif_transpose(image)))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image file as `read_image` gives it, from its header alone.

    Raises:
        InputError: the file is missing or not an image.
    """
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112) in (5, 6, 7, 8)
            return (image.width, image.height) if turned else (image.height, image.width)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def known_size(path: str, height: int | None, width: int | None) -> tuple[int, int]:
    """Height and width from a sample's metadata or, where it has none, from its file.

    Raises:
        InputError: no metadata, and the file is missing or not an image.
    """
    return (height, width) if height and width else image_size(path)


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _WIDE_GRAY:
        # Pillow would clip 16 bits at 255; the upper byte is what viewers show.
        wide = np.asarray(image).astype(np.int64)
        shift = 8 if wide.size and wide.max() > 255 else 0
        image = Image.fromarray(np.clip(wide >> shift, 0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    return image.convert("RGB")


def _unreadable(path: str | Path, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        reason = "there is no such file"
    elif isinstance(error, UnidentifiedImageError):
        reason = "it is not an image of a known format"
    else:
        reason = str(error) or type(error).__name__
    return InputError(
        f"{path} cannot be read: {reason}. Restore or convert the file (to PNG or JPEG), or leave "
        "its sample out of the view."
    )
