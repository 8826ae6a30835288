"""The plane of some features, and others in it."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.plane import fit_plane


def rows_of(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (5, 2), (3, 8), (9, 4)])
def test_there_are_two_coordinates_however_few_rows(shape: tuple[int, int]) -> None:
    rows = rows_of(shape)
    points = fit_plane(rows).project(rows)
    assert points.shape == (shape[0], 2) and points.dtype == np.float32
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-5)


def test_distances_of_flat_rows_are_kept() -> None:
    rows = rows_of((6, 2))
    flat = np.pad(rows, ((0, 0), (0, 3)))
    points = fit_plane(flat).project(flat)
    expected = np.linalg.norm(rows[:, None] - rows, axis=2)
    found = np.linalg.norm(points[:, None] - points, axis=2)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_others_lie_where_the_references_alone_put_them() -> None:
    references, others = rows_of((7, 5)), rows_of((4, 5), seed=1)
    plane = fit_plane(references)
    together = plane.project(np.concatenate([references, others]))
    np.testing.assert_allclose(together[:7], plane.project(references), atol=1e-6)
    np.testing.assert_allclose(together[7:], plane.project(others), atol=1e-6)
    # A feature halfway between two others lies halfway between their points.
    middle = plane.project((references[:1] + others[:1]) / 2)
    np.testing.assert_allclose(middle[0], (together[0] + together[7]) / 2, atol=1e-5)


def test_the_first_axis_has_the_most_variance() -> None:
    rows = rows_of((50, 3)) * np.array([1, 5, 2], np.float32)
    points = fit_plane(rows).project(rows)
    assert points[:, 0].var() > 2 * points[:, 1].var() > 0
