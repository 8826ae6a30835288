"""Masks found again among others."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.mask_lookup import find_masks
from fiftyone_ntt.core.rle import RLE, encode_masks


def squares(*sides: int) -> list[RLE]:
    """Squares in the corner of an image of 20 x 30 pixels."""
    masks = np.zeros((len(sides), 20, 30), bool)
    for mask, side in zip(masks, sides, strict=True):
        mask[:side, :side] = True
    return encode_masks(masks) if sides else []


@pytest.mark.parametrize(
    ("masks", "among", "expected"),
    [
        ((10, 5), (5, 10, 15), [1, 0]),  # equal
        ((9,), (5, 10, 15), [1]),  # 81 of 100 pixels
        ((8,), (5, 10, 15), [-1]),  # 64 of 100
        ((10,), (9, 10, 10), [1]),  # the equal one before the alike, and the first of the equal
        ((19,), (20, 18), [0]),  # the more alike one: 361 / 400 and 324 / 361
        ((10,), (), [-1]),
        ((), (10,), []),
        ((0,), (10,), [-1]),  # an empty mask is like none
    ],
)
def test_found(masks: tuple, among: tuple, expected: list[int]) -> None:
    found = find_masks(squares(*masks), squares(*among), min_iou=0.8)
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_iou_is_not_coverage() -> None:
    small, large = squares(5), squares(20)
    assert find_masks(small, large, min_iou=0.5).tolist() == [-1]
    assert find_masks(large, small, min_iou=0.5).tolist() == [-1]
