"""Images are turned as the App turns them, whatever FiftyOne's metadata say."""

from __future__ import annotations

from pathlib import Path

import fiftyone.core.metadata as fom
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.images import image_size, known_size, read_image
from tests.turned import GRAY, save_turned, save_xmp


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_fiftyone_and_the_app(tmp_path: Path, orientation: int) -> None:
    path = save_turned(tmp_path / "photo.jpg", orientation)
    found = read_image(path, oriented=True)
    metadata = fom.ImageMetadata.build_for(str(path))
    assert found.shape[:2] == (metadata.height, metadata.width) == image_size(path)
    if orientation == 6:  # to be turned a quarter clockwise: the dark left edge comes on top
        assert found[0].mean() < found[-1].mean()


@pytest.mark.parametrize("name", ["photo.png", "photo.avif"])
def test_where_metadata_miss_the_orientation_the_file_decides(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_turned(tmp_path / name, 6)
    metadata = fom.ImageMetadata.build_for(str(path))
    assert (metadata.height, metadata.width) == GRAY.shape  # FiftyOne's own: not turned
    size = known_size(str(path), metadata.height, metadata.width)
    assert size == GRAY.shape[::-1] == read_image(path, oriented=True).shape[:2]
    assert [message.split(" is turned")[0] for message in caplog.messages] == [f"image {path}"]


def test_metadata_serve_where_the_file_is_gone(tmp_path: Path) -> None:
    assert known_size(str(tmp_path / "gone.png"), 20, 40) == (20, 40)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp", "photo.avif"])
def test_an_orientation_in_xmp_alone_is_not_applied(tmp_path: Path, name: str) -> None:
    path = save_xmp(tmp_path / name, 6)
    assert read_image(path, oriented=True).shape[:2] == GRAY.shape == image_size(path)


@pytest.mark.parametrize("orientation", [2, 3, 5, 6, 7, 8])
def test_pillow_turns_a_tiff_whoever_asks(tmp_path: Path, orientation: int) -> None:
    path, plain = (save_turned(tmp_path / f"{turn}.tif", turn) for turn in (orientation, 1))
    expected = np.asarray(Image.open(path).convert("RGB"))
    assert not np.array_equal(expected, read_image(plain, oriented=True))
    for oriented in (True, False):
        np.testing.assert_array_equal(read_image(path, oriented=oriented), expected)
    assert image_size(path) == expected.shape[:2]
