"""What the benchmark of adaptive mode plants, and that it counts what it says it counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.adaptive import Planted, timing
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import generate_scene


@pytest.fixture
def planted() -> Planted:
    return Planted.of(generate_scene(NOVEL_CLASSES, seed=1, size=640, objects=(6, 12)), 384)


def test_patches_resemble_what_lies_on_them(planted: Planted) -> None:
    tokens = F.normalize(planted.tokens(37), dim=1)
    similarity = (tokens @ F.normalize(planted.directions, dim=1).T).reshape(37, 37, -1)
    numbers = planted.numbers(37).numpy()
    inner = np.zeros_like(numbers, dtype=bool)
    inner[1:-1, 1:-1] = True
    for axis in (0, 1):
        for step in (-1, 1):
            inner &= np.roll(numbers, step, axis) == numbers
    rows, columns = np.nonzero(inner)
    own = similarity[rows, columns, planted.classes[numbers[rows, columns]]]
    assert 0.5 < own.mean() < 0.8
    unlike = similarity[rows, columns].sum(dim=1) - own
    assert abs(float(unlike.mean()) / (len(planted.directions) - 1) - 0.07) < 0.05


def test_masks_are_the_scenes(planted: Planted) -> None:
    assert planted.numbers(256).shape == (256, 256)
    shares = torch.bincount(planted.numbers(256).flatten()) / 256**2
    expected = np.bincount(planted.owner.ravel()) / planted.owner.size
    np.testing.assert_allclose(shares.numpy(), expected, atol=0.01)


@pytest.mark.slow
def test_a_report_has_both_modes_and_their_prompts() -> None:
    report = timing("demo", "cpu", "float32", 0.3)
    rows = {row["seconds"]: row for row in report.rows}
    assert rows["prompts"]["exact"] == 1024
    assert rows["prompts"]["adaptive, no object"] < rows["prompts"]["adaptive"] < 1024 / 5
    for column in ("exact", "adaptive"):
        parts = [rows[stage][column] for stage in list(rows)[:4]]
        assert sum(parts) == pytest.approx(rows["end to end"][column])
