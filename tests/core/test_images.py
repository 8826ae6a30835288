"""Image files of every mode, turned, damaged and missing."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.images import image_size, read_image
from fiftyone_ntt.errors import InputError

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GRAY = COLOURS[..., 0]


def saved(folder: Path, image: Image.Image, name: str = "image.png", **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


def test_rgb_is_read_exactly(tmp_path: Path) -> None:
    found = read_image(saved(tmp_path, Image.fromarray(COLOURS)), oriented=False)
    np.testing.assert_array_equal(found, COLOURS)
    assert found.dtype == np.uint8


def test_gray_has_three_equal_channels(tmp_path: Path) -> None:
    found = read_image(saved(tmp_path, Image.fromarray(GRAY)), oriented=False)
    np.testing.assert_array_equal(found, np.repeat(GRAY[..., None], 3, axis=2))


@pytest.mark.parametrize("name", ["image.png", "image.tif"])
def test_16_bit_gray_keeps_its_high_byte(tmp_path: Path, name: str) -> None:
    wide = GRAY.astype(np.uint16) * 256 + 77
    found = read_image(saved(tmp_path, Image.fromarray(wide), name), oriented=False)
    np.testing.assert_array_equal(found, np.repeat(GRAY[..., None], 3, axis=2))


def test_palette_shows_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS).quantize(256)
    found = read_image(saved(tmp_path, image), oriented=False)
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


def test_alpha_is_dropped(tmp_path: Path) -> None:
    alpha = np.concatenate([COLOURS, GRAY[..., None]], axis=2)
    found = read_image(saved(tmp_path, Image.fromarray(alpha, "RGBA")), oriented=False)
    np.testing.assert_array_equal(found, COLOURS)


@pytest.mark.parametrize("mode, name", [("CMYK", "i.tif"), ("1", "i.png"), ("LA", "i.png")])
def test_other_modes_become_rgb(tmp_path: Path, mode: str, name: str) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    found = read_image(saved(tmp_path, image, name), oriented=False)
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_only_when_asked_for(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(COLOURS), exif=exif)
    np.testing.assert_array_equal(read_image(path, oriented=False), COLOURS)
    turned = read_image(path, oriented=True)
    assert turned.shape == ((9, 6, 3) if orientation >= 5 else (6, 9, 3))
    expected = {3: np.rot90(COLOURS, 2), 6: np.rot90(COLOURS, 3), 8: np.rot90(COLOURS)}
    if orientation in expected:
        np.testing.assert_array_equal(turned, expected[orientation])


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.png.*no such file"):
        read_image(tmp_path / "none.png", oriented=False)
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    for path in (tmp_path / "text.png", tmp_path / "empty.png", tmp_path):
        with pytest.raises(InputError, match=r"cannot be read"):
            read_image(path, oriented=False)


def test_floating_point_pixels_are_refused_not_blackened(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(GRAY / np.float32(255)), "image.tif")
    with pytest.raises(InputError, match="floating-point"):
        read_image(path, oriented=False)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, Image.fromarray(COLOURS))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(InputError, match="MAX_IMAGE_PIXELS"):
        read_image(path, oriented=False)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_damaged_files_raise_nothing_else(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOURS).save(buffer, kind)
    content, chance = buffer.getvalue(), random.Random(0)
    path = tmp_path / "image"
    failed = 0
    for _ in range(60):
        damaged = bytearray(content[: chance.randrange(len(content))])
        for _ in range(chance.choice([0, 2]) if damaged else 0):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            assert read_image(path, oriented=True).shape[2] == 3
        except InputError:
            failed += 1
    assert failed > 0


def test_a_tiff_whose_second_page_has_no_width_is_unreadable(tmp_path: Path) -> None:
    """Pillow raises a TypeError when it counts the pages."""
    page, path = Image.fromarray(GRAY), tmp_path / "image.tif"
    page.save(path, save_all=True, append_images=[page])
    content = bytearray(path.read_bytes())
    content[content.rindex(bytes([0x00, 0x01, 0x04, 0x00]))] = 0x07  # ImageWidth, a LONG
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"image\.tif cannot be read"):
        read_image(path, oriented=False)


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "image.png")
    for read in (lambda path: read_image(path, oriented=True), image_size):
        with pytest.raises(InputError, match="It is a pipe or a device, not a file"):
            read(tmp_path / "image.png")
