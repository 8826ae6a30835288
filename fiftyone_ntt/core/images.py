"""Reading an image file as RGB pixels, whatever its mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from fiftyone_ntt.errors import InputError

# What Pillow raises on damaged and on suspiciously large files; RuntimeError comes from its AVIF
# reader.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    Image.DecompressionBombError,
)
_ORIENTATION = 0x0112
_UPRIGHT = 1
_SIDEWAYS = (5, 6, 7, 8)


def read_image(path: str | Path, *, oriented: bool) -> UInt8[np.ndarray, "H W 3"]:
    """The pixels of an image file.

    Args:
        path: any file Pillow reads: palette, gray, 16-bit and CMYK images become 8-bit RGB; an
            alpha channel is dropped.
        oriented: apply the EXIF orientation, as browsers, the FiftyOne App and FiftyOne's metadata
            do; COCO annotations refer to the pixels as stored.

    Returns:
        RGB.

    Raises:
        InputError: the file is missing, damaged, or no image.

    Example:
        >>> Image.new("L", (640, 480)).save("gray.png")
        >>> read_image("gray.png", oriented=True).shape
        (480, 640, 3)
    """
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file) if oriented else file
            return np.asarray(_to_rgb(image))
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image file as `read_image(oriented=True)` gives it.

    Only the header is read.

    Raises:
        InputError: the file is missing or no image.
    """
    try:
        with Image.open(path) as image:
            sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
            return (image.width, image.height) if sideways else (image.height, image.width)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def is_turned(path: str | Path) -> bool:
    """Whether an image file has an EXIF orientation other than upright.

    Raises:
        InputError: the file is missing or no image.
    """
    try:
        with Image.open(path) as image:
            return image.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def known_size(path: str, height: int | None, width: int | None) -> tuple[int, int]:
    """Height and width from a sample's metadata or, where it has none, from its file.

    Raises:
        InputError: no metadata, and the file is missing or no image.
    """
    return (height, width) if height and width else image_size(path)


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of a picture of any mode."""
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit samples at 255; their high byte is the picture.
        samples = np.asarray(image).astype(np.int64)
        shift = 8 if samples.size and samples.max() > 255 else 0
        image = Image.fromarray((samples >> shift).clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    return image.convert("RGB")


def _unreadable(path: str | Path, error: Exception) -> InputError:
    """What to raise for a file that Pillow failed on."""
    if isinstance(error, FileNotFoundError):
        reason = "there is no such file"
    elif isinstance(error, UnidentifiedImageError):
        reason = "it is not an image of a known format"
    elif isinstance(error, Image.DecompressionBombError):
        reason = f"{error} Raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
    else:
        reason = str(error) or type(error).__name__
    return InputError(
        f"image {path} cannot be read: {reason}. Restore or convert the file (to PNG or JPEG), or "
        "leave the image out."
    )
