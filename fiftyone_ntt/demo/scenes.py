"""Generated pictures with exact masks: textured shapes that overlap on a noisy background.

A class is a shape, a texture and one or two palettes, so an object can be told apart by its
outline, its pattern and its colours. Within a class the size, rotation, proportions, hue,
brightness, pattern phase and pattern frequency vary, and so does the palette where a class has two.

    >>> from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
    >>> scene = generate_scene(NOVEL_CLASSES, seed=7)
    >>> scene.image.shape
    (256, 256, 3)
    >>> len(scene.labels) == len(scene.masks)
    True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int16, UInt8

from fiftyone_ntt.demo.object_classes import ObjectClass
from fiftyone_ntt.demo.sprites import Sprite, draw_object
from fiftyone_ntt.demo.textures import Layer, rgb_of

#: Diameter of the disc an object is drawn in, as a fraction of the picture's side: 51 to 125 px at
#: 256 px.
MIN_EXTENT, MAX_EXTENT = 0.20, 0.49
#: An object is placed only if this share of it, and of every object under it, stays visible.
MIN_VISIBLE = 0.6
#: And only if its mask has this many pixels, as a fraction of the picture: 150 px at 256 px. It
#: shrinks with the square of the smallest extent where objects are smaller.
MIN_AREA = 150 / 256**2


@dataclass(frozen=True)
class Scene:
    """A picture and its objects, back to front.

    Attributes:
        image: RGB.
        masks: the visible part of each object; they never overlap.
        labels: ``N`` class names.
        palettes: ``N`` palette names, the variant of its class that each object shows.
    """

    image: UInt8[np.ndarray, "H W 3"]
    masks: Bool[np.ndarray, "N H W"]
    labels: tuple[str, ...]
    palettes: tuple[str, ...]


def _noise(rng: np.random.Generator, cells: int, size: int) -> Float32[np.ndarray, "{size} {size}"]:
    """Smooth noise of unit scale, about ``cells`` blobs across."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC))


def _background(rng: np.random.Generator, size: int) -> Float32[np.ndarray, "{size} {size} 3"]:
    """Muted two-colour clouds with finer grain on top, in 0..1."""
    hue = rng.uniform(0, 360)
    value = rng.uniform(0.42, 0.8)
    first = rgb_of(hue, rng.uniform(0.05, 0.28), value)
    second = rgb_of(hue + rng.uniform(-70, 70), rng.uniform(0.05, 0.28), value - 0.2)
    clouds = 0.6 * _noise(rng, 4, size) + 0.35 * _noise(rng, 12, size)
    blend = (0.5 + 0.5 * np.tanh(1.4 * clouds))[..., None]
    grain = 0.030 * _noise(rng, 40, size) + 0.020 * _noise(rng, 110, size)
    return np.asarray(first * (1 - blend) + second * blend + grain[..., None], dtype=np.float32)


@dataclass
class _Canvas:
    """The scene so far: the picture, the owner of each pixel (-1 for the background), and in pixels
    the least visible area of an object and the full area of each."""

    image: Float32[np.ndarray, "S S 3"]
    owner: Int16[np.ndarray, "S S"]
    min_area: float
    areas: list[float]


def _window(corner: int, side: int, size: int) -> tuple[slice, slice]:
    """Where ``side`` pixels from ``corner`` meet the picture, and the same part of the sprite."""
    low, high = max(corner, 0), min(corner + side, size)
    return slice(low, high), slice(low - corner, high - corner)


def _fits(
    canvas: _Canvas, rows: slice, columns: slice, mask: Bool[np.ndarray, "h w"], area: float
) -> bool:
    """Whether the object and every object under it would stay visible enough."""
    if mask.sum() < max(MIN_VISIBLE * area, canvas.min_area):
        return False
    owner = canvas.owner.copy()
    owner[rows, columns][mask] = len(canvas.areas)
    visible = np.bincount(owner[owner >= 0], minlength=len(canvas.areas) + 1)
    return bool(np.all(visible[:-1] >= MIN_VISIBLE * np.asarray(canvas.areas)))


