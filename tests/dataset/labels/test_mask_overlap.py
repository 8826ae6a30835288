"""IoU of detections as the database holds them."""

from __future__ import annotations

import fiftyone as fo
import numpy as np
import pytest

from fiftyone_ntt.dataset.labels.mask_overlap import best_ious

SIZE = (60, 80)


def masked(x: int, y: int, w: int, h: int) -> dict:
    mask = np.zeros(SIZE, bool)
    mask[y : y + h, x : x + w] = True
    return dict(fo.Detection.from_mask(mask, label="a").to_mongo())


def boxed(x: int, y: int, w: int, h: int) -> dict:
    box = [x / 80, y / 60, w / 80, h / 60]
    return dict(fo.Detection(label="a", bounding_box=box).to_mongo())


def test_the_best_of_several() -> None:
    found = best_ious(
        [masked(0, 0, 20, 10), masked(50, 40, 10, 10)],
        [masked(10, 0, 20, 10), masked(0, 0, 10, 10), masked(40, 40, 20, 20)],
    )
    assert found == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize("other", [boxed(10, 0, 20, 10), masked(10, 0, 20, 10)])
def test_a_box_alone_counts_filled(other: dict) -> None:
    assert best_ious([masked(0, 0, 20, 10)], [other]) == pytest.approx([1 / 3])
    assert best_ious([other], [masked(0, 0, 20, 10)]) == pytest.approx([1 / 3])


def test_boxes_alone_and_boxes_that_reach_out_of_the_image() -> None:
    assert best_ious([boxed(0, 0, 40, 30)], [boxed(0, 0, 40, 60)]) == pytest.approx([0.5])
    assert best_ious([masked(0, 0, 80, 60)], [boxed(-40, -30, 160, 120)]) == pytest.approx([1.0])
    assert best_ious([masked(0, 0, 80, 60)], [boxed(90, 70, 10, 10)]) == [0.0]


def test_nothing_to_compare() -> None:
    assert best_ious([masked(0, 0, 5, 5)], []) == [0.0]
    assert best_ious([], [masked(0, 0, 5, 5)]) == []
