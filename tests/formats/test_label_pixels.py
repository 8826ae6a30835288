"""Objects of label images, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.formats.label_pixels import mask_shape, pixels_by_value


@pytest.mark.parametrize("values", [[1, 3, 65_535], [1, 65_536, 16_777_215], [2**40]])
def test_each_value_is_an_object(values: list[int]) -> None:
    random = np.random.default_rng(3)
    pixels = random.choice(np.array([0, 0, *values]), size=(31, 17))
    found = list(pixels_by_value(pixels))
    assert [item.value for item in found] == values
    for item in found:
        np.testing.assert_array_equal(decode_mask(item.rle), pixels == item.value)
        x, y, width, height = item.box
        assert (pixels[y : y + height, x : x + width] == item.value).sum() == (
            pixels == item.value
        ).sum()


def test_nothing_but_background() -> None:
    assert list(pixels_by_value(np.zeros((3, 2), np.int64))) == []
    assert mask_shape(np.zeros((3, 2), bool)) is None
