"""Soft merging: lower the score of a mask that repeats a better one (method 7)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

from fiftyone_ntt.core.overlaps import Overlaps


def merged_scores(
    overlaps: Overlaps,
    labels: Int64[np.ndarray, " D"],
    features: Float32[np.ndarray, "D C"],
    scores: Float32[np.ndarray, " D"],
) -> Float32[np.ndarray, " D"]:
    """Scores after merging.

    Args:
        overlaps: of `D` masks at image size, in suppression order.
        labels: class indices.
        features: unit rows.
        scores: before merging.

    Returns:
        `score * sqrt(1 - penalty)`, where the penalty is the largest share of the mask that a mask
        of its class ranked before it covers, times the cosine of their features. 0 for a mask that
        is empty, and where the penalty reaches 1.
    """
    before, after = overlaps.pairs.T
    shares = overlaps.pixels / overlaps.areas[after]
    penalties = np.zeros(len(overlaps))
    for label in np.unique(labels[after][labels[after] == labels[before]]):
        members = labels == label
        inside = members[before] & members[after]
        rows = features[members]
        place = np.cumsum(members) - 1
        cosines = (rows @ rows.T)[place[before[inside]], place[after[inside]]]
        np.maximum.at(penalties, after[inside], shares[inside] * cosines)
    remaining = np.sqrt(1 - np.minimum(penalties, 1).astype(np.float32))
    return scores * np.where(overlaps.areas > 0, remaining, np.float32(0))
