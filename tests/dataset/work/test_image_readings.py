"""All images of a dataset are read alike, by the bit depth in use or the one that is set."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.dataset.work.image_readings import BIT_DEPTH, image_reading
from fiftyone_ntt.errors import InputError


def save(path: Path, highest: int) -> fo.Sample:
    """An image of 16 bits a sample, saved and as a sample."""
    Image.fromarray(np.full((4, 6), highest, np.uint16)).save(path)
    return fo.Sample(filepath=str(path))


@pytest.fixture
def microscope(tmp_path: Path) -> fo.Dataset:
    dataset = fo.Dataset()
    dataset.info["note"] = "mine"
    dataset.add_samples([save(tmp_path / "dark.png", 900), save(tmp_path / "bright.tif", 4000)])
    return dataset


def test_the_widest_image_decides_and_is_remembered(microscope: fo.Dataset, tmp_path: Path) -> None:
    expected = ImageReading(oriented=True, bit_depth=12)
    assert image_reading(microscope.limit(1)) == expected
    microscope.add_sample(save(tmp_path / "later.png", 60_000))
    assert image_reading(microscope) == expected
    microscope.reload()
    assert microscope.info == {"note": "mine", BIT_DEPTH: 12}


def test_what_somebody_sets_counts(microscope: fo.Dataset) -> None:
    microscope.info[BIT_DEPTH] = 14
    microscope.save()
    assert image_reading(microscope).bit_depth == 14
    microscope.info[BIT_DEPTH] = 13
    microscope.save()
    with pytest.raises(InputError, match="bit depth is 13: use one of"):
        image_reading(microscope)


def test_others_stay_as_they_are(tmp_path: Path) -> None:
    Image.new("L", (6, 4)).save(tmp_path / "plain.png")
    dataset = fo.Dataset()
    dataset.add_samples(
        [fo.Sample(filepath=str(tmp_path / name)) for name in ("plain.png", "a.jpg")]
    )
    assert image_reading(dataset) == ImageReading(oriented=True)
    assert dataset.info == {}
