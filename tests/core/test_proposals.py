"""Proposals of the toy models against the method written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fiftyone_ntt.core.geometry import point_grid, resize_bicubic, squash
from fiftyone_ntt.core.logit_masks import LogitMasks, stability
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals, pool_features
from fiftyone_ntt.core.settings import ProposalSettings
from tests.core.toy_models import BlindSegmenter, ToyEncoder, ToySegmenter, scene


@pytest.mark.parametrize("grid, side", [(8, 16), (37, 64), (9, 8), (8, 8)])
def test_pooling_is_the_mean_over_interpolated_tokens(grid: int, side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(grid * grid, 5, generator=generator)
    inside = torch.rand(6, side, side, generator=generator) < 0.2
    inside[3] = False
    inside[4] = True
    inside[5] = False
    inside[5, -1, 0] = True
    maps = F.interpolate(
        tokens.T.reshape(1, 5, grid, grid),
        size=(side, side),
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )[0]
    found = pool_features(tokens, inside)
    for row, mask in zip(found, inside, strict=True):
        mean = maps[:, mask].mean(dim=1) if mask.any() else torch.zeros(5)
        torch.testing.assert_close(row, F.normalize(mean, dim=0), atol=1e-5, rtol=0)
    assert found[3].tolist() == [0] * 5


def test_pooling_of_no_mask() -> None:
    assert pool_features(torch.randn(64, 5), torch.zeros(0, 16, 16, dtype=torch.bool)).shape == (
        0,
        5,
    )


def test_propose_against_the_method_written_out() -> None:
    image, segmenter, encoder = scene(0), ToySegmenter(), ToyEncoder()
    settings = ProposalSettings(points_per_side=6, iou_threshold=0.4)
    found = propose(image, segmenter, encoder, settings)
    square = squash(image, 64)
    embedding = segmenter.embed(square[None])[0]
    logits, ious = segmenter.decode_points(embedding, point_grid(6, 64))
    expected = [
        (point, int(ious[point].argmax()))
        for point in range(36)
        if float(ious[point].max()) > np.float32(0.4)
    ]
    assert 0 < len(expected) < 36
    assert found.prompts.tolist() == [point for point, _ in expected]
    assert {best for _, best in expected} == {1}  # the toy is surest of the middle disc
    kept = torch.stack([logits[point, best] for point, best in expected])
    expected_ious = [ious[point, best].item() for point, best in expected]
    assert found.ious.tolist() == pytest.approx(expected_ious)
    assert found.masks[:] == LogitMasks(kept, (40, 60))[:]
    tokens = encoder.encode(resize_bicubic(square, 32)[None])[0]
    torch.testing.assert_close(torch.from_numpy(found.features), pool_features(tokens, kept > 0))
    np.testing.assert_array_equal(found.stability, stability(kept))
    assert found.crops.tolist() == [0] * len(expected) and found.crops.dtype == np.int16
    assert found.image_size == (40, 60)


@pytest.mark.parametrize("points_per_side, batch", [(7, 64), (7, 10), (7, 48), (5, 1), (1, 64)])
def test_the_batch_need_not_divide_the_points(points_per_side: int, batch: int) -> None:
    segmenter = ToySegmenter()
    settings = ProposalSettings(points_per_side, 0.1, prompts_per_batch=batch)
    found = propose(scene(0), segmenter, ToyEncoder(), settings)
    whole = propose(
        scene(0), ToySegmenter(), ToyEncoder(), ProposalSettings(points_per_side, 0.1, 10_000)
    )
    assert sum(segmenter.batches) == points_per_side**2
    assert max(segmenter.batches) <= batch
    assert_equal(found, whole)


def assert_equal(found: Proposals, expected: Proposals) -> None:
    assert found.masks[:] == expected.masks[:]
    for name in ("prompts", "ious", "boxes", "features", "crops", "stability"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_an_iou_at_the_threshold_is_not_above_it() -> None:
    white = np.full((9, 9, 3), 255, np.uint8)  # the toy is sure by exactly 1
    settings = ProposalSettings(points_per_side=2, iou_threshold=1.0)
    assert len(propose(white, ToySegmenter(), ToyEncoder(), settings)) == 0


def test_nothing_found_is_a_result() -> None:
    found = propose(scene(0), BlindSegmenter(), ToyEncoder(), ProposalSettings(points_per_side=4))
    assert len(found) == 0
    assert found.features.shape == (0, 6)
    assert found.boxes.shape == (0, 4)
    assert found.masks[:] == []


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_one_pixel_and_one_row_images(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    found = propose(image, ToySegmenter(), ToyEncoder(), ProposalSettings(points_per_side=3))
    assert len(found) == 9
    assert found.image_size == size
    assert [tuple(rle["size"]) for rle in found.masks] == [size] * 9


def test_the_image_is_embedded_once() -> None:
    segmenter = ToySegmenter()
    propose(scene(0), segmenter, ToyEncoder(), ProposalSettings(9, prompts_per_batch=7))
    assert segmenter.embedded == 1
