"""Generated scenes that every format writes and every reader is to give back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

CLASSES = ("boat", "buoy", "gull on a pole", "Möwe")
"""Not in alphabetical order when the first letters' cases differ, one of several words."""


def scene_count() -> int:
    """How many scenes a test writes; more in the long tests."""
    return int(os.environ.get("FIFTYONE_NTT_SCENES", "20"))


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of an object: a polygon with corners at whole pixels, and holes in it.

    Attributes:
        outer: corners x, y.
        holes: polygons that lie inside `outer`, strictly.
    """

    outer: tuple[tuple[int, int], ...]
    holes: tuple[tuple[tuple[int, int], ...], ...] = ()


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object: as polygons for the formats that hold those, as pixels for the others.

    Attributes:
        label: of `CLASSES`.
        parts: one or two that lie apart.
        mask: pixels whose centre lies inside (an arbitrary truth for formats that hold pixels).
        attributes: what a tool would keep with it.
    """

    label: str
    parts: tuple[Part, ...]
    mask: Bool[np.ndarray, "H W"]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height of the mask in pixels."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return (
            int(columns[0]),
            int(rows[0]),
            int(columns[-1] - columns[0] + 1),
            int(rows[-1] - rows[0] + 1),
        )


@dataclass(frozen=True, eq=False)
class Scene:
    """An image and its objects, which do not overlap, so that one map can hold them all.

    Attributes:
        name: of the image's file.
        size: height and width.
        objects: in order; the first scene of a set has none.
    """

    name: str
    size: tuple[int, int]
    objects: tuple[SceneObject, ...]

    def save_image(self, folder: Path) -> Path:
        """Write the image; returns its file."""
        pixels = np.full((*self.size, 3), 90, dtype=np.uint8)
        for number, item in enumerate(self.objects):
            pixels[item.mask] = (40 * number % 256, 200, 255 - 30 * number)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / self.name)
        return folder / self.name


def make_scenes(count: int | None = None, seed: int = 0) -> list[Scene]:
    """Scenes of several sizes: objects with holes, of several parts, that touch the borders.

    Args:
        count: how many; `scene_count()` when None.
        seed: of their places and sizes.
    """
    random = np.random.default_rng(seed)
    number = scene_count() if count is None else count
    return [_scene(index, random) for index in range(number)]


def inside(corners: tuple[tuple[int, int], ...], size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Pixels whose centres lie inside a polygon, by the rule of even and odd crossings."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    found = np.zeros(size, dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if y0 != y1:
            crossing = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            found ^= ((y0 <= y) != (y1 <= y)) & (x < crossing)
    return found


def _scene(index: int, random: np.random.Generator) -> Scene:
    height, width = int(random.integers(40, 90)), int(random.integers(40, 90))
    # A grid of cells keeps objects apart; an object of two parts takes two cells.
    columns, rows = 3, 2
    cells = [(column, row) for row in range(rows) for column in range(columns)]
    random.shuffle(cells)
    objects: list[SceneObject] = []
    while cells and index and len(objects) < int(index % 4) + 1:
        taken = [cells.pop() for _ in range(min(len(cells), 1 + int(random.random() < 0.3)))]
        parts = tuple(
            _part(column, row, (width // columns, height // rows), (height, width), random)
            for column, row in taken
        )
        mask = np.zeros((height, width), dtype=bool)
        for part in parts:
            own = inside(part.outer, (height, width))
            for hole in part.holes:
                own &= ~inside(hole, (height, width))
            mask |= own
        label = CLASSES[int(random.integers(len(CLASSES)))]
        attributes = {"occluded": bool(random.random() < 0.5), "track": int(random.integers(100))}
        objects.append(SceneObject(label, parts, mask, attributes))
    return Scene(f"scene {index:03d}.png", (height, width), tuple(objects))


def _part(
    column: int,
    row: int,
    cell: tuple[int, int],
    size: tuple[int, int],
    random: np.random.Generator,
) -> Part:
    """A quadrangle or an octagon in a cell; in the cells at the border it touches that."""
    left, top = column * cell[0] + 1, row * cell[1] + 1
    right, bottom = left + cell[0] - 3, top + cell[1] - 3
    if random.random() < 0.4:
        left, top = (0 if column == 0 else left), (0 if row == 0 else top)
        right = size[1] if column == 2 else right
        bottom = size[0] if row == 1 else bottom
    cut = int(random.integers(0, 4))
    outer = (
        (left + cut, top),
        (right - cut, top),
        *(((right, top + cut), (right, bottom - cut)) if cut else ()),
        (right - cut, bottom),
        (left + cut, bottom),
        *(((left, bottom - cut), (left, top + cut)) if cut else ()),
    )
    holes = ()
    if random.random() < 0.4 and right - left > 9 and bottom - top > 9:
        x, y = (left + right) // 2, (top + bottom) // 2
        holes = (((x - 2, y - 2), (x + 2, y - 2), (x + 2, y + 2), (x - 2, y + 2)),)
    return Part(outer, holes)
