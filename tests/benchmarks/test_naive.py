"""The baseline computes what the package computes: else it would be no baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.compare import agreement, pair_up
from benchmarks.inputs import bank_of_features, photo
from benchmarks.naive import NaivePipeline
from fiftyone_ntt.coco.labelling import build_bank_from_coco
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.models.loading import Models, load_models

GOLDEN = Path(__file__).parents[1] / "golden"


def assert_same(
    models: Models, bank: MemoryBank, image: np.ndarray, per_side: int, batch: int
) -> None:
    settings = ProposalSettings(points_per_side=per_side)
    pipeline = Pipeline(bank, models.encoder, models.segmenter, proposal_settings=settings)
    naive = NaivePipeline(
        models.segmenter,  # type: ignore[arg-type]
        models.encoder,  # type: ignore[arg-type]
        bank,
        points_per_side=per_side,
        batch=batch,
    )
    found, expected = pipeline(image), naive(image)
    assert len(found) == len(expected.labels) > 3
    for iou, off in pair_up(found, expected):
        assert iou >= 0.999
        assert off <= 1e-3
    assert f"{len(found)} of them the same" in agreement(found, expected)
    assert (np.diff(expected.scores) <= 0).all()
    assert set(naive.stopwatch.seconds) == {
        "resize", "segmenter", "decode", "encoder", "pool", "match", "masks",
    }  # fmt: skip


@pytest.mark.parametrize(("seed", "size", "batch"), [(1, (120, 160), 16), (2, (200, 90), 7)])
def test_same_instances_as_the_package_with_demo_models(
    seed: int, size: tuple[int, int], batch: int
) -> None:
    models = load_models("demo")
    settings = ProposalSettings(points_per_side=8)
    features = propose(photo(size, 0), models.segmenter, models.encoder, settings).features
    bank = bank_of_features(features, 6, 3, models.encoder.identity)
    assert_same(models, bank, photo(size, seed), 8, batch)


@pytest.mark.slow
@pytest.mark.parametrize("negatives", [None, "negs.json"])
@pytest.mark.parametrize("scene", ["scene_a", "scene_b"])
def test_same_instances_as_the_package_with_golden_models(
    scene: str, negatives: str | None
) -> None:
    models = load_models(
        encoder=str(GOLDEN / "dinov2_tiny.pth"), segmenter=str(GOLDEN / "sam2_tiny.pt")
    )
    bank = build_bank_from_coco(
        GOLDEN / "images", GOLDEN / "refs.json", models, GOLDEN / negatives if negatives else None
    )
    image = read_image(GOLDEN / "images" / f"{scene}.png", oriented=False)
    assert_same(models, bank, image, 16, 16)
