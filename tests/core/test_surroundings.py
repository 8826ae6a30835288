"""Rings around objects."""

from __future__ import annotations

import numpy as np

from fiftyone_ntt.core.surroundings import surroundings


def disc(size: int, centre: tuple[int, int], radius: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.hypot(y - centre[0], x - centre[1]) <= radius


def test_a_ring_begins_off_the_object_and_ends_in_reach() -> None:
    mask = disc(200, (100, 100), 40)  # 81 px wide
    ring = surroundings(mask)
    row = np.flatnonzero(ring[100])
    assert row.tolist() == [*range(60 - 21, 60 - 5), *range(140 + 6, 140 + 22)]
    assert np.flatnonzero(ring[:, 100]).tolist() == row.tolist()
    assert not (ring & mask).any()


def test_other_objects_are_no_background() -> None:
    mask, other = disc(200, (100, 100), 40), disc(200, (100, 170), 30)
    alone, beside = surroundings(mask), surroundings(mask, other)
    assert not (beside & other).any() and (alone & other).any()
    assert beside[100, 45] and alone[100, 45]  # the far side is as before
    assert not (beside & ~alone).any()


def test_no_room() -> None:
    assert not surroundings(np.ones((20, 30), bool)).any()
    mask = disc(60, (30, 30), 10)
    assert not surroundings(mask, ~mask).any()


def test_at_the_border_the_ring_is_cut() -> None:
    ring = surroundings(disc(100, (0, 0), 40))
    assert ring.any() and ring[0].any() and ring[:, 0].any()
