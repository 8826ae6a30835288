"""A view's references as one picture."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
from PIL import Image

from fiftyone_ntt import reference_sheet
from tests.dataset.scenes import add_scenes


def test_the_sheet_shows_the_tagged_labels(dataset: fo.Dataset, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 3)
    everything = reference_sheet(dataset, "ground_truth", tmp_path / "all.png")
    some = reference_sheet(
        dataset, "ground_truth", tmp_path / "some.png", classes=["red"], columns=2
    )
    whole, part = (np.asarray(Image.open(path)) for path in (everything, some))
    assert whole.shape == (3 * 168 - 8, 3 * 152 - 8, 3)
    assert part.shape == (2 * 168 - 8, 2 * 152 - 8, 3)
