"""Overlaps of masks against dense masks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fiftyone_ntt.core import overlaps
from fiftyone_ntt.core.overlaps import mask_overlaps
from fiftyone_ntt.core.rle import encode_masks


def scattered(random: np.random.Generator, count: int) -> NDArray[np.bool_]:
    """Rectangles, a few of them empty."""
    masks = np.zeros((count, 24, 31), bool)
    for mask in masks[: -count // 10]:
        top, left = random.integers(0, 20, 2)
        mask[top : top + random.integers(1, 12), left : left + random.integers(1, 12)] = True
    return masks[random.permutation(count)]


def dense(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    flat = masks.reshape(len(masks), -1).astype(np.int64)
    return flat @ flat.T


@pytest.mark.parametrize("seed", range(4))
def test_against_dense_masks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "_STRIP", 7)
    masks = scattered(np.random.default_rng(seed), 30)
    found = mask_overlaps(encode_masks(masks))
    common = dense(masks)
    assert found.areas.tolist() == np.diag(common).tolist()
    assert [tuple(pair) for pair in found.pairs] == list(
        zip(*np.nonzero(np.triu(common, k=1)), strict=True)
    )
    assert found.pixels.tolist() == common[tuple(found.pairs.T)].tolist()


@pytest.mark.parametrize("seed", range(4))
def test_among_some_in_another_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = scattered(random, 30)
    rows = random.permutation(30)[:12]
    some = mask_overlaps(encode_masks(masks)).among(rows)
    fresh = mask_overlaps(encode_masks(masks[rows]))
    assert some.areas.tolist() == fresh.areas.tolist()
    order = np.lexsort(some.pairs.T[::-1])
    np.testing.assert_array_equal(some.pairs[order], fresh.pairs)
    np.testing.assert_array_equal(some.pixels[order], fresh.pixels)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9])
def test_which_are_alike(threshold: float) -> None:
    masks = scattered(np.random.default_rng(7), 40)
    masks[1] = masks[0]
    common, areas = dense(masks), masks.sum(axis=(1, 2))
    unions = np.maximum(areas[:, None] + areas - common, 1)
    expected = common / unions > threshold
    np.fill_diagonal(expected, False)
    found = mask_overlaps(encode_masks(masks)).iou_above(threshold)
    np.testing.assert_array_equal(found, expected)
    assert found[0, 1]


def test_of_nothing() -> None:
    found = mask_overlaps([])
    assert (len(found), found.pairs.shape, found.pixels.shape) == (0, (0, 2), (0,))
    assert len(found.among(np.zeros(0, int))) == 0
