"""Image files of every kind come out as the RGB that the App shows."""

from __future__ import annotations

from pathlib import Path

import fiftyone.core.metadata as fom
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.dataset.images import image_size, read_image
from fiftyone_ntt.errors import InputError

GRAY = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))
RGB = np.stack([GRAY, GRAY[:, ::-1], np.full_like(GRAY, 7)], axis=2)


def palette() -> Image.Image:
    return Image.fromarray(GRAY).convert("P")


@pytest.mark.parametrize(
    ("image", "suffix", "expected"),
    [
        (Image.fromarray(RGB), "png", RGB),
        (Image.fromarray(GRAY), "png", np.repeat(GRAY[..., None], 3, axis=2)),
        (palette(), "png", np.repeat(GRAY[..., None], 3, axis=2)),
        (Image.fromarray(np.dstack([RGB, GRAY])), "png", RGB),
        (Image.fromarray(GRAY.astype(np.uint16) * 257), "png", np.repeat(GRAY[..., None], 3, 2)),
        (Image.fromarray(RGB).convert("CMYK"), "tiff", RGB),
        (Image.fromarray(GRAY > 127), "png", np.repeat((GRAY > 127)[..., None] * 255, 3, 2)),
    ],
    ids=["rgb", "gray", "palette", "alpha", "16 bit", "cmyk", "bilevel"],
)
def test_modes(tmp_path: Path, image, suffix, expected):
    path = tmp_path / f"image.{suffix}"
    image.save(path)
    found = read_image(path)
    assert (found.dtype, found.shape) == (np.uint8, (32, 64, 3))
    np.testing.assert_array_equal(found, expected)
    assert image_size(path) == (32, 64)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_fiftyone_and_the_app(tmp_path: Path, orientation: int):
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(path, exif=exif)
    shape = read_image(path).shape[:2]
    metadata = fom.ImageMetadata.build_for(str(path))
    assert shape == (metadata.height, metadata.width) == image_size(path)
    if orientation == 6:  # to be turned a quarter clockwise: the dark left edge comes on top
        assert read_image(path)[0].mean() < read_image(path)[-1].mean()


def text(path: Path) -> None:
    path.write_text("not an image")


def truncated(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def floating(path: Path) -> None:
    Image.fromarray(GRAY.astype(np.float32)).save(path, format="TIFF")


def missing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (text, "not an image of a known format"),
        (truncated, "truncated"),
        (floating, "floating-point"),
        (missing, "no such file"),
    ],
)
def test_unreadable(tmp_path: Path, make, reason):
    path = tmp_path / "image.png"
    make(path)
    with pytest.raises(InputError, match=f"image.png cannot be read: .*{reason}.*convert") as error:
        read_image(path)
    assert str(path) in str(error.value)
