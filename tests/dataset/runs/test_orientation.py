"""Images are turned as FiftyOne's metadata, and so the App, turns them."""

from __future__ import annotations

from pathlib import Path

import fiftyone.core.metadata as fom
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.images import image_size, read_image

GRAY = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_fiftyone_and_the_app(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GRAY).save(path, exif=exif)
    found = read_image(path, oriented=True)
    metadata = fom.ImageMetadata.build_for(str(path))
    assert found.shape[:2] == (metadata.height, metadata.width) == image_size(path)
    if orientation == 6:  # to be turned a quarter clockwise: the dark left edge comes on top
        assert found[0].mean() < found[-1].mean()
