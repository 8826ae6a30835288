"""Run lengths against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import (
    are_canonical,
    decode_crops,
    encode_masks,
    read_runs,
    rle_boxes,
    whole_areas,
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


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_areas_of_whole_masks(share: float) -> None:
    masks = np.random.default_rng(3).random((7, 40, 300)) < share
    masks[2] = False
    assert whole_areas(encode_masks(masks)).tolist() == masks.sum(axis=(1, 2)).tolist()
    assert whole_areas([]).tolist() == []


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (b"", "no runs"),
        (b"5", "do not fill"),
        (b"52224", "do not fill"),
        (b"99", "do not fill"),
        (b"5N5", "longer than the image"),
        (b"PPPP2", "longer than the image"),
        (b"P", "cut short"),
        (b"5\x00", "characters"),
        (b"5p", "characters"),
        (b"P" * 12 + b"0", "more than 12 digits"),
    ],
)
def test_runs_that_do_not_fit_their_image(counts: bytes, reason: str) -> None:
    whole = encode_masks(np.ones((1, 3, 4), dtype=bool))[0]
    for rles in ([{"size": [3, 4], "counts": counts}, whole], [{**whole, "counts": counts}]):
        with pytest.raises(ValueError, match=reason):
            whole_areas(rles)


def test_which_encodings_are_written_as_here() -> None:
    random = np.random.default_rng(5)
    masks = noise(random, (40, 50), 50)
    masks[:, 7, 9] = True
    assert are_canonical(encode_masks(masks)).all()
    for _ in range(300):
        cuts = np.sort(random.integers(0, 2000, 6))
        cuts[1::3] = cuts[::3]  # runs of nothing
        cuts[-1] = random.choice([cuts[-1], 2000])
        lengths = np.diff(cuts, prepend=0, append=2000).tolist()
        rle = coco_mask.frPyObjects({"size": [40, 50], "counts": lengths}, 40, 50)
        written = encode_masks(coco_mask.decode(rle).astype(bool)[None])[0]
        assert are_canonical([written, rle]).tolist() == [True, written == rle]


def test_numbers_with_more_digits_than_needed_are_not_written_here() -> None:
    for rle in encode_masks(noise(np.random.default_rng(6), (40, 50), 200)):
        counts = rle["counts"]
        last = counts[-1] - 48
        longer = counts[:-1] + bytes([48 + last + 32, 48 + (31 if last & 16 else 0)])
        assert are_canonical([rle, {**rle, "counts": longer}]).tolist() == [True, False]
        np.testing.assert_array_equal(
            coco_mask.decode({**rle, "counts": longer}), coco_mask.decode(rle)
        )
