"""Outlines along the edges of pixels give the same pixels again, whatever the mask."""

from __future__ import annotations

import cv2
import numpy as np

from fiftyone_ntt.core.foreign_masks import polygons_rle
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.prelabels.outline_tracing import joined, trace


def test_any_mask_is_its_outlines_joined() -> None:
    random = np.random.default_rng(0)
    holes = 0
    for _ in range(150):
        size = tuple(random.integers(1, 14, 2).tolist())
        mask = random.random(size) < random.random()
        if not mask.any():
            continue
        found = trace(mask)
        whole = joined(found).ravel().astype(float).tolist()
        np.testing.assert_array_equal(decode_mask(polygons_rle([whole], size)), mask)
        parts, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        assert len(found.outer) == parts - 1
        holes += len(found.holes)
    assert holes > 50


def test_corners_alone_are_kept() -> None:
    mask = np.ones((50, 80), dtype=bool)
    mask[10:20, 10:20] = False
    found = trace(mask)
    assert [outline.tolist() for outline in found.outer] == [[[0, 0], [80, 0], [80, 50], [0, 50]]]
    assert [len(outline) for outline in found.holes] == [4]
