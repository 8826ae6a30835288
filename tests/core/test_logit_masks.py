"""Masks at image size against torch's interpolation and pycocotools' encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from fiftyone_ntt.core import logit_masks
from fiftyone_ntt.core.crops import crops_of, whole_picture
from fiftyone_ntt.core.logit_masks import LogitMasks, stability
from fiftyone_ntt.core.rle import decode_mask, encode_masks


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what is encoded from now on, in order."""
    shapes: list[tuple[int, ...]] = []
    encode = logit_masks.encode_crop

    def recording(part: NDArray[np.bool_], *place: Any) -> dict[str, Any]:
        shapes.append(part.shape)
        return encode(part, *place)

    monkeypatch.setattr(logit_masks, "encode_crop", recording)
    return shapes


@pytest.mark.parametrize("size", [(9, 11), (16, 16), (50, 33), (1, 1), (1, 40), (40, 1)])
def test_masks_of_logits_are_the_antialiased_interpolation(size: tuple[int, int]) -> None:
    logits = torch.randn(7, 16, 16, generator=torch.Generator().manual_seed(1))
    # In the default layout, torch 2.13 resizes to a width of 1 wrongly.
    batch = logits[None].contiguous(memory_format=torch.channels_last)
    expected = F.interpolate(
        batch, size=size, mode="bilinear", align_corners=False, antialias=True
    )[0]
    found = [decode_mask(rle) for rle in LogitMasks(logits, size)]
    assert [mask.shape for mask in found] == [size] * 7
    differing = np.stack(found) != (expected > 0).numpy()
    assert not differing[(expected.abs() > 1e-5).numpy()].any()  # nearer to 0, rounding decides


def test_antialias_matters_for_an_image_smaller_than_the_masks() -> None:
    logits = torch.randn(4, 64, 64, generator=torch.Generator().manual_seed(2))
    plain = F.interpolate(logits[None], size=(9, 9), mode="bilinear", align_corners=False)[0] > 0
    found = np.stack([decode_mask(rle) for rle in LogitMasks(logits, (9, 9))])
    assert (found != plain.numpy()).any()


def test_masks_of_logits_are_computed_only_where_the_mask_can_be(
    parts: list[tuple[int, ...]],
) -> None:
    logits = torch.full((3, 8, 8), -1.0)
    logits[0, 2:4, 5] = 1  # two rows and one column of a cell of 375 x 750 px
    logits[2] = 1
    empty = LogitMasks(logits[1:2], (3000, 6000))[0]
    assert not decode_mask(empty).any()
    small, _, whole = LogitMasks(logits, (3000, 6000))[:]
    assert decode_mask(whole).all()
    # 375 x 750 px a cell, and half a cell further on each side
    assert parts[1] == pytest.approx((3 * 375, 2 * 750), abs=2)
    mask = decode_mask(small)
    assert mask[750:1500, 3750:4500].mean() > 0.5
    assert not mask[:600].any() and not mask[:, :3400].any() and not mask[:, 4900:].any()


def test_no_logits_give_no_masks() -> None:
    assert LogitMasks(torch.zeros(0, 4, 4), (50, 33))[:] == []


def test_masks_of_logits_are_made_once_and_only_when_asked_for(
    parts: list[tuple[int, ...]],
) -> None:
    masks = LogitMasks(torch.randn(5, 8, 8, generator=torch.Generator().manual_seed(3)), (20, 30))
    assert (len(masks), len(parts)) == (5, 0)
    last = masks[-1]
    assert masks[4] is last and len(parts) == 1
    assert list(masks) == masks[:] and len(parts) == 5  # the logits are gone by now
    with pytest.raises(IndexError):
        masks[5]


@pytest.mark.parametrize("size", [(20, 30), (64, 48), (5, 90), (1, 1), (1, 40), (40, 1)])
def test_masks_made_together_are_those_made_one_by_one(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.randn(7, 16, 16, generator=torch.Generator().manual_seed(4))
    logits[3], logits[4] = 1, -1  # everything, nothing
    logits[5, 0, 0], logits[5, -1, -1] = 9, 9
    place = logit_masks._Place.of(16, size, whole_picture(size))
    # As on a GPU; two masks at a time.
    monkeypatch.setattr(logit_masks, "_PIXELS_AT_ONCE", 2 * size[0] * size[1])
    together = logit_masks._encode_on_device(logits, place)
    assert together == list(LogitMasks(logits, size))


@pytest.mark.parametrize("count", [4, 9])
@pytest.mark.parametrize("size", [(20, 30), (21, 13), (2, 90), (3, 1)])
def test_masks_of_a_crop_lie_there_in_the_picture(size: tuple[int, int], count: int) -> None:
    logits = torch.randn(5, 16, 16, generator=torch.Generator().manual_seed(5))
    logits[3], logits[4] = 1, -1  # everything, nothing
    for crop in crops_of(size, count):
        expected = np.zeros((5, *size), bool)
        inside = [decode_mask(rle) for rle in LogitMasks(logits, crop.size)]
        (top, left), (height, width) = crop.corner, crop.size
        expected[:, top : top + height, left : left + width] = inside
        found = list(LogitMasks(logits, size, crop))
        assert found == encode_masks(expected)
        assert logit_masks._encode_on_device(logits, logit_masks._Place.of(16, size, crop)) == found


def test_stability_is_the_share_of_pixels_that_a_higher_threshold_leaves() -> None:
    logits = torch.full((5, 4, 4), -7.0)
    logits[0, 0] = torch.tensor([2.0, 0.5, -0.5, -2.0])  # of three above -1 one is above 1
    logits[1, 1:] = 9.0
    logits[2, 0, 0] = 0.5
    logits[3, :2] = torch.tensor([1.0, -1.0, 1.5, 3.0])  # 1 is not above 1, nor is -1 above -1
    found = stability(logits)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([1 / 3, 1, 0, 2 / 3, 0], np.float32))
    assert stability(logits[:0]).shape == (0,)


def test_stability_of_a_real_size_is_counted_exactly() -> None:
    logits = 3 * torch.randn(7, 64, 64, generator=torch.Generator().manual_seed(1))
    ratio = (logits > 1).sum(dim=(1, 2)) / (logits > -1).sum(dim=(1, 2))
    np.testing.assert_array_equal(stability(logits), ratio.numpy())
    on_device = logit_masks._count_on_device(logits)  # as on a GPU
    np.testing.assert_array_equal(on_device, logit_masks._count_by_mask(logits))
