"""Windows and weights of references, by hand and at every edge."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from fiftyone_ntt.core.windows import Box, Reference, reference_window, window_input
from fiftyone_ntt.errors import InputError


@pytest.mark.parametrize(
    "box, size, expected",
    [
        # Side 1.2 * 20 = 24 around (30, 25).
        pytest.param((20, 15, 20, 20), (100, 100), (18, 13, 42, 37), id="inside"),
        # Side 1.2 * 50 = 60 around (35, 40): taller than the box is wide.
        pytest.param((25, 15, 20, 50), (100, 100), (5, 10, 65, 70), id="tall"),
        # int() of each corner first: 10, 10, 30, 20; centre (20, 15), side 24.
        pytest.param((10.9, 10.9, 20.0, 10.0), (99, 99), (8, 3, 32, 27), id="fractions"),
        # Corners 0, 0, 7, 5: centre (3.5, 2.5), side 8.4: -0.7 .. 7.7 and -1.7 .. 6.7.
        pytest.param((0, 0, 7, 5), (50, 50), (0, 0, 7, 6), id="top left"),
        pytest.param((90, 40, 10, 10), (50, 100), (89, 39, 100, 50), id="bottom right"),
        pytest.param((0, 0, 100, 50), (50, 100), (0, 0, 100, 50), id="whole image"),
        pytest.param((5.2, 5.2, 0.3, 0.3), (50, 50), (5, 5, 6, 6), id="thinner than a pixel"),
        pytest.param((5, 5, 0, 0), (50, 50), (5, 5, 6, 6), id="empty"),
        pytest.param((80, 90, 5, 5), (50, 60), (59, 49, 60, 50), id="beyond"),
        pytest.param((-30, -30, 5, 5), (50, 60), (0, 0, 1, 1), id="before"),
        pytest.param((10, 10, -4, -4), (50, 60), (10, 10, 11, 11), id="negative size"),
        pytest.param((0, 0, 1, 1), (1, 1), (0, 0, 1, 1), id="one pixel"),
        pytest.param((10, 0, 20, 1), (1, 50), (8, 0, 32, 1), id="one row"),
    ],
)
def test_reference_window(
    box: Box, size: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert reference_window(box, size) == expected


def reference_of(
    mask: NDArray[np.bool_], box: Box, image: NDArray[np.uint8] | None = None
) -> Reference:
    if image is None:
        image = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
    return Reference("ref-7", image, box, mask)


def test_window_input_against_interpolation() -> None:
    mask = np.zeros((60, 80), bool)
    mask[20:45, 30:50] = np.random.default_rng(1).random((25, 20)) < 0.7
    reference = reference_of(mask, (30, 20, 20, 25))  # side 30 around (40, 32.5)
    found = window_input(reference, side=32, grid=8)
    crop = torch.from_numpy(reference.image[17:47, 25:55] / np.float32(255)).permute(2, 0, 1)
    expected = F.interpolate(crop[None], size=(32, 32), mode="bicubic", align_corners=False)[0]
    torch.testing.assert_close(found.image, expected)
    window = torch.from_numpy(mask[17:47, 25:55].astype(np.float32))[None, None]
    smooth = F.interpolate(window, size=(32, 32), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found.weights, smooth[0, 0, ::4, ::4])  # nearest takes the first
    assert ((found.weights > 0) & (found.weights < 1)).any()
    assert found.note is None


def test_a_mask_smaller_than_a_patch_counts_on_the_patch_under_its_centre() -> None:
    mask = np.zeros((64, 64), bool)
    mask[38, 21] = True
    found = window_input(reference_of(mask, (0, 0, 64, 64)), side=32, grid=8)
    assert torch.nonzero(found.weights).tolist() == [[4, 2]]
    assert found.weights.max() == 1
    assert found.note is not None
    assert "ref-7" in found.note
    assert "smaller than a patch" in found.note


@pytest.mark.parametrize("row, column", [(0, 0), (0, 63), (63, 0), (63, 63)])
def test_a_tiny_mask_in_a_corner(row: int, column: int) -> None:
    mask = np.zeros((64, 64), bool)
    mask[row, column] = True
    weights = window_input(reference_of(mask, (0, 0, 64, 64)), side=32, grid=7).weights
    assert weights.sum() > 0
    assert torch.nonzero(weights).tolist() == [[row // 63 * 6, column // 63 * 6]]


@pytest.mark.parametrize("box", [(50, 50, 10, 10), (0, 0, 0, 0), (200, 200, 5, 5)])
def test_a_box_that_misses_its_mask_gives_way_to_the_masks_box(box: Box) -> None:
    mask = np.zeros((64, 64), bool)
    mask[10:20, 5:25] = True
    found = window_input(reference_of(mask, box), side=32, grid=8)
    expected = window_input(reference_of(mask, (5, 10, 20, 10)), side=32, grid=8)
    torch.testing.assert_close(found.image, expected.image)
    torch.testing.assert_close(found.weights, expected.weights)
    assert found.note is not None
    assert "outside its box" in found.note


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1)])
def test_one_pixel_and_one_row_images(shape: tuple[int, int]) -> None:
    mask = np.ones(shape, bool)
    found = window_input(reference_of(mask, (0, 0, shape[1], shape[0])), side=32, grid=8)
    assert found.image.shape == (3, 32, 32)
    assert found.image.isfinite().all()
    assert found.weights.min() == 1


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(InputError, match=r"reference ref-7 has an empty mask.*Redraw"):
        window_input(reference_of(np.zeros((9, 9), bool), (0, 0, 9, 9)), side=32, grid=8)


@pytest.mark.usefixtures("unchecked")
def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="ref-7: its mask is 8 x 9 px but its image is 6 x 5 px"):
        reference_of(np.ones((9, 8), bool), (0, 0, 5, 5), np.zeros((5, 6, 3), np.uint8))
