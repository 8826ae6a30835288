"""Whether a reference is among what was found on its image."""

from __future__ import annotations

import numpy as np

from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.rle import encode_masks, rle_boxes
from fiftyone_ntt.core.self_check import SelfCheck, check_reference

CLASSES = ("a", "b")


def mask(columns: slice) -> np.ndarray:
    found = np.zeros((10, 20), bool)
    found[:, columns] = True
    return found


def found(*objects: tuple[int, float, slice]) -> Match:
    rles = encode_masks(np.stack([mask(columns) for _, _, columns in objects]))
    labels = np.array([label for label, _, _ in objects])
    none = np.zeros(len(objects), np.int64)
    scores = np.array([score for _, score, _ in objects], np.float32)
    return Match(labels, scores, rles, rle_boxes(rles), none, scores, none, none)


def test_the_highest_score_of_the_masks_that_are_it_names_it() -> None:
    [own] = encode_masks(mask(slice(0, 10))[None])
    match = found((1, 0.9, slice(12, 20)), (0, 0.8, slice(0, 8)), (1, 0.5, slice(0, 10)))
    check = check_reference(match, CLASSES, own)
    assert check.label == "a"
    np.testing.assert_allclose([check.iou, check.score], [0.8, 0.8], atol=1e-6)


def test_a_reference_without_a_mask_of_its_own_is_not_found() -> None:
    [own] = encode_masks(mask(slice(0, 10))[None])
    assert check_reference(found((0, 0.9, slice(0, 4))), CLASSES, own) == SelfCheck(None, 0.4, 0.0)
