"""Boxes, masks and resampling against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from fiftyone_ntt.core.geometry import (
    box_iou,
    image_tensor,
    mask_boxes,
    nms,
    point_grid,
    resize_bicubic,
    resize_weights,
    squash,
)
from fiftyone_ntt.core.rle import decode_mask, encode_crop, encode_masks, rle_boxes


@pytest.mark.parametrize("source, target", [(37, 256), (37, 64), (64, 37), (8, 8), (9, 2), (1, 5)])
def test_resize_weights_are_the_interpolation(source: int, target: int) -> None:
    values = torch.rand(2, 3, source, source, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(
        values, size=(target, target), mode="bilinear", align_corners=False, antialias=True
    )
    weights = resize_weights(source, target)
    assert weights.shape == (target, source)
    torch.testing.assert_close(weights @ values @ weights.T, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(target))


def test_squash_resizes_the_8_bit_pixels_with_pillow() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    expected = Image.fromarray(image).resize((16, 16), Image.Resampling.BICUBIC)
    found = squash(image, 16)
    assert found.shape == (3, 16, 16)
    np.testing.assert_allclose(found.numpy().transpose(1, 2, 0) * 255, np.asarray(expected))


def test_squash_keeps_the_pixels_of_a_square() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    torch.testing.assert_close(squash(image, 16), image_tensor(image))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1)])
def test_squash_takes_one_pixel_and_one_row(size: tuple[int, int]) -> None:
    found = squash(np.full((*size, 3), 51, np.uint8), 16)
    torch.testing.assert_close(found, torch.full((3, 16, 16), 0.2))


def test_resize_bicubic_is_not_clamped() -> None:
    edge = torch.zeros(3, 8, 8)
    edge[:, :, 4:] = 1
    found = resize_bicubic(edge, 32)
    assert found.min() < 0
    assert found.max() > 1


def test_point_grid_by_hand() -> None:
    points = point_grid(3, 9).tolist()
    assert points[:4] == [[0.5, 0.5], [0.5, 4.5], [0.5, 8.5], [4.5, 0.5]]
    assert len(points) == 9
    assert point_grid(1, 9).tolist() == [[0.5, 0.5]]


def test_mask_boxes_are_inclusive_extrema() -> None:
    masks = torch.zeros(4, 5, 7, dtype=torch.bool)
    masks[0, 1:3, 2:6] = True
    masks[1, 4, 6] = True
    masks[3, 0, 0] = masks[3, 4, 3] = True
    assert mask_boxes(masks).tolist() == [[2, 1, 5, 2], [6, 4, 6, 4], [0, 0, 0, 0], [0, 0, 3, 4]]
    assert mask_boxes(masks[:0]).shape == (0, 4)


@pytest.mark.parametrize(
    "box, other, expected",
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1.0),
        ((0, 0, 4, 4), (2, 0, 6, 4), 8 / 24),
        ((0, 0, 4, 4), (4, 0, 8, 4), 0.0),
        ((0, 0, 4, 4), (9, 9, 10, 10), 0.0),
        ((0, 0, 4, 4), (1, 1, 3, 3), 4 / 16),
        ((2, 2, 2, 2), (2, 2, 2, 2), 0.0),
    ],
)
def test_box_iou(box: tuple[int, ...], other: tuple[int, ...], expected: float) -> None:
    found = box_iou(np.array([box], float), np.array([other], float))
    assert found.tolist() == [[pytest.approx(expected)]]


def _brute_force_nms(
    boxes: NDArray[np.float64],
    ranks: NDArray[np.float64],
    classes: NDArray[np.int64],
    threshold: float,
) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(ranks)), key=lambda i: (-ranks[i], i)):
        x1, y1, x2, y2 = boxes[index]
        for other in kept:
            u1, v1, u2, v2 = boxes[other]
            shared = max(min(x2, u2) - max(x1, u1), 0) * max(min(y2, v2) - max(y1, v1), 0)
            union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared
            if classes[index] == classes[other] and union > 0 and shared / union > threshold:
                break
        else:
            kept.append(index)
    return kept


@pytest.mark.parametrize("seed", range(12))
def test_nms_against_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    corners = random.integers(0, 20, (80, 2))
    boxes = np.concatenate([corners, corners + random.integers(0, 12, (80, 2))], axis=1)
    ranks = random.integers(0, 10, 80) / 10.0  # with many ties
    classes = random.integers(0, 3, 80)
    found = nms(boxes.astype(float), ranks, classes, 0.5)
    assert found.tolist() == _brute_force_nms(boxes.astype(float), ranks, classes, 0.5)


def test_nms_keeps_what_lies_at_the_threshold() -> None:
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 2]], float)  # IoU 0.5
    ranks, classes = np.array([1.0, 0.5]), np.array([0, 0])
    assert nms(boxes, ranks, classes, 0.5).tolist() == [0, 1]
    assert nms(boxes, ranks, classes, 0.49).tolist() == [0]
    assert nms(boxes[:0], ranks[:0], classes[:0], 0.5).tolist() == []


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_run_lengths_round_trip_and_boxes(share: float) -> None:
    masks = np.random.default_rng(0).random((5, 13, 17)) < share
    rles = encode_masks(masks)
    np.testing.assert_array_equal(np.stack([decode_mask(rle) for rle in rles]), masks)
    expected = mask_boxes(torch.from_numpy(masks)).numpy()
    np.testing.assert_array_equal(rle_boxes(rles), expected)


def test_rle_boxes_of_nothing() -> None:
    assert rle_boxes([]).shape == (0, 4)


def test_rle_boxes_of_masks_at_every_border() -> None:
    masks = np.zeros((4, 6, 9), bool)
    for index, (row, column) in enumerate([(0, 0), (0, 8), (5, 0), (5, 8)]):
        masks[index, row, column] = True
    boxes = rle_boxes(encode_masks(masks)).tolist()
    assert boxes == [[0, 0, 0, 0], [8, 0, 8, 0], [0, 5, 0, 5], [8, 5, 8, 5]]


@pytest.mark.parametrize("seed", range(30))
def test_encoding_a_window_equals_encoding_the_whole_mask(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 30, 2).tolist())
    top, left = (int(rng.integers(0, side)) for side in size)
    h, w = (
        int(rng.integers(1, side - low + 1)) for side, low in zip(size, (top, left), strict=True)
    )
    if seed % 5 == 0:  # columns that touch
        top, h = 0, size[0]
    share = (0, 0.5, 1)[seed % 3]
    crop = rng.random((h, w)) < share
    whole = np.zeros(size, bool)
    whole[top : top + h, left : left + w] = crop
    assert encode_crop(crop, (top, left), size) == encode_masks(whole[None])[0]
