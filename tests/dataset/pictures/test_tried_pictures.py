"""What was tried, drawn small."""

from __future__ import annotations

import io
from pathlib import Path

import fiftyone as fo
import numpy as np
from PIL import Image

import fiftyone_ntt as ntt
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes


def test_what_was_found_is_drawn(dataset: fo.Dataset, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 3)
    bank = ntt.build_memory_bank(dataset[:2], "ground_truth", models=colour_models())
    tried = ntt.try_out(dataset, bank, models=colour_models(), store=False)[-1]
    nothing = ntt.TriedImage(tried.sample_id, tried.filepath, fo.Detections(), None, False)
    drawn, plain = (
        np.asarray(Image.open(io.BytesIO(ntt.tried_picture(dataset, one, bank.classes))))
        for one in (tried, nothing)
    )
    assert drawn.shape == plain.shape and max(drawn.shape) <= 360
    differing = (np.abs(drawn.astype(int) - plain) > 40).any(axis=2).mean()
    assert 0.02 < differing < 0.9
