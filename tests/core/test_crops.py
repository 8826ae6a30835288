"""Crops, and what is dropped and kept of their masks."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.crops import Crop, crops_of, whole_picture


@pytest.mark.parametrize("size", [(480, 640), (481, 333), (7, 1), (1, 1), (2, 3)])
@pytest.mark.parametrize("count", [4, 9])
def test_crops_of_half_the_side_cover_the_picture(size: tuple[int, int], count: int) -> None:
    crops = crops_of(size, count)
    assert len(crops) == count
    covered = np.zeros(size, int)
    for crop in crops:
        (top, left), (height, width) = crop.corner, crop.size
        assert (height, width) == ((size[0] + 1) // 2, (size[1] + 1) // 2)
        assert min(top, left) >= 0 and top + height <= size[0] and left + width <= size[1]
        covered[top : top + height, left : left + width] += 1
    assert covered.min() >= 1
    image = np.arange(np.prod(size) * 3).reshape(*size, 3).astype(np.uint8)
    last = crops[-1].cut(image)
    np.testing.assert_array_equal(last[-1, -1], image[-1, -1])


def test_nine_crops_overlap_by_half() -> None:
    corners = [crop.corner for crop in crops_of((400, 800), 9)]
    assert corners == [(top, left) for top in (0, 100, 200) for left in (0, 200, 400)]
    assert crops_of((400, 800), 0) == []


@pytest.mark.parametrize(
    "corner, dropped",
    [
        ((0, 0), ["right", "bottom"]),
        ((0, 50), ["left", "bottom"]),
        ((25, 25), ["left", "top", "right", "bottom"]),
        ((50, 50), ["left", "top"]),
    ],
)
def test_what_reaches_a_border_that_is_none_of_the_picture_is_cut_off(
    corner: tuple[int, int], dropped: list[str]
) -> None:
    boxes = {
        "left": [0, 3, 5, 6],
        "top": [3, 0, 5, 6],
        "right": [3, 3, 15, 6],
        "bottom": [3, 3, 5, 15],
        "inside": [1, 1, 14, 14],
    }
    crop = Crop(corner, (50, 50), (100, 100))
    found = crop.touching(np.array(list(boxes.values())), 16)
    assert [name for name, out in zip(boxes, found, strict=True) if out] == dropped
    whole = whole_picture((100, 100)).touching(np.array(list(boxes.values())), 16)
    assert not whole.any()


def test_boxes_of_a_crop_in_the_picture() -> None:
    boxes = np.array([[0, 0, 15, 15], [4, 8, 7, 9], [6, 6, 6, 6], [0, 0, 0, 0]])
    found = Crop((20, 40), (20, 40), (40, 80)).in_picture(boxes, 16)
    assert found.tolist() == [[8, 8, 15, 15], [10, 12, 11, 12], [11, 11, 11, 11], [8, 8, 8, 8]]
