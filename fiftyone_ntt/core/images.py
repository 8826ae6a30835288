"""Reading an image file as RGB pixels, whatever its mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fiftyone_ntt.errors import InputError

# What Pillow's readers raise on damaged files; RuntimeError comes from its AVIF reader.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, RuntimeError)


def read_image(path: str | Path, *, oriented: bool) -> NDArray[np.uint8]:
    """The pixels of an image file.

    Args:
        path: any file Pillow reads: palette, gray, 16-bit, CMYK and transparent ones become RGB.
        oriented: apply the EXIF orientation, as the FiftyOne App and FiftyOne's labels do; COCO
            annotations refer to the pixels as stored.

    Returns:
        RGB, uint8 `[H, W, 3]`.

    Raises:
        InputError: the file is missing or no image.
    """
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file) if oriented else file
            return np.asarray(_to_rgb(image))
    except FileNotFoundError as error:
        raise InputError(f"image {path}: no such file. Check the path.") from error
    except _DAMAGED as error:
        raise InputError(
            f"image {path} cannot be read: {error}. Replace the file, or leave the image out."
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"image {path} is too large: {error}. Raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow clips 16-bit samples when it converts them; the high byte is the picture.
        samples = np.asarray(image).astype(np.int64) >> 8
        image = Image.fromarray(samples.clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    return image.convert("RGB")
