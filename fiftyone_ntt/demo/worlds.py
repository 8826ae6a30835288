"""Named worlds of generated scenes, each hard in its own way, to measure the method on.

`demo` is what the demo shows. In `appearances` a class looks in two or three ways, and a reference
shows one of them. In `look-alikes` half of the objects are of no class and differ from one in
texture or shape alone; nobody labelled them. In `small` a picture has many objects, and they are
smaller than most that the segmenter was trained on.

The demo models saw none of the classes in training. Every world has scenes for developing, on which
anything may be tried, and others for judging, on which only what is reported is run. No two of them
share a seed, nor does any with the demo, its tests or the scenes that the models were trained on.

    >>> [scene] = WORLDS["appearances"].scenes("develop", "targets", 1)
    >>> scene.name, scene.image.shape
    ('appearances/develop/targets/000000', (256, 256, 3))
    >>> len(scene.labels) == len(scene.masks)
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, UInt8

from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES, ObjectClass
from fiftyone_ntt.demo.scenes import MAX_EXTENT, MIN_EXTENT, generate_scene
from fiftyone_ntt.errors import InputError

Split = Literal["develop", "judge"]
"""Scenes that anything may be tried on, and those that only what is reported is run on."""
Part = Literal["candidates", "targets"]
"""Scenes that references are drawn from, and those to segment."""

_FIRST_SEED = 100_000_000
"""Beyond all that the training, the demo, the benchmarks and the tests use, which end below it."""
_MOST_SCENES = 1_000_000
"""Of one part of one split: so far apart are their seeds."""


@dataclass(frozen=True, eq=False)
class WorldScene:
    """A picture and what is labelled on it.

    Attributes:
        name: of no other scene; names sort as the scenes follow.
        image: RGB.
        masks: the visible part of each labelled object.
        labels: `N` class names.
        look_alikes: the visible part of each object that is of no class. No mask overlaps another.
    """

    name: str
    image: UInt8[np.ndarray, "H W 3"]
    masks: Bool[np.ndarray, "N H W"]
    labels: tuple[str, ...]
    look_alikes: Bool[np.ndarray, "U H W"]


@dataclass(frozen=True)
class World:
    """One kind of scenes.

    Attributes:
        name: a key of `WORLDS`.
        number: of the world; its seeds follow from it.
        kinds: what its labelled objects look like; those of one name are one class.
        look_alikes: what the objects look like that are of no class.
        size: side of the square pictures, in pixels.
        objects: least and most objects of a picture; a crowded one may hold fewer.
        extents: least and greatest diameter of an object, as a fraction of the side.
    """

    name: str
    number: int
    kinds: tuple[ObjectClass, ...]
    look_alikes: tuple[ObjectClass, ...] = ()
    size: int = 256
    objects: tuple[int, int] = (2, 6)
    extents: tuple[float, float] = (MIN_EXTENT, MAX_EXTENT)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their first kinds."""
        return tuple(dict.fromkeys(kind.name for kind in self.kinds))

    def seeds(self, split: Split, part: Part, count: int) -> range:
        """The seeds of the first `count` scenes.

        Raises:
            InputError: there are not so many scenes, or no such split or part.
        """
        if not 0 <= count <= _MOST_SCENES:
            raise InputError(
                f"count is {count}, but a part of a world holds {_MOST_SCENES} scenes. Pass 0 to "
                f"{_MOST_SCENES}."
            )
        splits, parts = get_args(Split), get_args(Part)
        if split not in splits or part not in parts:
            raise InputError(
                f"world {self.name} has no {part!r} to {split!r}. Parts are {', '.join(parts)}, "
                f"splits {', '.join(splits)}."
            )
        block = (self.number * len(splits) + splits.index(split)) * len(parts) + parts.index(part)
        first = _FIRST_SEED + block * _MOST_SCENES
        return range(first, first + count)

    def scenes(self, split: Split, part: Part, count: int) -> Iterator[WorldScene]:
        """The first `count` scenes, drawn one at a time: the same ones on every machine.

        Args:
            split: `"develop"` to try things, `"judge"` for what is reported.
            part: `"candidates"` to draw references from, `"targets"` to segment.
            count: how many, 0 to 1,000,000.

        Raises:
            InputError: there are not so many scenes.
        """
        seeds = self.seeds(split, part, count)
        return (
            self._scene(f"{self.name}/{split}/{part}/{index:06d}", seed)
            for index, seed in enumerate(seeds)
        )

    def _scene(self, name: str, seed: int) -> WorldScene:
        drawn = generate_scene(self._entries(), seed, self.size, self.objects, self.extents)
        known = np.array([label in self.classes for label in drawn.labels], dtype=bool)
        labels = tuple(label for label in drawn.labels if label in self.classes)
        return WorldScene(name, drawn.image, drawn.masks[known], labels, drawn.masks[~known])

    def _entries(self) -> tuple[ObjectClass, ...]:
        """What objects are drawn from: half of them look-alikes, where there are any."""
        repeats = max(len(self.look_alikes) // len(self.kinds), 1)
        return self.kinds * repeats + self.look_alikes


def find_world(name: str) -> World:
    """The world of that name.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    if name not in WORLDS:
        raise InputError(f"there is no world {name!r}. Use one of: {', '.join(WORLDS)}.")
    return WORLDS[name]


_LOOKS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "fish": (
        ("fish", "striped", "orange"),
        ("fish", "checkered", "teal"),
        ("fish", "ringed", "purple"),
    ),
    "mushroom": (("mushroom", "spotted", "red"), ("mushroom", "striped", "blue")),
    "kite": (
        ("kite", "checkered", "red"),
        ("kite", "spotted", "yellow"),
        ("kite", "speckled", "purple"),
    ),
    "leaf": (("leaf", "speckled", "green"), ("leaf", "shaded", "orange")),
    "badge": (
        ("star", "striped", "pink"),
        ("disc", "ringed", "green"),
        ("heart", "shaded", "blue"),
    ),
    "lantern": (("kite", "solid", "teal"), ("leaf", "ringed", "yellow")),
}
"""Shape, texture and palette of every appearance of a class. No texture and palette serve two."""

_OTHERS = {
    "striped fish": ("shaded", "kite"),
    "spotted mushroom": ("striped", "heart"),
    "checkered kite": ("spotted", "star"),
    "speckled leaf": ("striped", "fish"),
}
"""Per class that has look-alikes another texture and another shape. A look-alike shares all but one
of the two."""

MIMICKED_CLASSES = tuple(kind for kind in NOVEL_CLASSES if kind.name in _OTHERS)
"""Those that have look-alikes."""
LOOK_ALIKES: dict[str, tuple[ObjectClass, ...]] = {
    "texture": tuple(
        ObjectClass(f"not {kind.name}", kind.shape, _OTHERS[kind.name][0], kind.palettes)
        for kind in MIMICKED_CLASSES
    ),
    "shape": tuple(
        ObjectClass(f"not {kind.name}", _OTHERS[kind.name][1], kind.texture, kind.palettes)
        for kind in MIMICKED_CLASSES
    ),
}
"""By what alone tells them from their class, in the order of `MIMICKED_CLASSES`."""

_SMALL_EXTENTS = (0.15, 0.25)
"""38 to 64 px at 256 px. At half that, in the segmenter's pixels, it finds next to nothing."""

WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        World("demo", 0, NOVEL_CLASSES),
        World(
            "appearances",
            1,
            tuple(
                ObjectClass(name, shape, texture, (palette,))
                for name, looks in _LOOKS.items()
                for shape, texture, palette in looks
            ),
        ),
        World(
            "look-alikes",
            2,
            MIMICKED_CLASSES,
            (*LOOK_ALIKES["texture"], *LOOK_ALIKES["shape"]),
        ),
        World(
            "small",
            3,
            NOVEL_CLASSES,
            objects=(8, 16),
            extents=_SMALL_EXTENTS,
        ),
    )
}
"""All worlds by name."""
