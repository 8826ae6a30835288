"""Proposals of crops beside those of the whole picture."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core import proposal_making
from fiftyone_ntt.core.crops import crops_of
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.rle import decode_mask, rle_boxes
from fiftyone_ntt.core.settings import ProposalSettings
from tests.core.toy_models import BlindSegmenter, ToyEncoder, ToySegmenter, scene

SIZE = (60, 90)


def settings(crops: int, points_per_side: int = 6) -> ProposalSettings:
    return ProposalSettings(points_per_side, iou_threshold=0.3, crops=crops)


@pytest.mark.parametrize("crops", [4, 9])
def test_crops_add_what_the_crop_alone_would_give(crops: int) -> None:
    image, encoder = scene(0, SIZE), ToyEncoder()
    found = propose(image, ToySegmenter(), encoder, settings(crops))
    assert set(found.crops.tolist()) > {0} and found.crops.max() <= crops
    assert (np.diff(found.crops) >= 0).all()
    for number, crop in enumerate(crops_of(SIZE, crops), start=1):
        alone = propose(crop.cut(image), ToySegmenter(), encoder, settings(0))
        by_prompt = {prompt: row for row, prompt in enumerate(alone.prompts.tolist())}
        (top, left), (height, width) = crop.corner, crop.size
        for row in np.flatnonzero(found.crops == number).tolist():
            same = by_prompt[int(found.prompts[row])]
            assert found.ious[row] == alone.ious[same]
            assert found.stability is not None and alone.stability is not None
            assert found.stability[row] == alone.stability[same]
            np.testing.assert_array_equal(found.features[row], alone.features[same])
            expected = np.zeros(SIZE, bool)
            inside = decode_mask(alone.masks[same])
            expected[top : top + height, left : left + width] = inside
            np.testing.assert_array_equal(decode_mask(found.masks[row]), expected)
            x1, y1, x2, y2 = rle_boxes([found.masks[row]])[0].tolist()
            # Nothing that a border inside the picture cuts off.
            assert x1 > left or left == 0
            assert y1 > top or top == 0
            assert x2 < left + width - 1 or left + width == SIZE[1]
            assert y2 < top + height - 1 or top + height == SIZE[0]


def test_masks_that_repeat_each_other_are_one_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal_making, "REPEATED", 0.6)
    image = scene(1, SIZE)
    whole = propose(image, ToySegmenter(), ToyEncoder(), settings(0, 20))
    found = propose(image, ToySegmenter(), ToyEncoder(), settings(9, 20))
    assert not found.overlaps.iou_above(0.6).any()
    assert whole.overlaps.iou_above(0.6).any()  # without crops nothing is removed
    kept = set(found.prompts[found.crops == 0].tolist())
    assert kept <= set(whole.prompts.tolist())


def test_overlaps_known_are_those_of_the_masks() -> None:
    found = propose(scene(2, SIZE), ToySegmenter(), ToyEncoder(), settings(4))
    assert found.known_overlaps is not None
    masks = np.stack([decode_mask(mask) for mask in found.masks]).reshape(len(found), -1)
    common = masks.astype(int) @ masks.T.astype(int)
    assert found.overlaps.areas.tolist() == np.diag(common).tolist()
    pairs = sorted(map(tuple, found.overlaps.pairs.tolist()))
    assert pairs == list(zip(*map(np.ndarray.tolist, np.nonzero(np.triu(common, 1))), strict=True))


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 40), (5, 3)])
def test_tiny_pictures_and_pictures_without_a_find(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    found = propose(image, ToySegmenter(), ToyEncoder(), settings(9))
    assert found.image_size == size and len(found) >= 1
    assert len(propose(image, BlindSegmenter(), ToyEncoder(), settings(4))) == 0
