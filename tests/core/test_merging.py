"""Soft merging against dense masks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fiftyone_ntt.core.merging import merged_scores
from fiftyone_ntt.core.overlaps import Overlaps, mask_overlaps
from fiftyone_ntt.core.rle import encode_masks


def overlaps_of(masks: NDArray[np.bool_]) -> Overlaps:
    return mask_overlaps(encode_masks(masks))


def dense_scores(
    masks: NDArray[np.bool_],
    labels: NDArray[np.int64],
    features: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> list[float]:
    """Method 7, pair by pair."""
    merged = []
    for i, mask in enumerate(masks):
        if not mask.any():
            merged.append(0.0)
            continue
        penalty = max(
            [0.0]
            + [
                (mask & masks[j]).sum() / mask.sum() * max(float(features[i] @ features[j]), 0)
                for j in range(i)
                if labels[j] == labels[i] and masks[j].any()
            ]
        )
        merged.append(float(scores[i]) * (1 - min(penalty, 1)) ** 0.5)
    return merged


@pytest.mark.parametrize("seed", range(8))
def test_against_dense_masks(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = np.zeros((30, 24, 31), bool)
    for mask in masks[:-3]:
        top, left = random.integers(0, 20, 2)
        mask[top : top + random.integers(1, 12), left : left + random.integers(1, 12)] = True
    order = random.permutation(30)
    masks = masks[order]
    features = random.normal(size=(30, 4)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    labels = random.integers(0, 3, 30)
    scores = random.random(30, np.float32)
    found = merged_scores(overlaps_of(masks), labels, features, scores)
    np.testing.assert_allclose(found, dense_scores(masks, labels, features, scores), atol=1e-5)


def test_the_penalty_by_hand() -> None:
    masks = np.zeros((3, 4, 8), bool)
    masks[0, :, :4] = True
    masks[1, :, 2:6] = True  # half of it lies in the first
    masks[2] = masks[1]  # of another class: nobody's business
    features = np.array([[1, 0], [0.6, 0.8], [1, 0]], np.float32)
    ones = np.ones(3, np.float32)
    found = merged_scores(overlaps_of(masks), np.array([0, 0, 1]), features, ones)
    np.testing.assert_allclose(found, [1, (1 - 0.5 * 0.6) ** 0.5, 1], rtol=1e-6)


def test_a_penalty_above_one_counts_as_one() -> None:
    masks = np.ones((2, 5, 5), bool)
    features = np.full((2, 3), 0.6, np.float32)  # a cosine of 1.08, as rounding gives in small
    assert float(features[0] @ features[1]) > 1
    found = merged_scores(overlaps_of(masks), np.zeros(2, int), features, np.ones(2, np.float32))
    assert found.tolist() == [1, 0]


def test_opposite_features_do_not_reward() -> None:
    masks = np.ones((2, 5, 5), bool)
    features = np.array([[1, 0], [-1, 0]], np.float32)
    found = merged_scores(overlaps_of(masks), np.zeros(2, int), features, np.ones(2, np.float32))
    assert found.tolist() == [1, 1]


def test_no_mask_and_only_empty_masks() -> None:
    nothing = np.zeros((0, 3), np.float32)
    none = np.zeros(0, np.float32)
    assert merged_scores(mask_overlaps([]), np.zeros(0, int), nothing, none).shape == (0,)
    empty = encode_masks(np.zeros((2, 5, 5), bool))
    features = np.ones((2, 3), np.float32)
    found = merged_scores(mask_overlaps(empty), np.zeros(2, int), features, np.ones(2, np.float32))
    assert found.tolist() == [0, 0]


def test_the_scores_given_stay_as_they_are() -> None:
    scores = np.ones(2, np.float32)
    overlaps = overlaps_of(np.ones((2, 5, 5), bool))
    merged_scores(overlaps, np.zeros(2, int), np.eye(2, dtype=np.float32) + 0.1, scores)
    assert scores.tolist() == [1, 1]


def test_as_many_masks_as_the_paper_merges() -> None:
    masks = np.eye(800, dtype=bool).reshape(800, 20, 40)
    features = np.ones((800, 1), np.float32)
    labels, scores = np.zeros(800, np.int64), np.full(800, 0.5, np.float32)
    assert merged_scores(overlaps_of(masks), labels, features, scores).tolist() == [0.5] * 800
