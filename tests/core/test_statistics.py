"""PCA and spherical k-means: properties, and too few patches."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.statistics import principal_components, spherical_kmeans


def patches_of(count: int, width: int = 7, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, width)) * np.arange(1, width + 1) + 3).astype(np.float32)


def test_components_are_those_of_an_svd() -> None:
    patches = patches_of(200)
    mean, components = principal_components(patches)
    np.testing.assert_allclose(mean, patches.mean(axis=0), rtol=1e-5)
    expected = np.linalg.svd(patches - patches.mean(axis=0), full_matrices=False)[2][:3]
    np.testing.assert_allclose(np.abs((components * expected).sum(axis=1)), 1, atol=1e-5)
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-6)
    variances = ((patches - mean) @ components.T).var(axis=0)
    assert variances[0] > variances[1] > variances[2]
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(3), largest] > 0).all()


@pytest.mark.parametrize("count, filled", [(1, 0), (2, 1), (3, 2), (4, 3), (5, 3)])
def test_too_few_patches_leave_components_zero(count: int, filled: int) -> None:
    mean, components = principal_components(patches_of(count))
    lengths = np.linalg.norm(components, axis=1)
    np.testing.assert_allclose(lengths, [1] * filled + [0] * (3 - filled), atol=1e-6)
    assert np.isfinite(mean).all()


@pytest.mark.parametrize("count", [20, 64, 65, 200])
def test_more_or_fewer_patches_than_channels(count: int) -> None:
    patches = patches_of(count, width=64)
    expected = np.linalg.svd(patches - patches.mean(axis=0), full_matrices=False)[2][:3]
    found = principal_components(patches)[1]
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=1)), 1, atol=1e-5)


def test_repeated_patches_have_orthonormal_components() -> None:
    patches = np.repeat(patches_of(2, width=64), 10, axis=0)  # one direction, twenty patches
    components = principal_components(patches)[1]
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-5)


def test_narrow_and_equal_patches() -> None:
    assert principal_components(patches_of(9, width=2))[1].shape == (3, 2)
    mean, components = principal_components(np.ones((6, 5), np.float32))
    np.testing.assert_allclose(mean, 1)
    assert np.isfinite(components).all()


def test_clusters_are_found() -> None:
    random = np.random.default_rng(0)
    directions = np.eye(4, 6)
    patches = np.concatenate([d + random.normal(scale=0.05, size=(30, 6)) for d in directions])
    lengths = random.uniform(0.1, 9, (120, 1))  # the sphere does not care
    centres = spherical_kmeans((patches * lengths).astype(np.float32))
    cosines = centres @ directions.T
    assert sorted(cosines.argmax(axis=1)) == [0, 1, 2, 3]
    assert cosines.max(axis=1).min() > 0.99


def test_centres_are_the_directions_of_their_members() -> None:
    patches = patches_of(300, seed=4)
    centres = spherical_kmeans(patches)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)
    units = patches / np.linalg.norm(patches, axis=1, keepdims=True)
    labels = (units @ centres.T).argmax(axis=1)
    for index in np.unique(labels):
        total = units[labels == index].sum(axis=0)
        np.testing.assert_allclose(centres[index], total / np.linalg.norm(total), atol=1e-4)
    np.testing.assert_array_equal(spherical_kmeans(patches), centres)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_too_few_patches_leave_centres_zero(count: int) -> None:
    lengths = np.linalg.norm(spherical_kmeans(patches_of(count)), axis=1)
    np.testing.assert_allclose(lengths, [1] * count + [0] * (4 - count), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_equal_patches_have_finite_centres(value: float) -> None:
    assert np.isfinite(spherical_kmeans(np.full((8, 5), value, np.float32))).all()
