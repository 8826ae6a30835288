"""What the App draws anew of a mask is left aside, what somebody edited is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiftyone_ntt.dataset.labels.screen_edits import merged_edit

SIZE = (120, 160)


def blob(seed: int) -> np.ndarray:
    """A disc with a thin arm, which drawing anew on a coarse grid takes off."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    cy, cx = random.integers(50, 70, 2)
    mask = (y - cy) ** 2 + (x - cx) ** 2 < random.integers(500, 900)
    mask[cy, cx : cx + 60] = True
    return mask


def redrawn(mask: np.ndarray, cell: float) -> np.ndarray:
    coarse = (round(SIZE[1] / cell), round(SIZE[0] / cell))
    small = cv2.resize(mask.astype(np.float32), coarse, interpolation=cv2.INTER_AREA) > 0.5
    return cv2.resize(small.astype(np.uint8), SIZE[::-1], interpolation=cv2.INTER_NEAREST) > 0


@pytest.mark.parametrize("cell", [1.0, 1.7, 3.0])
def test_drawing_anew_changes_nothing(cell: float) -> None:
    for seed in range(5):
        before = blob(seed)
        after = redrawn(before, cell)
        assert cell == 1.0 or (before != after).any()
        np.testing.assert_array_equal(merged_edit(before, after, (cell, cell)), before)


@pytest.mark.parametrize("cell", [1.0, 1.7, 3.0])
def test_an_edit_is_taken_over_and_the_arm_stays(cell: float) -> None:
    before = blob(3)
    after = redrawn(before, cell)
    after[5:30, 5:30] = True  # a piece that stands alone
    rows, columns = np.nonzero(before)
    after[rows.min() : rows.min() + 16, :] = False  # the top is cut off
    found = merged_edit(before, after, (cell, cell))
    assert found[5:30, 5:30].all()
    assert not found[rows.min() : rows.min() + 8, 40:].any()
    np.testing.assert_array_equal(found[:, columns.max() - 20 :], before[:, columns.max() - 20 :])


def test_a_small_mask_drawn_elsewhere_is_the_new_one() -> None:
    before, after = np.zeros(SIZE, dtype=bool), np.zeros(SIZE, dtype=bool)
    before[50:53, 50:53], after[52:55, 52:55] = True, True
    np.testing.assert_array_equal(merged_edit(before, after), after)
