"""Predictions among the references they were labelled by."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    models = colour_models()
    ntt.build_memory_bank(dataset[:2], "ground_truth", models=models, name="all")
    ntt.segment(dataset, "all", models=models, points_per_side=8, store=tmp_path / "store")
    return dataset


def test_each_lies_by_the_references_of_its_class(scenes: fo.Dataset, tmp_path: Path) -> None:
    found = ntt.prediction_points(scenes, "predictions", "all", store=tmp_path / "store")
    assert (len(found.ids), found.images, found.left_out) == (12, 4, {})
    review = ntt.review_memory_bank(scenes, "all")
    for point, label in zip(found.points, found.labels, strict=True):
        distances = np.linalg.norm(review.points - point, axis=1)
        assert review.references[int(distances.argmin())].label == label
    owners = {label.id: sample.id for sample in scenes for label in sample.predictions.detections}
    assert [owners[label] for label in found.ids] == list(found.sample_ids)


def test_of_many_some_are_drawn_always_the_same(scenes: fo.Dataset, tmp_path: Path) -> None:
    options = {"store": tmp_path / "store", "max_images": 2, "max_points": 4}
    one, two = (ntt.prediction_points(scenes, "predictions", "all", **options) for _ in range(2))
    assert (len(one.ids), one.images, len(set(one.sample_ids))) == (4, 2, 2)
    assert one.ids == two.ids


def test_without_proposals_none_has_a_place(scenes: fo.Dataset, tmp_path: Path) -> None:
    found = ntt.prediction_points(scenes, "predictions", "all", store=tmp_path / "empty")
    assert found.points.shape == (0, 2)
    assert list(found.left_out.values()) == [12]


def test_errors(scenes: fo.Dataset) -> None:
    with pytest.raises(InputError, match="no field 'gone'"):
        ntt.prediction_points(scenes, "gone", "all")
    with pytest.raises(InputError, match="no memory bank 'gone'"):
        ntt.prediction_points(scenes, "predictions", "gone")
