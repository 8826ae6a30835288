"""Reading an image file as RGB pixels, whatever its mode."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from fiftyone_ntt.core.bit_depth import depth_in_use, is_wide, to_8_bits, wide_samples
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError

logger = logging.getLogger(__name__)

UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    TypeError,
    Image.DecompressionBombError,
)
"""What Pillow raises on damaged and on suspiciously large files; RuntimeError comes from its AVIF
reader, TypeError from TIFFs with a page without a width."""
_ORIENTATION = 0x0112
_UPRIGHT = 1
_SIDEWAYS = (5, 6, 7, 8)
_UNTURNED_FORMATS = ("WEBP",)
"""Formats whose EXIF orientation browsers, and so the App, do not apply (Chromium 156)."""
_TRUSTED_METADATA = (".jpg", ".jpeg")
"""File names of formats of which FiftyOne's metadata (1.22.1) and the App see the same size."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PAGED_FORMATS = ("TIFF", "GIF", "PNG", "WEBP", "AVIF")


def read_image(
    path: str | Path, *, oriented: bool, bit_depth: int | None = None
) -> UInt8[np.ndarray, "H W 3"]:
    """The pixels of an image file.

    Args:
        path: any file Pillow reads: palette, gray and CMYK images become 8-bit RGB; an alpha
            channel is dropped. Of a file with several pages the first is taken, and said in the
            log.
        oriented: apply the EXIF orientation, as browsers and so the FiftyOne App do: in JPEG, PNG,
            AVIF and TIFF, not in WebP. COCO annotations refer to the pixels as stored.
        bit_depth: bits a sample that are in use in files of 16, see `core/bit_depth.py`; the
            upper 8 of them are taken. None: what this image needs.

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
        with _opened(path) as file:
            if getattr(file, "n_frames", 1) > 1 and file.format in _PAGED_FORMATS:
                _tell_pages(str(path))
            image = _to_rgb(file, path, bit_depth)
            return np.asarray(_turned(image, _orientation(file)) if oriented else image)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image file as `read_image(oriented=True)` gives it.

    Only the header is read.

    Raises:
        InputError: the file is missing or no image.
    """
    try:
        with _opened(path) as image:
            sideways = _orientation(image) in _SIDEWAYS
            return (image.width, image.height) if sideways else (image.height, image.width)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def image_orientation(path: str | Path) -> int:
    """The EXIF orientation that `read_image(oriented=True)` applies, 1 to 8; 1 is upright.

    Raises:
        InputError: the file is missing or no image.
    """
    try:
        with _opened(path) as image:
            found = _orientation(image)
            return found if found in _TURNS else _UPRIGHT
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def known_size(path: str, height: int | None, width: int | None) -> tuple[int, int]:
    """Height and width from a sample's metadata or, where these may be wrong, from its file.

    FiftyOne's metadata apply the EXIF orientation of JPEG alone, the App shows others turned too:
    of those the file decides, if it is there.

    Raises:
        InputError: no metadata, and the file is missing or no image.
    """
    if not height or not width:
        return image_size(path)
    if Path(path).suffix.lower() in _TRUSTED_METADATA:
        return height, width
    try:
        size = image_size(path)
    except InputError:
        return height, width
    if size == (width, height) != (height, width):
        _tell_metadata(path)
        return size
    return height, width


@dataclass(frozen=True)
class ImageReading:
    """How the image files of one source are read: see `read_image`.

    Attributes:
        oriented: whether the EXIF orientation is applied.
        bit_depth: of files of more than 8 bits a sample; None to go by each image alone.

    Example:
        >>> Image.fromarray(np.full((4, 6), 4000, np.uint16)).save("dark.png")
        >>> reading = ImageReading(oriented=True, bit_depth=12)
        >>> int(reading.read("dark.png").max()), reading.mark("dark.png")
        (250, '-of-12-bits')
    """

    oriented: bool
    bit_depth: int | None = None

    def read(self, path: str | Path) -> UInt8[np.ndarray, "H W 3"]:
        """The pixels of an image file.

        Raises:
            InputError: the file is missing, damaged, or no image.
        """
        return read_image(path, oriented=self.oriented, bit_depth=self.bit_depth)

    def mark(self, path: str | Path) -> str:
        """What decides the pixels beside the file's content: "" for nearly every file.

        Raises:
            InputError: the file is missing or no image.
        """
        if self.oriented and Path(path).suffix.lower() in _TRUSTED_METADATA:
            return ""
        try:
            with _opened(path) as image:
                turned = _stated_orientation(image) != _UPRIGHT
                applied = self.oriented and _orientation(image) != _UPRIGHT
                mark = "-as-stored" if turned and not applied else ""
                return f"{mark}-of-{self.bit_depth or 'own'}-bits" if is_wide(image) else mark
        except UNREADABLE as error:
            raise _unreadable(path, error) from error


def _opened(path: str | Path) -> Image.Image:
    """An image file, of which only the header is read yet."""
    require_regular_file(path)
    return Image.open(path)


def _orientation(image: Image.Image) -> int:
    """The orientation that browsers apply, 1 for none; TIFF is turned by Pillow already."""
    return _UPRIGHT if image.format in _UNTURNED_FORMATS else _stated_orientation(image)


def _stated_orientation(image: Image.Image) -> int:
    """The EXIF orientation in the file's header, 1 for none.

    Pillow's `getexif` also looks into XMP and behind the pixels of a PNG, browsers do neither.
    """
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return int(exif.get(_ORIENTATION, _UPRIGHT))


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """An image turned as its orientation says."""
    how = _TURNS.get(orientation)
    return image if how is None else image.transpose(how)


def _to_rgb(image: Image.Image, path: str | Path, bit_depth: int | None) -> Image.Image:
    """8-bit RGB of a picture of any mode."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if is_wide(image):
        samples = wide_samples(image, path)
        depth = depth_in_use(samples) if bit_depth is None else bit_depth
        image = Image.fromarray(to_8_bits(samples, depth))
    return image.convert("RGB")


@lru_cache(maxsize=1_000)
def _tell_pages(path: str) -> None:
    """Say once that a file has more than was read of it."""
    logger.warning("image %s has several pages: the first is used", path)


@lru_cache(maxsize=1_000)
def _tell_metadata(path: str) -> None:
    """Say once that FiftyOne's metadata and the App disagree."""
    logger.warning(
        "image %s is turned by its EXIF orientation, as the App shows it; its metadata give the "
        "size before that, since FiftyOne applies the orientation of JPEG alone",
        path,
    )


def _unreadable(path: str | Path, error: Exception) -> InputError:
    """What to raise for a file that Pillow failed on."""
    if isinstance(error, FileNotFoundError):
        reason = "there is no such file"
    elif isinstance(error, UnidentifiedImageError):
        reason = "it is not an image of a known format"
    elif isinstance(error, Image.DecompressionBombError):
        reason = f"{error} Raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
    else:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return InputError(
        f"image {path} cannot be read: {reason}. Restore or convert the file (to PNG or JPEG), or "
        "leave the image out."
    )