def _paste(canvas: _Canvas, sprite: Sprite, top: int, left: int) -> bool:
    """Put the sprite and its shadow on the canvas, unless something would be hidden too much."""
    size, side = canvas.owner.shape[0], sprite.alpha.shape[0]
    (rows, inner_rows), (columns, inner_columns) = (
        _window(top, side, size),
        _window(left, side, size),
    )
    alpha = sprite.alpha[inner_rows, inner_columns]
    area = float((sprite.alpha > 0.5).sum())
    if not _fits(canvas, rows, columns, alpha > 0.5, area):
        return False
    _shade(canvas, sprite.alpha, top, left)
    below = canvas.image[rows, columns]
    color = sprite.color[inner_rows, inner_columns]
    canvas.image[rows, columns] = below + alpha[..., None] * (color - below)
    canvas.owner[rows, columns][alpha > 0.5] = len(canvas.areas)
    canvas.areas.append(area)
    return True


def _shade(canvas: _Canvas, alpha: Layer, top: int, left: int) -> None:
    """Darken what lies below and to the right of an object: a soft shadow."""
    size, side = canvas.owner.shape[0], alpha.shape[0]
    shift, blur = max(round(size * 0.012), 1), size * 0.011
    rows, inner_rows = _window(top + shift, side, size)
    columns, inner_columns = _window(left + shift, side, size)
    shadow = np.asarray(cv2.GaussianBlur(alpha, (0, 0), blur))[inner_rows, inner_columns]
    canvas.image[rows, columns] *= 1 - 0.38 * shadow[..., None]


def _add_light_and_noise(
    rng: np.random.Generator, image: Float32[np.ndarray, "S S 3"]
) -> UInt8[np.ndarray, "S S 3"]:
    """Uneven light and sensor noise, then uint8."""
    size = image.shape[0]
    light = 1 + 0.05 * _noise(rng, 3, size)[..., None]
    noisy = image * light + rng.normal(0, 0.012, image.shape).astype(np.float32)
    return np.asarray(np.clip(noisy * 255, 0, 255), np.uint8)


def generate_scene(
    classes: Sequence[ObjectClass],
    seed: int,
    size: int = 256,
    objects: tuple[int, int] = (2, 6),
    extents: tuple[float, float] = (MIN_EXTENT, MAX_EXTENT),
) -> Scene:
    """Draw one scene; the same arguments always give the same scene.

    Args:
        classes: what objects are drawn from, each entry equally likely. Entries of one name are
            appearances of one class.
        seed: any non-negative integer.
        size: side of the square picture in pixels.
        objects: smallest and largest number of objects to try to place. A crowded scene may hold
            fewer, since no object may be hidden by more than ``1 - MIN_VISIBLE``.
        extents: smallest and largest diameter of the disc that an object is drawn in, as a fraction
            of the picture's side.
    """
    rng = np.random.default_rng(seed)
    least_area = MIN_AREA * (extents[0] / MIN_EXTENT) ** 2 * size * size
    canvas = _Canvas(_background(rng, size), np.full((size, size), -1, np.int16), least_area, [])
    kinds: list[tuple[str, str]] = []
    for _ in range(int(rng.integers(objects[0], objects[1] + 1))):
        kind = classes[int(rng.integers(len(classes)))]
        palette = kind.palettes[int(rng.integers(len(kind.palettes)))]
        extent = size * float(np.exp(rng.uniform(np.log(extents[0]), np.log(extents[1]))))
        sprite = draw_object(rng, kind, palette, extent)
        for _ in range(12):
            side = sprite.alpha.shape[0]
            top, left = rng.uniform(-0.2 * side, size - 0.8 * side, size=2).astype(int)
            if _paste(canvas, sprite, int(top), int(left)):
                kinds.append((kind.name, palette))
                break
    masks = canvas.owner == np.arange(len(kinds))[:, None, None]
    labels, palettes = (tuple(pair[i] for pair in kinds) for i in range(2))
    return Scene(_add_light_and_noise(rng, canvas.image), masks, labels, palettes)
