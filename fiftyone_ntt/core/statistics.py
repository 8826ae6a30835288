"""PCA and spherical k-means: for pictures, not for labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PCA_COMPONENTS = 3
CLUSTERS = 4
_ITERATIONS = 100


def principal_components(patches: Floats) -> tuple[Floats, Floats]:
    """Mean and leading principal components (method 3).

    Args:
        patches: float32 `[P, C]`, at least one row.

    Returns:
        mean `[C]` and unit components `[3, C]` by falling variance, each signed so that its largest
        entry is positive; rows of zeros where `P` or `C` is too small for a component.
    """
    mean = patches.mean(axis=0)
    components = np.zeros((PCA_COMPONENTS, patches.shape[1]), dtype=np.float32)
    vectors = _directions((patches - mean).astype(np.float64))
    rank = min(PCA_COMPONENTS, len(patches) - 1, patches.shape[1])
    for index in range(rank):
        vector = vectors[index]
        components[index] = vector * np.sign(vector[np.abs(vector).argmax()])
    return mean, components


def _directions(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal rows by falling variance, at least as many as `centred` has rows or columns."""
    if len(centred) > centred.shape[1]:
        # The eigenvectors of the small covariance cost the same however many rows there are.
        vectors: NDArray[np.float64] = np.linalg.eigh(centred.T @ centred)[1][:, ::-1].T
        return vectors
    rows: NDArray[np.float64] = np.linalg.svd(centred, full_matrices=False)[2]
    return rows


def spherical_kmeans(patches: Floats) -> Floats:
    """Cluster directions: k-means on the unit sphere (method 3).

    The start is the patch farthest from those chosen before, so the result needs no random seed.

    Args:
        patches: float32 `[P, C]`, at least one row.

    Returns:
        unit centres `[4, C]`; rows of zeros where there are fewer patches than centres.
    """
    units = patches / np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-12)
    centres = units[_spread_start(units, min(CLUSTERS, len(units)))]
    labels = np.full(len(units), -1)
    for _ in range(_ITERATIONS):
        nearest = (units @ centres.T).argmax(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        centres = _recentred(units, labels, centres)
    padded = np.zeros((CLUSTERS, patches.shape[1]), dtype=np.float32)
    padded[: len(centres)] = centres
    return padded


def _spread_start(units: Floats, count: int) -> list[int]:
    chosen = [int((units @ units.mean(axis=0)).argmax())]
    closest = units @ units[chosen[0]]
    while len(chosen) < count:
        chosen.append(int(closest.argmin()))
        closest = np.maximum(closest, units @ units[chosen[-1]])
    return chosen


def _recentred(units: Floats, labels: NDArray[np.int64], centres: Floats) -> Floats:
    moved = centres.copy()
    for index in range(len(centres)):
        members = units[labels == index]
        if len(members):  # a cluster that lost all its members stays where it was
            total = members.sum(axis=0)
            moved[index] = total / max(float(np.linalg.norm(total)), 1e-12)
    return moved
