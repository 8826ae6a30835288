"""Label images: pictures whose pixels are numbers of objects or classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from jaxtyping import Bool, Int64, Integer, UInt8
from PIL import Image
from scipy import ndimage

from fiftyone_ntt.coco.findings import Record, RecordError
from fiftyone_ntt.core.images import UNREADABLE
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.core.rle import RLE, encode_crop

BACKGROUND = 0
_COLOURS = ("RGB", "RGBA")
_VALUES = ("1", "L", "P", "LA", "PA", "I", "I;16", "I;16L", "I;16B", "F")
_TIFF = (".tif", ".tiff")
_WIDE_BYTES = 4
_MOST_RATIO = 1100
"""Of the bytes of pixels to those of their file: zlib's best is 1,032."""
_MOST_VALUE = 2**62
_MOST_FLOAT = 2**24
"""Below it, 32-bit floating-point numbers hold every whole number."""
_MOST_LISTED = 2**16
"""Values up to which one pass over the image finds where each lies, without sorting."""


@dataclass(frozen=True, eq=False)
class LabelledPixels:
    """The pixels of one value.

    Attributes:
        value: that they have.
        rle: run lengths at the image's size.
        box: x, y, width, height around them, in pixels.
    """

    value: int
    rle: RLE
    box: list[int]

    def shape(self) -> Record:
        """What an annotation says of where it is."""
        return {"segmentation": self.rle, "bbox": self.box}


def read_values(path: Path) -> Int64[np.ndarray, "H W"]:
    """The numbers in a label image: gray values of 1 to 32 bits, or the indices of a palette.

    Raises:
        RecordError: it cannot be read; it is coloured, so that its pixels are no numbers; it has
            several pages, or negative or broken numbers.

    Example:
        >>> Image.fromarray(np.full((4, 6), 300, np.uint16)).save("cells.png")
        >>> int(read_values(Path("cells.png")).max())
        300
    """
    wide = _wide_values(path)
    if wide is not None:
        return _numbers(path, wide)
    with opened(path) as image:
        pixels = np.asarray(image)
        mode = image.mode
    if mode in _COLOURS:
        gray = pixels[..., 0]
        if not (pixels[..., :3] == gray[..., None]).all():
            raise _unusable(
                path,
                "its pixels are colours, and whether a colour is an object or a class is open. "
                "Save it as a palette PNG or in gray, with one value per object",
            )
        pixels = gray
    elif mode not in _VALUES:
        raise _unusable(path, f"its pixels are {mode}, no numbers of objects. Save it in gray")
    elif mode in ("LA", "PA"):
        pixels = pixels[..., 0]
    return _numbers(path, pixels)


def _numbers(path: Path, pixels: np.ndarray) -> Int64[np.ndarray, "H W"]:
    """Pixels of any type as whole numbers from 0 on."""
    if pixels.dtype.kind == "f":
        if not ((np.abs(pixels) < _MOST_FLOAT) & (pixels == np.floor(pixels))).all():
            raise _unusable(path, "its pixels are no whole numbers. Save them as integers")
    elif pixels.dtype.kind == "u" and pixels.max(initial=0) > _MOST_VALUE:
        raise _unusable(path, f"it holds numbers above {_MOST_VALUE}. Number its objects from 1")
    elif pixels.dtype.kind not in "biu":
        raise _unusable(path, f"its pixels are {pixels.dtype}. Save them as integers")
    values = pixels.astype(np.int64)
    if values.min(initial=0) < 0:
        raise _unusable(path, "it holds negative numbers. Number its objects from 1")
    return values


