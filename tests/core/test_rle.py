"""Run lengths against pycocotools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import (
    UnreadableMask,
    checked_rle,
    decode_crops,
    decode_mask,
    encode_masks,
    polygons_rle,
    read_runs,
    rle_boxes,
)


def noise(random: np.random.Generator, size: tuple[int, int], count: int) -> NDArray[np.bool_]:
    """Masks with from few to many runs, some touching every border."""
    shares = random.random((count, 1, 1))
    return random.random((count, *size)) < shares**3


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (24, 31), (200, 3), (700, 900)])
def test_runs_of_noise(size: tuple[int, int]) -> None:
    masks = noise(np.random.default_rng(sum(size)), size, 12)
    masks[0], masks[1] = False, True
    runs = read_runs(encode_masks(masks))
    found = np.zeros((12, size[0] * size[1]), bool)
    for start, end, mask in zip(runs.starts, runs.ends, runs.masks, strict=True):
        assert start < end
        assert not found[mask, start:end].any()
        found[mask, start:end] = True
    np.testing.assert_array_equal(found.reshape(12, size[1], size[0]).transpose(0, 2, 1), masks)


def test_a_run_that_an_empty_one_splits_stays_readable() -> None:
    counts = [2, 1, 0, 3, 4, 0]
    rle = coco_mask.frPyObjects({"size": [10, 1], "counts": counts}, 10, 1)
    runs = read_runs([rle])
    assert list(zip(runs.starts.tolist(), runs.ends.tolist(), strict=True)) == [(2, 3), (3, 6)]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (24, 31), (200, 3), (700, 900)])
def test_crops_of_noise(size: tuple[int, int]) -> None:
    random = np.random.default_rng(sum(size) + 1)
    masks = noise(random, size, 12)
    for mask in masks[2:]:  # empty outside some window
        top, left = random.integers(0, size)
        mask[:top] = mask[:, :left] = False
        mask[top, left] = True
    masks[0], masks[1] = True, np.eye(*size, dtype=bool)
    encodings = encode_masks(masks)
    boxes = rle_boxes(encodings)
    crops = decode_crops(encodings, boxes)
    for mask, crop, (x1, y1, x2, y2) in zip(masks, crops, boxes, strict=True):
        assert crop.flags["C_CONTIGUOUS"]
        np.testing.assert_array_equal(crop, mask[y1 : y2 + 1, x1 : x2 + 1])


def test_nothing_to_decode() -> None:
    assert decode_crops([], np.zeros((0, 4), int)) == []
    assert read_runs([]).starts.shape == (0,)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (24, 31), (200, 3), (700, 900)])
def test_whole_encodings_are_taken_compressed_or_not(size: tuple[int, int]) -> None:
    masks = noise(np.random.default_rng(sum(size) + 2), size, 12)
    masks[0], masks[1] = False, True
    for mask, rle in zip(masks, encode_masks(masks), strict=True):
        edges = np.flatnonzero(np.diff(mask.T.ravel(), prepend=False))
        runs = np.diff(edges, prepend=0, append=mask.size).tolist()
        assert checked_rle(rle) is rle
        assert (
            checked_rle({**rle, "counts": rle["counts"].decode()})["counts"].encode()
            == (rle["counts"])
        )
        np.testing.assert_array_equal(
            decode_mask(checked_rle({"size": list(size), "counts": runs})), mask
        )


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([3, 4], "its runs cover 7 of 4 x 5 px"),
        ("34", "its runs cover 7 of 4 x 5 px"),
        (b"", "its runs cover 0 of 4 x 5 px"),
        ("PT", "its runs cover 0 of 4 x 5 px"),  # cut short: more digits were to come
        ("o" * 12 + "0", "one of its runs is written in more than 12 digits"),
        ("é", "'ascii' codec"),
        (7, "bytes-like"),
    ],
)
def test_encodings_that_are_not_whole_are_refused(counts: Any, reason: str) -> None:
    with pytest.raises(UnreadableMask, match=reason):
        checked_rle({"size": [4, 5], "counts": counts})


def test_polygons_are_drawn_together() -> None:
    left, right = [0, 0, 3, 0, 3, 4, 0, 4], [2.0, 0.0, 5.0, 0.0, 5.0, 4.0, 2.0, 4.0]
    mask = decode_mask(polygons_rle([left, right], (6, 8)))
    expected = np.zeros((6, 8), bool)
    expected[:4, :5] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("polygons", [[], [[]], [[1, 2]], [["a"] * 6], [1, 2, 3, 4, 5, 6]], ids=str)
def test_what_is_no_polygon_is_refused(polygons: Any) -> None:
    with pytest.raises(UnreadableMask):
        polygons_rle(polygons, (6, 8))
