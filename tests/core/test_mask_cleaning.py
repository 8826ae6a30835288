"""Islands and holes against scipy's labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fiftyone_ntt.core.mask_cleaning import clean_masks
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.rle import decode_mask, encode_masks, rle_boxes
from fiftyone_ntt.core.settings import MatchSettings
from tests.core.test_matching import squares
from tests.core.toy_models import reference_rows, toy_bank, toy_proposals

_TOUCHING = np.ones((3, 3))


def blobs(count: int) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=(count, 40, 55))
    masks = np.stack([ndimage.gaussian_filter(one, 1.5) > 0.05 for one in noise])
    masks[0], masks[1] = True, False
    masks[1, 7, 9] = True
    return masks


@pytest.mark.parametrize("least", [0.0, 0.02, 0.2, 1.0])
def test_small_islands_go_and_the_largest_stays(least: float) -> None:
    masks = blobs(8)
    rles = encode_masks(masks)
    found = clean_masks(rles, rle_boxes(rles), least_island=least)
    for mask, rle in zip(masks, found, strict=True):
        pieces, count = ndimage.label(mask, structure=_TOUCHING)
        areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
        kept = [i for i in range(count) if areas[i] >= least * mask.sum()] or [areas.argmax()]
        np.testing.assert_array_equal(decode_mask(rle), np.isin(pieces, np.array(kept) + 1))


def test_holes_are_filled() -> None:
    masks = blobs(8)
    rles = encode_masks(masks)
    found = clean_masks(rles, rle_boxes(rles), fill_holes=True)
    for mask, rle in zip(masks, found, strict=True):
        # What is outside may pass between pixels that touch at a corner alone.
        around, _ = ndimage.label(np.pad(~mask, 1, constant_values=True), structure=_TOUCHING)
        expected = (around != around[0, 0])[1:-1, 1:-1]
        np.testing.assert_array_equal(decode_mask(rle), expected)


def test_clean_masks_are_left_as_they_are() -> None:
    rles = encode_masks(squares((2, 2, 9, 9), (0, 0, 20, 20)))
    found = clean_masks(rles, rle_boxes(rles), least_island=0.5, fill_holes=True)
    assert [one is other for one, other in zip(found, rles, strict=True)] == [True, True]
    assert clean_masks([], np.zeros((0, 4), np.int64), fill_holes=True) == []


def test_matches_are_cleaned_with_their_boxes() -> None:
    crumbs = squares((2, 2, 10, 10))
    crumbs[0, 5, 5], crumbs[0, 18, 18] = False, True
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    proposals = toy_proposals(crumbs, [0.9], [[1, 0]])
    raw = match(proposals, bank)
    assert raw.boxes.tolist() == [[2, 2, 18, 18]]
    cleaned = match(proposals, bank, MatchSettings(least_island=0.05, fill_holes=True))
    assert cleaned.boxes.tolist() == [[2, 2, 9, 9]]
    np.testing.assert_array_equal(decode_mask(cleaned.masks[0]), squares((2, 2, 10, 10))[0])
    assert cleaned.scores.tolist() == raw.scores.tolist()


def test_one_instance_per_object_whatever_its_class() -> None:
    masks = squares((0, 0, 10, 10), (0, 0, 10, 9), (0, 0, 4, 4), (12, 12, 18, 18))
    features = [[0.8, 0.6], [0, 1], [1, 0], [1, 0]]
    bank = toy_bank(("a", "b"), reference_rows([[1, 0], [0, 1]], [0, 1]))
    proposals = toy_proposals(masks, [0.9, 0.8, 0.7, 0.6], features)
    assert len(match(proposals, bank)) == 4
    found = match(proposals, bank, MatchSettings(one_per_object=True))
    # The first repeats the second, whose score is higher; a part of an object is no repetition.
    assert sorted(found.proposals.tolist()) == [1, 2, 3]
    assert (np.diff(found.scores) <= 0).all()
    few = match(proposals, bank, MatchSettings(one_per_object=True, max_instances=2))
    assert len(few) == 2
