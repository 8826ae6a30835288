"""Soft merging: lower the score of a mask that repeats a better one (method 7)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.geometry import RLE

Floats = NDArray[np.float32]

_STRIP = 32


def merged_scores(
    masks: list[RLE], labels: NDArray[np.int64], features: Floats, scores: Floats
) -> Floats:
    """Scores after merging.

    Args:
        masks: `D` run-length encodings at image size, in suppression order.
        labels: int64 `[D]`.
        features: unit rows `[D, C]`.
        scores: `[D]`.

    Returns:
        `[D]`: `score * sqrt(1 - penalty)`, where the penalty is the largest share of the mask that
        a mask of its class ranked before it covers, times the cosine of their features. 0 for a
        mask that is empty, and where the penalty reaches 1.
    """
    merged = scores.copy()
    # One by one: pycocotools 2.0.11 under NumPy 2 fails on a list of more than 255.
    areas = np.array([coco_mask.area(mask) for mask in masks])
    merged[areas == 0] = 0
    for label in np.unique(labels):
        members = np.flatnonzero((labels == label) & (areas > 0))
        if len(members) > 1:
            penalties = _penalties([masks[i] for i in members], features[members])
            merged[members] *= np.sqrt(1 - penalties)
    return merged


def _penalties(masks: list[RLE], features: Floats) -> Floats:
    # Intersection over the row's own area is what pycocotools computes against "crowds"; its
    # bounding-box culling makes disjoint masks free. In strips, as rows need no masks after them.
    covered = np.zeros((len(masks), len(masks)))
    for start in range(0, len(masks), _STRIP):
        stop = start + _STRIP
        before = masks[:stop]
        covered[start:stop, :stop] = coco_mask.iou(masks[start:stop], before, [1] * len(before))
    alike = np.clip(features @ features.T, 0, None)
    shares = np.tril(covered * alike, k=-1)
    penalties: Floats = np.minimum(shares.max(axis=1), 1).astype(np.float32)
    return penalties
