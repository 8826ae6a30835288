"""Predictions get the features of the proposals they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt import build_memory_bank, segment
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.mask_lookup import find_masks
from fiftyone_ntt.dataset.pictures import prediction_features as module
from fiftyone_ntt.dataset.pictures.prediction_features import prediction_features
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.stored_images import stored_proposals
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

READING = ImageReading(oriented=True)


@pytest.fixture
def bank(dataset: fo.Dataset, tmp_path: Path, store: ProposalStore) -> MemoryBank:
    """Of a dataset of four scenes, all segmented into `predictions`."""
    add_scenes(dataset, tmp_path, 4)
    bank = build_memory_bank(dataset[:2], "ground_truth", models=colour_models())
    segment(dataset, bank, models=colour_models(), points_per_side=8, store=store)
    return bank


def edit(dataset: fo.Dataset, change: Any, field: str = "predictions") -> None:
    """Change the first sample's first detection."""
    sample = dataset.first()
    change(sample[field].detections[0])
    sample.save()


def test_each_has_the_feature_of_its_proposal(dataset: Any, bank: Any, store: Any) -> None:
    found = prediction_features(dataset, "predictions", bank, store=store)
    assert found.ids == tuple(dataset.values("predictions.detections.id", unwind=True))
    assert found.labels == tuple(dataset.values("predictions.detections.label", unwind=True))
    assert found.features.shape == (12, bank.width) and found.features.dtype == np.float32
    assert found.left_out == {}
    # A prediction's label is that of the nearest prototype of its proposal's feature.
    nearest = (found.features @ bank.prototypes.T).argmax(axis=1)
    assert [bank.classes[index] for index in nearest] == list(found.labels)


def test_no_network_runs_and_no_image_is_decoded(
    dataset: Any, bank: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)  # headers are read
    monkeypatch.setattr("fiftyone_ntt.models.loading.load_models", None)
    assert len(prediction_features(dataset, "predictions", bank, store=store)) == 12


def test_a_view_s_predictions_alone(dataset: Any, bank: Any, store: Any) -> None:
    reds = dataset.filter_labels("predictions", fo.ViewField("label") == "red")
    steps: list[tuple[int, int]] = []
    found = prediction_features(
        reds[1:], "predictions", bank, store=store, progress=lambda *step: steps.append(step)
    )
    assert set(found.labels) == {"red"} and len(found) == 3
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_other_origins_are_matched_by_their_masks(dataset: Any, bank: Any, store: Any) -> None:
    # Ground truth was drawn, not predicted: its masks differ a little from the proposals'.
    found = prediction_features(dataset, "ground_truth", bank, store=store)
    assert len(found) == 12 and found.left_out == {}
    nearest = (found.features @ bank.prototypes.T).argmax(axis=1)
    assert [bank.classes[index] for index in nearest] == list(found.labels)


def test_an_edited_mask_keeps_its_proposal(dataset: Any, bank: Any, store: Any) -> None:
    before = prediction_features(dataset, "predictions", bank, store=store)

    def nibble(detection: fo.Detection) -> None:
        mask = detection.mask.copy()
        mask[0] = False
        detection.mask = mask

    edit(dataset, nibble)
    after = prediction_features(dataset, "predictions", bank, store=store)
    np.testing.assert_array_equal(after.features, before.features)


def empty_mask(detection: fo.Detection) -> None:
    detection.mask = np.zeros_like(detection.mask)


def moved(detection: fo.Detection) -> None:
    detection.bounding_box = [0.01, 0.9, 0.05, 0.05]


def boxed(detection: fo.Detection) -> None:
    detection.mask = None


def on_lost_disk(detection: fo.Detection) -> None:
    detection.mask, detection.mask_path = None, "/no/such/mask.png"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (empty_mask, module.NO_PROPOSAL),
        (moved, module.NO_PROPOSAL),
        (boxed, module.NO_MASK),
        (on_lost_disk, module.UNREADABLE),
    ],
)
def test_what_cannot_be_matched_is_counted(
    dataset: Any, bank: Any, store: Any, change: Any, reason: str
) -> None:
    edit(dataset, change)
    found = prediction_features(dataset, "predictions", bank, store=store)
    assert (len(found), found.left_out) == (11, {reason: 1})
    assert dataset.first().predictions.detections[0].id not in found.ids


def test_images_without_proposals(dataset: Any, bank: Any, store: Any, tmp_path: Path) -> None:
    Path(dataset.first().filepath).unlink()
    found = prediction_features(dataset, "predictions", bank, store=store)
    assert (len(found), found.left_out) == (9, {module.UNREADABLE: 3})
    Image.new("RGB", (64, 64), "green").save(dataset.first().filepath)  # edited since
    found = prediction_features(dataset, "predictions", bank, store=store)
    assert (len(found), found.left_out) == (9, {module.NO_PROPOSALS: 3})
    found = prediction_features(dataset, "predictions", bank, store=tmp_path / "empty")
    assert (len(found), found.left_out) == (0, {module.NO_PROPOSALS: 12})
    assert found.features.shape == (0, bank.width)


def test_only_features_of_the_bank_s_encoder(dataset: Any, bank: Any, store: Any) -> None:
    other = colour_models(encoder="other:1")
    foreign = build_memory_bank(dataset, "ground_truth", models=other)
    found = prediction_features(dataset, "predictions", foreign, store=store)
    assert found.left_out == {module.NO_PROPOSALS: 12}


def test_masks_are_sought_in_all_settings(dataset: Any, bank: Any, store: Any) -> None:
    # With one point a side, few of the objects were proposed.
    segment(dataset, bank, "few", models=colour_models(), points_per_side=1, store=store)
    found = prediction_features(dataset, "predictions", bank, store=store)
    assert len(found) == 12 and found.left_out == {}
    setups = {setup.settings.points_per_side: setup for setup in store.setups()}
    path = dataset.first().filepath
    many, few = (
        stored_proposals(store, setups[side], path, READING, bank.width)[0] for side in (8, 1)
    )
    assert -1 in find_masks(many.masks, few.masks, 0.8)


@pytest.mark.parametrize(
    ("field", "options", "message"),
    [
        ("predictions", {"store": False}, "come from a store"),
        ("gone", {}, "no field 'gone'"),
        ("filepath", {}, "not Detections"),
    ],
)
def test_what_does_not_fit(
    dataset: Any, bank: Any, store: Any, field: str, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prediction_features(dataset, field, bank, **{"store": store, **options})
    with pytest.raises(InputError, match="no memory bank 'gone'"):
        prediction_features(dataset, "predictions", "gone", store=store)
