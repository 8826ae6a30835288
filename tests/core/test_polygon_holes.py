"""Even-odd filling of several polygons."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.foreign_masks import UnreadableMask, polygons_rle
from fiftyone_ntt.core.polygon_holes import even_odd_rle
from fiftyone_ntt.core.rle import decode_mask


@pytest.mark.parametrize("seed", range(20))
def test_a_pixel_is_inside_if_an_odd_number_of_polygons_hold_it(seed):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(20, 90)), int(rng.integers(20, 90)))
    polygons = [
        rng.uniform(-10, min(size) + 10, 2 * int(rng.integers(3, 8))).tolist()
        for _ in range(int(rng.integers(1, 6)))
    ]
    parts = [decode_mask(polygons_rle([polygon], size)) for polygon in polygons]
    expected = np.logical_xor.reduce(parts)
    np.testing.assert_array_equal(decode_mask(even_odd_rle(polygons, size)), expected)


def test_what_covers_itself_twice_is_empty():
    whole = [0, 0, 8, 0, 8, 8, 0, 8]
    assert not decode_mask(even_odd_rle([whole, whole], (8, 8))).any()
    assert decode_mask(even_odd_rle([whole, whole, whole, [0, 0, 1, 1]], (8, 8))).all()


def test_all_outlines_together_are_no_longer_than_an_image_can_need():
    comb = [number for x in range(100) for number in (x, 200 * (x % 2))]
    for polygons in ([comb], [comb] * 4):
        try:
            even_odd_rle(polygons, (200, 200))
            accepted = True
        except UnreadableMask:
            accepted = False
        assert accepted == (len(polygons) == 1)
