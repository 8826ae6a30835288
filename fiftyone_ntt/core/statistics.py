"""PCA and spherical k-means: for pictures, not for labels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.linalg import eigh

PCA_COMPONENTS = 3
CLUSTERS = 4
_ITERATIONS = 100
_LEAST_VARIANCE = 1e-10


def principal_components(
    patches: Float32[np.ndarray, "P C"],
) -> tuple[Float32[np.ndarray, " C"], Float32[np.ndarray, "3 C"]]:
    """Mean and leading principal components (method 3).

    Args:
        patches: at least one.

    Returns:
        The mean, and unit components by falling variance, each signed so that its largest entry is
        positive; rows of zeros where `P` or `C` is too small for a component.
    """
    mean = patches.mean(axis=0)
    components = np.zeros((PCA_COMPONENTS, patches.shape[1]), dtype=np.float32)
    vectors = _principal_directions((patches - mean).astype(np.float64))
    rank = min(PCA_COMPONENTS, len(patches) - 1, patches.shape[1])
    for index in range(rank):
        vector = vectors[index]
        components[index] = vector * np.sign(vector[np.abs(vector).argmax()])
    return mean, components


def _principal_directions(
    centred: Float64[np.ndarray, "P C"],
) -> Float64[np.ndarray, "min(P,C,3) C"]:
    """The leading orthonormal rows, at most three, by falling variance.

    Only these are computed, from the smaller of the two products of the rows with themselves: a
    bank of a thousand classes has a thousand of them to compute.
    """
    patches, width = centred.shape
    small = centred.T @ centred if width < patches else centred @ centred.T
    first = max(len(small) - PCA_COMPONENTS, 0)
    values, vectors = eigh(small, subset_by_index=[first, len(small) - 1])
    if width < patches:
        return vectors[:, ::-1].T
    if values[0] <= _LEAST_VARIANCE * values[-1]:  # dividing by it would leave rounding errors
        return np.linalg.svd(centred, full_matrices=False)[2][:PCA_COMPONENTS]
    return ((centred.T @ vectors) / np.sqrt(values))[:, ::-1].T


def spherical_kmeans(patches: Float32[np.ndarray, "P C"]) -> Float32[np.ndarray, "4 C"]:
    """Cluster directions: k-means on the unit sphere (method 3).

    The start is the patch farthest from those chosen before, so the result needs no random seed.

    Args:
        patches: at least one.

    Returns:
        Unit centres; rows of zeros where there are fewer patches than centres.
    """
    units = patches / np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-12)
    centres = units[_farthest_first(units, min(CLUSTERS, len(units)))]
    labels = np.full(len(units), -1)
    for _ in range(_ITERATIONS):
        nearest = (units @ centres.T).argmax(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        centres = _cluster_means(units, labels, centres)
    padded = np.zeros((CLUSTERS, patches.shape[1]), dtype=np.float32)
    padded[: len(centres)] = centres
    return padded


def _farthest_first(units: Float32[np.ndarray, "P C"], count: int) -> list[int]:
    """Rows of the patch nearest to the mean and of those farthest from all before."""
    chosen = [int((units @ units.mean(axis=0)).argmax())]
    closest = units @ units[chosen[0]]
    while len(chosen) < count:
        chosen.append(int(closest.argmin()))
        closest = np.maximum(closest, units @ units[chosen[-1]])
    return chosen


def _cluster_means(
    units: Float32[np.ndarray, "P C"],
    labels: Int64[np.ndarray, " P"],
    centres: Float32[np.ndarray, "k C"],
) -> Float32[np.ndarray, "k C"]:
    """Unit mean of each cluster's members."""
    moved = centres.copy()
    for index in range(len(centres)):
        members = units[labels == index]
        if len(members):  # a cluster that lost all its members stays where it was
            total = members.sum(axis=0)
            moved[index] = total / max(float(np.linalg.norm(total)), 1e-12)
    return moved
