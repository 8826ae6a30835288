"""Pictures of 10 to 16 bits a sample: the range in use, not the file's high byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.bit_depth import (
    check_bit_depth,
    depth_in_use,
    survey_bit_depth,
    to_8_bits,
)
from fiftyone_ntt.core.images import ImageReading, read_image
from fiftyone_ntt.errors import InputError

RANDOM = np.random.default_rng(0)


def wide(depth: int, *shape: int) -> Any:
    """Samples that use all of so many bits."""
    samples = RANDOM.integers(0, 2**depth, shape, dtype=np.uint16)
    samples[0, 0] = 2**depth - 1
    return samples


@pytest.mark.parametrize("depth", [10, 12, 14, 16])
@pytest.mark.parametrize("name", ["gray.png", "gray.tif", "colour.png", "colour.tif", "gray.pgm"])
def test_the_range_in_use_becomes_8_bits(tmp_path: Path, depth: int, name: str) -> None:
    path = tmp_path / name
    colour = name.startswith("colour")
    samples = wide(depth, 6, 9, 3) if colour else wide(depth, 6, 9)
    cv2.imwrite(str(path), samples[..., ::-1] if colour else samples)
    expected = (samples >> (depth - 8)).astype(np.uint8)
    found = read_image(path, oriented=False)
    np.testing.assert_array_equal(found, expected if colour else np.dstack([expected] * 3))
    assert ImageReading(oriented=True, bit_depth=depth).mark(path) == f"-of-{depth}-bits"


def test_the_alpha_of_wide_colours_is_dropped(tmp_path: Path) -> None:
    samples = wide(12, 6, 9, 4)
    cv2.imwrite(str(tmp_path / "a.png"), samples)
    found = read_image(tmp_path / "a.png", oriented=True)
    np.testing.assert_array_equal(found, (samples[..., 2::-1] >> 4).astype(np.uint8))


def test_samples_of_32_bits(tmp_path: Path) -> None:
    samples = wide(12, 6, 9).astype(np.int32) - 5
    Image.fromarray(samples).save(tmp_path / "signed.tif")
    found = read_image(tmp_path / "signed.tif", oriented=True)
    np.testing.assert_array_equal(found[..., 0], samples.clip(0) >> 4)
    assert read_image(tmp_path / "signed.tif", oriented=True, bit_depth=32).max() == 0


def test_one_bit_depth_keeps_a_dark_image_dark(tmp_path: Path) -> None:
    for name, highest in (("dark.png", 900), ("bright.png", 4000)):
        Image.fromarray(np.full((4, 4), highest, np.uint16)).save(tmp_path / name)
    paths = [tmp_path / "dark.png", tmp_path / "bright.png", tmp_path / "gone.png"]
    depth = survey_bit_depth(paths)
    assert depth == 12
    dark, bright = (read_image(path, oriented=True, bit_depth=depth)[0, 0, 0] for path in paths[:2])
    assert (dark, bright) == (900 >> 4, 4000 >> 4)


def test_an_image_beyond_the_bit_depth_is_named_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 5000, np.uint16)).save(tmp_path / "bright.png")
    with pytest.raises(InputError, match=r"bright.png.*up to 5000.*14 bits.*12 bits.*depth to 14"):
        read_image(tmp_path / "bright.png", oriented=True, bit_depth=12)


def test_images_of_8_bits_know_no_bit_depth(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.fromarray(RANDOM.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(path)
    assert survey_bit_depth([path, tmp_path / "photo.jpg"]) is None
    reading = ImageReading(oriented=True, bit_depth=12)
    np.testing.assert_array_equal(reading.read(path), read_image(path, oriented=True))
    assert reading.mark(path) == ""


def test_depths_of_cameras() -> None:
    assert [depth_in_use(np.array([top])) for top in (0, 255, 256, 1023, 4095, 9999, 70000)] == [
        8, 8, 10, 10, 12, 14, 32,
    ]  # fmt: skip
    np.testing.assert_array_equal(to_8_bits(np.array([-3, 16, 4095]), 12), [0, 1, 255])
    assert check_bit_depth(None) is None and check_bit_depth(14) == 14
    for wrong in (11, "12", 12.0):
        with pytest.raises(InputError, match="use one of 8, 10, 12, 14, 16"):
            check_bit_depth(wrong)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP"])
def test_of_several_pages_the_first_is_used_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    path = tmp_path / "pages"
    first.save(path, kind, save_all=True, append_images=[second])
    for _ in range(2):
        assert read_image(path, oriented=True)[4, 4, 0] > 200
    assert caplog.messages == [f"image {path} has several pages: the first is used"]