def _wide_values(path: Path) -> np.ndarray | None:
    """The pixels of a TIFF of 32 bits and more; None of all else.

    Pillow (13.0) does not know unsigned ones whose first byte is the highest, nor 64 bits, and
    turns the bytes of compressed ones round (`findings/`).
    """
    if path.suffix.lower() not in _TIFF:
        return None
    try:
        size = require_regular_file(path)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            if len(file.pages) > 1 or page.ndim != 2 or page.dtype is None:
                return None
            if page.dtype.itemsize < _WIDE_BYTES:
                return None
            if page.size * page.dtype.itemsize > _MOST_RATIO * size:
                raise ValueError("its file is far too small for the size that it states")
            pixels = np.asarray(page.asarray())
    except (OSError, tifffile.TiffFileError):
        return None  # which Pillow says more of
    except Exception as error:  # of what it is, tifffile raises nearly anything
        way = "Save it as a PNG of 16 bits, or a TIFF without compression"
        raise _unusable(path, f"{error}. {way}") from error
    if pixels.ndim != 2 or not pixels.size:  # damaged ones may come without a pixel
        raise _unusable(path, "it has no pixels. Restore it")
    return pixels


def is_rgb(path: Path) -> bool:
    """Whether a label image has three channels, be they equal or not.

    Raises:
        RecordError: it cannot be read.
    """
    with opened(path) as image:
        return image.mode in _COLOURS


def read_colours(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """The colours of a label image of three channels or a palette.

    Raises:
        RecordError: it cannot be read, or has no colours.
    """
    with opened(path) as image:
        if image.mode not in (*_COLOURS, "P"):
            raise _unusable(path, f"its pixels are {image.mode}, no RGB. Save it as published")
        return np.asarray(image.convert("RGB"))


def opened(path: Path) -> Image.Image:
    """A label image of one page, decoded.

    Raises:
        RecordError: it cannot be read, or has several pages.
    """
    try:
        require_regular_file(path)
        image = Image.open(path)
        pages = getattr(image, "n_frames", 1)
        if pages == 1:
            image.load()
    except FileNotFoundError as error:
        raise RecordError(
            "missing image", f"label image {path}: there is no such file. Restore it."
        ) from error
    except UNREADABLE as error:
        way = "Save it as a PNG, or a TIFF of 8, 16 or 32 bits"
        raise _unusable(path, f"{error}. {way}") from error
    if pages > 1:
        image.close()
        raise _unusable(path, f"it is a stack of {pages} pages. Save each as a file of its own")
    return image


def pixels_by_value(values: Int64[np.ndarray, "H W"]) -> Iterator[LabelledPixels]:
    """The pixels of each value but the background's 0, by rising value.

    Example:
        >>> found = pixels_by_value(np.array([[0, 7], [0, 7]]))
        >>> [(pixels.value, pixels.box) for pixels in found]
        [(7, [1, 0, 1, 2])]
    """
    if values.max(initial=0) < _MOST_LISTED:
        names: Integer[np.ndarray, " n"] = np.arange(_MOST_LISTED)
        numbered = values
    else:
        names, inverse = np.unique(np.append(values.ravel(), BACKGROUND), return_inverse=True)
        numbered = inverse[:-1].reshape(values.shape)
    for number, window in enumerate(ndimage.find_objects(numbered), start=1):
        if window is not None:
            yield _pixels(numbered[window] == number, window, int(names[number]), values.shape)


def mask_shape(mask: Bool[np.ndarray, "H W"]) -> Record | None:
    """What an annotation says of where a mask is; None for an empty one."""
    found = next(pixels_by_value(mask.astype(np.int64)), None)
    return None if found is None else found.shape()


def _pixels(
    crop: Bool[np.ndarray, "h w"], window: tuple[slice, slice], value: int, size: tuple[int, ...]
) -> LabelledPixels:
    top, left = window[0].start, window[1].start
    rle = encode_crop(crop, (top, left), (size[0], size[1]))
    return LabelledPixels(value, rle, [left, top, crop.shape[1], crop.shape[0]])


def _unusable(path: Path, reason: str) -> RecordError:
    return RecordError("unreadable segmentation", f"label image {path} cannot be used: {reason}.")
