"""Boxes to masks."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fiftyone_ntt.core.box_masks import mask_from_box, masks_from_boxes
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.core.windows import Box
from tests.core.toy_models import BlindSegmenter, ToySegmenter, scene


def test_masks_lie_in_their_boxes() -> None:
    image = scene(0)
    boxes: list[Box] = [(0, 0, 30, 20), (30, 20, 30, 20)]
    masks = masks_from_boxes(image, boxes, ToySegmenter())
    for made, (x, y, width, height) in zip(masks, boxes, strict=True):
        expected = np.zeros(image.shape[:2], bool)
        expected[int(y) : int(y + height), int(x) : int(x + width)] = True
        assert (
            decode_mask(made.rle) != expected
        ).sum() <= 1  # interpolation rounds the inner corner
        assert made.agreement == 1


def test_many_boxes_are_decoded_in_batches_of_one_embedding() -> None:
    segmenter = ToySegmenter()
    boxes: list[Box] = [(i % 50, i % 30, 9, 9) for i in range(150)]
    masks = masks_from_boxes(scene(0), boxes, segmenter)
    assert segmenter.batches == [64, 64, 22]
    assert segmenter.embedded == 1
    np.testing.assert_array_equal(
        decode_mask(masks[140].rle), mask_from_box(scene(0), boxes[140], ToySegmenter())
    )
    assert masks_from_boxes(scene(0), [], segmenter) == []


@pytest.mark.parametrize(
    "box, rows, columns",
    [
        ((10, 8, 30, 20), (8, 28), (10, 40)),
        ((5.4, 5.4, 0.2, 0.2), (5, 6), (5, 6)),
        ((5, 5, 0, 0), (5, 6), (5, 6)),
        ((90, 90, 5, 5), (39, 40), (59, 60)),
        ((-20, -20, 5, 5), (0, 1), (0, 1)),
        ((-5, -5, 200, 200), (0, 40), (0, 60)),
        ((55, 35, 20, 20), (35, 40), (55, 60)),
    ],
)
def test_an_empty_mask_falls_back_to_the_box(
    box: Box, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    expected = np.zeros((40, 60), bool)
    expected[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(mask_from_box(scene(0), box, BlindSegmenter()), expected)
    [made] = masks_from_boxes(scene(0), [box], BlindSegmenter())
    assert made.agreement == 0


def test_agreement_is_that_of_the_boxes() -> None:
    """The toy segmenter fills a box to its nearest pixels; what lies outside does not count."""
    boxes: list[Box] = [(0, 0, 30, 20), (-10, -10, 40, 30), (0, 0, 30, 19.5)]
    found = masks_from_boxes(scene(0), boxes, ToySegmenter())
    assert found[0].agreement == found[1].agreement == 1
    assert 0.9 < found[2].agreement < 1


def test_many_masks_of_a_large_photo_are_never_all_pixels_at_once() -> None:
    image = np.zeros((3000, 4000, 3), np.uint8)
    boxes: list[Box] = [(90 * i, 60 * i, 80, 50) for i in range(40)]
    tracemalloc.start()
    masks = masks_from_boxes(image, boxes, ToySegmenter())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(masks) == 40
    assert peak < 4 * image.shape[0] * image.shape[1]  # of 40
