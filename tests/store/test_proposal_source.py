"""Proposals are computed once per image file, and apart for images read turned and as stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.images import ImageReading, read_image
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.proposal_source import ProposalSource
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.core.toy_models import ToyEncoder, ToySegmenter, reference_rows, scene, toy_bank

SETTINGS = ProposalSettings(points_per_side=5, iou_threshold=0.3)


@pytest.fixture
def pipeline() -> Pipeline:
    bank = toy_bank(("thing",), reference_rows([[1, 0, 0, 0, 0, 0]], [0]))
    return Pipeline(bank, ToyEncoder(), ToySegmenter(), proposal_settings=SETTINGS)


def save(path: Path, orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(scene(3, (40, 60))).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", [1, 6])
def test_both_readings_of_a_file_have_proposals_of_their_own(
    tmp_path: Path, pipeline: Pipeline, orientation: int
) -> None:
    path = save(tmp_path / "photo.png", orientation)
    mark = "-as-stored" if orientation != 1 else ""
    assert ImageReading(oriented=False).mark(path) == mark
    store = ProposalStore(tmp_path / "store")
    for oriented in (True, False, True, False):
        source = ProposalSource(pipeline, store, ImageReading(oriented))
        found = source.proposals(source.load(path))
        fresh = propose(read_image(path, oriented=oriented), ToySegmenter(), ToyEncoder(), SETTINGS)
        assert found.image_size == fresh.image_size
        assert found.masks[:] == fresh.masks[:] and len(found) > 0
        np.testing.assert_allclose(found.features, fresh.features, atol=1e-3)
    assert pipeline.segmenter.embedded == (1 if orientation == 1 else 2)  # type: ignore[attr-defined]


def test_without_a_store_all_is_computed(tmp_path: Path, pipeline: Pipeline) -> None:
    path = save(tmp_path / "photo.png", 1)
    source = ProposalSource(pipeline, None, ImageReading(oriented=True))
    first, second = (source.proposals(source.load(path)) for _ in range(2))
    assert first.masks[:] == second.masks[:]
    assert pipeline.segmenter.embedded == 2  # type: ignore[attr-defined]


def test_a_folder_of_photos_is_no_store(tmp_path: Path, pipeline: Pipeline) -> None:
    photo = save(tmp_path / "photo.png", 1)
    with pytest.raises(StoreError, match=r"is no proposal store: it holds photo.png and no propos"):
        ProposalSource(pipeline, ProposalStore(tmp_path, limit=0), ImageReading(True))
    assert [path.name for path in tmp_path.iterdir()] == [photo.name]
