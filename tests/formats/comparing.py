"""Objects that were read, held against the scenes they were written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Bool

from tests.formats.reading_back import Found
from tests.formats.scenes import Scene


def require_same(found: Mapping[str, list[Found]], scenes: Iterable[Scene]) -> None:
    """Check that images, classes and every pixel are those of the scenes, in their order."""
    scenes = list(scenes)
    assert set(found) == {scene.name for scene in scenes}
    for scene in scenes:
        objects = found[scene.name]
        assert [item.label for item in objects] == [item.label for item in scene.objects]
        for item, true in zip(objects, scene.objects, strict=True):
            assert item.mask is not None
            np.testing.assert_array_equal(item.mask, true.mask)


def number_map(scene: Scene, step: int = 1) -> np.ndarray:
    """The scene's objects as numbers from 1, times `step`; 0 between them."""
    values = np.zeros(scene.size, dtype=np.int64)
    for number, item in enumerate(scene.objects, start=1):
        values[item.mask] = number * step
    return values


def same_masks(
    found: Iterable[Found], expected: Iterable[tuple[str, Bool[np.ndarray, "H W"]]]
) -> bool:
    """Whether objects have these classes and pixels, in any order; boxes alone have none."""
    left = [(item.label, b"" if item.mask is None else item.mask.tobytes()) for item in found]
    right = [(label, mask.tobytes()) for label, mask in expected]
    return sorted(left) == sorted(right)
