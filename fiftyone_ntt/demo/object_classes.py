"""The classes of the generated objects: those the demo models saw, and those they never saw.

The bundled models were trained on scenes of :data:`TRAIN_CLASSES`. No shape and texture pair of
:data:`NOVEL_CLASSES` occurs among them, and the shapes in :data:`NOVEL_SHAPES` do not occur at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from fiftyone_ntt.demo.shapes import NOVEL_SHAPES, SHAPES
from fiftyone_ntt.demo.textures import PALETTES, TEXTURES


@dataclass(frozen=True)
class ObjectClass:
    """What the objects of one class have in common.

    ``shape`` is a key of :data:`SHAPES`, ``texture`` of :data:`TEXTURES` and each palette of
    :data:`PALETTES`; an object draws one of the palettes at random.
    """

    name: str
    shape: str
    texture: str
    palettes: tuple[str, ...]


NOVEL_CLASSES: tuple[ObjectClass, ...] = (
    ObjectClass("striped fish", "fish", "striped", ("orange", "blue")),
    ObjectClass("spotted fish", "fish", "spotted", ("orange", "purple")),
    ObjectClass("spotted mushroom", "mushroom", "spotted", ("red", "teal")),
    ObjectClass("checkered kite", "kite", "checkered", ("red", "purple")),
    ObjectClass("speckled leaf", "leaf", "speckled", ("green", "yellow")),
    ObjectClass("striped star", "star", "striped", ("yellow", "pink")),
    ObjectClass("shaded heart", "heart", "shaded", ("pink", "red")),
    ObjectClass("ringed disc", "disc", "ringed", ("teal", "green")),
)


def _train_classes() -> tuple[ObjectClass, ...]:
    held_out = {(c.shape, c.texture) for c in NOVEL_CLASSES}
    return tuple(
        ObjectClass(f"{palette} {texture} {shape}", shape, texture, (palette,))
        for shape in SHAPES
        for texture in TEXTURES
        for palette in PALETTES
        if shape not in NOVEL_SHAPES and (shape, texture) not in held_out
    )


TRAIN_CLASSES: tuple[ObjectClass, ...] = _train_classes()
