"""References drawn from a world's candidates."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.sampling import fits
from fiftyone_ntt.demo.world_candidates import WorldCandidates
from fiftyone_ntt.demo.worlds import WORLDS
from fiftyone_ntt.errors import InputError

WORLD = WORLDS["look-alikes"]


@pytest.fixture(scope="module")
def candidates() -> WorldCandidates:
    return WorldCandidates(WORLD.scenes("develop", "candidates", 20), WORLD.classes)


def test_a_draw_has_so_many_of_each_class_on_different_scenes(candidates: WorldCandidates) -> None:
    drawn = candidates.draw(shots=3, seed=1)
    assert tuple(drawn) == WORLD.classes
    for group in drawn.values():
        assert len(group) == len({reference.id.rpartition("/")[0] for reference in group}) == 3
        assert all(fits(reference.box, (256, 256)) for reference in group)


def test_references_are_the_labelled_objects(candidates: WorldCandidates) -> None:
    scenes = {scene.name: scene for scene in WORLD.scenes("develop", "candidates", 20)}
    for label, group in candidates.draw(shots=2, seed=0).items():
        for reference in group:
            name, _, index = reference.id.rpartition("/")
            scene = scenes[name]
            assert scene.labels[int(index)] == label
            assert np.array_equal(reference.image, scene.image)
            assert np.array_equal(reference.mask, scene.masks[int(index)])
            x, y, width, height = (int(value) for value in reference.box)
            rows, columns = np.nonzero(reference.mask)
            assert (x, y) == (columns.min(), rows.min())
            assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)


def test_more_shots_extend_a_draw_and_seeds_differ(candidates: WorldCandidates) -> None:
    def ids(shots: int, seed: int) -> list[list[str]]:
        return [
            [reference.id for reference in group] for group in candidates.draw(shots, seed).values()
        ]

    assert [group[:1] for group in ids(3, 0)] == ids(1, 0)
    assert ids(3, 0) == ids(3, 0) != ids(3, 1)


def test_too_few_candidates_are_said(candidates: WorldCandidates) -> None:
    with pytest.raises(InputError, match=r"class '.*' is on \d+ of the scenes, but 50 references"):
        candidates.draw(shots=50, seed=0)
