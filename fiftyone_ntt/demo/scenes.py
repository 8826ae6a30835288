"""Generated pictures with exact masks: textured shapes that overlap on a noisy background.

A class is a shape, a texture and one or two palettes, so an object can be told apart by its
outline, its pattern and its colours. Within a class the size, rotation, proportions, hue,
brightness, pattern phase and pattern frequency vary, and so does the palette where a class has two.

The bundled models were trained on scenes of :data:`TRAIN_CLASSES`. No shape and texture pair of
:data:`NOVEL_CLASSES` occurs among them, and the shapes in :data:`NOVEL_SHAPES` do not occur at all.

    >>> scene = generate_scene(NOVEL_CLASSES, seed=7)
    >>> scene.image.shape
    (256, 256, 3)
    >>> len(scene.labels) == len(scene.masks)
    True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16, Int32, UInt8
from numpy.typing import ArrayLike

Contour = Float32[np.ndarray, "_ 2"]
#: A texture or a coverage over the square that an object is drawn in.
Layer = Float32[np.ndarray, "L L"]
Colour = Float32[np.ndarray, "3"]

#: Diameter of the disc an object is drawn in, as a fraction of the picture's side: 51 to 125 px at
#: 256 px.
MIN_EXTENT, MAX_EXTENT = 0.20, 0.49
#: An object is placed only if this share of it, and of every object under it, stays visible.
MIN_VISIBLE = 0.6
#: And only if its mask has this many pixels, as a fraction of the picture: 150 px at 256 px.
MIN_AREA = 150 / 256**2


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


# ---------------------------------------------------------------------------- shapes


@dataclass(frozen=True)
class Outline:
    """Closed contours in the unit disc: parts are filled, holes cut out."""

    parts: tuple[Contour, ...]
    holes: tuple[Contour, ...] = ()


def _points(x: ArrayLike, y: ArrayLike) -> Contour:
    return np.stack(np.broadcast_arrays(x, y), axis=-1).astype(np.float32)


def _angles(
    count: int = 72, start: float = 0.0, stop: float = 2 * np.pi
) -> Float64[np.ndarray, " K"]:
    return np.linspace(start, stop, count, endpoint=False)


def _polar(radius: Callable[[Float64[np.ndarray, " K"]], ArrayLike], count: int = 120) -> Contour:
    angle = _angles(count)
    distance = np.asarray(radius(angle))
    return _points(distance * np.cos(angle), distance * np.sin(angle))


def _ellipse(width: float, height: float, x: float = 0.0, y: float = 0.0) -> Contour:
    angle = _angles()
    return _points(x + width * np.cos(angle), y + height * np.sin(angle))


def _polygon(*corners: tuple[float, float]) -> Contour:
    return np.asarray(corners, dtype=np.float32)


def _regular(corners: int, inner: float = 1.0) -> Contour:
    """A regular polygon, or a star whose every second corner lies at radius ``inner``."""
    angle = _angles(2 * corners) - np.pi / 2
    radius = np.where(np.arange(2 * corners) % 2 == 0, 1.0, inner)
    return _points(radius * np.cos(angle), radius * np.sin(angle))


def _crescent() -> Contour:
    outer = _angles(60, 0.75, 2 * np.pi - 0.75)
    inner = _angles(60, 2 * np.pi - 1.15, 1.15)
    edge = (np.cos(0.75), np.sin(0.75))
    bow = _points(0.55 + 0.75 * np.cos(inner), edge[1] / np.sin(1.15) * np.sin(inner))
    return np.concatenate([_points(np.cos(outer), np.sin(outer)), bow])


def _heart() -> Contour:
    t = _angles(100)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return _points(x / 17, -(y + 2.5) / 17)


def _bar() -> Contour:
    right = _angles(30, -np.pi / 2, np.pi / 2)
    half = _points(0.65 + 0.33 * np.cos(right), 0.33 * np.sin(right))
    return np.concatenate([half, -half])


def _drop() -> Contour:
    t = _angles(100)
    return _points(0.72 * np.sin(t) * np.sin(t / 2) ** 1.4, -0.95 * np.cos(t))


def _leaf() -> Contour:
    t = np.linspace(-1, 1, 50)
    bow = 0.52 * (1 - t**2) ** 0.8
    return np.concatenate([_points(t, bow), _points(t, -bow)[::-1]])


def _cross() -> Contour:
    a, b = 0.95, 0.34
    quarter = [(a, -b), (a, b), (b, b)]
    turns = [(np.cos(k * np.pi / 2), np.sin(k * np.pi / 2)) for k in range(4)]
    return _polygon(*[(c * x - s * y, s * x + c * y) for c, s in turns for x, y in quarter])


def _fish() -> Outline:
    tail = _polygon((-0.35, 0.0), (-1.0, -0.52), (-0.82, 0.0), (-1.0, 0.52))
    fin = _polygon((0.45, -0.3), (-0.1, -0.72), (-0.15, -0.3))
    return Outline((_ellipse(0.72, 0.46, 0.25), tail, fin))


def _mushroom() -> Outline:
    top = _angles(40, np.pi, 2 * np.pi)
    cap = _points(0.95 * np.cos(top), 0.15 + 0.95 * np.sin(top))
    cap = np.concatenate([cap, _polygon((0.95, 0.15), (0.7, 0.3), (-0.7, 0.3))])
    stem = _polygon((-0.3, 0.2), (0.3, 0.2), (0.4, 0.95), (-0.4, 0.95))
    return Outline((cap, stem))


SHAPES: dict[str, Outline] = {
    "disc": Outline((_ellipse(0.9, 0.9),)),
    "square": Outline((_polygon((-0.76, -0.76), (0.76, -0.76), (0.76, 0.76), (-0.76, 0.76)),)),
    "triangle": Outline((_regular(3, 0.5),)),
    "star": Outline((_regular(5, 0.48),)),
    "ring": Outline((_ellipse(0.95, 0.95),), (_ellipse(0.42, 0.42),)),
    "crescent": Outline((_crescent(),)),
    "heart": Outline((_heart(),)),
    "cross": Outline((_cross(),)),
    "hexagon": Outline((_regular(6, float(np.cos(np.pi / 6))),)),
    "bar": Outline((_bar(),)),
    "drop": Outline((_drop(),)),
    "flower": Outline((_polar(lambda t: 0.74 + 0.24 * np.cos(5 * t)),)),
    "gear": Outline((_polar(lambda t: np.clip(0.83 + 0.5 * np.cos(8 * t), 0.72, 0.96)),)),
    "fish": _fish(),
    "mushroom": _mushroom(),
    "kite": Outline((_polygon((0.0, -0.72), (0.62, -0.12), (0.0, 1.0), (-0.62, -0.12)),)),
    "leaf": Outline((_leaf(),)),
}

#: Shapes that no training class has.
NOVEL_SHAPES = ("fish", "mushroom", "kite", "leaf")


# ---------------------------------------------------------------------------- textures


@dataclass(frozen=True)
class Pattern:
    """Where a texture is drawn: coordinates in the object's own frame, about -1..1 on the object;
    ``frequency`` scales the pattern, ``phase`` in 0..1 shifts it."""

    x: Layer
    y: Layer
    frequency: float
    phase: float
    rng: np.random.Generator


def _wave(turns: Layer) -> Layer:
    """A square wave with soft edges, 0..1, one period per unit."""
    return np.asarray(0.5 + 0.5 * np.tanh(3.5 * np.sin(2 * np.pi * turns)), np.float32)


def _solid(p: Pattern) -> Layer:
    return np.zeros_like(p.x)


def _stripes(p: Pattern) -> Layer:
    return _wave(1.7 * p.frequency * p.x + p.phase)


def _checker(p: Pattern) -> Layer:
    scale = 1.3 * p.frequency
    a = np.sin(2 * np.pi * (scale * p.x + p.phase)) * np.sin(2 * np.pi * (scale * p.y + p.phase))
    return np.asarray(0.5 + 0.5 * np.tanh(5 * a), np.float32)


def _dots(p: Pattern) -> Layer:
    scale = 1.9 * p.frequency
    row = scale * p.y + p.phase
    column = scale * p.x + p.phase + 0.5 * (np.floor(row) % 2)
    distance = np.hypot(column - np.floor(column) - 0.5, row - np.floor(row) - 0.5)
    return np.asarray(0.5 - 0.5 * np.tanh(16 * (distance - 0.31)), np.float32)


def _gradient(p: Pattern) -> Layer:
    return np.asarray(np.clip(0.5 + 0.75 * p.y, 0, 1), np.float32)


def _speckle(p: Pattern) -> Layer:
    cells = 12 + int(4 * p.frequency)
    noise = p.rng.standard_normal((cells, cells), dtype=np.float32)
    smooth = cv2.resize(noise, p.x.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (0.5 + 0.5 * np.tanh(5 * (np.asarray(smooth) - 0.45))).astype(np.float32)


def _rings(p: Pattern) -> Layer:
    return _wave((1.9 * p.frequency * np.hypot(p.x, p.y) + p.phase).astype(np.float32))


TEXTURES: dict[str, Callable[[Pattern], Layer]] = {
    "solid": _solid,
    "striped": _stripes,
    "checkered": _checker,
    "spotted": _dots,
    "shaded": _gradient,
    "speckled": _speckle,
    "ringed": _rings,
}

#: Main and second colour: hue in degrees, saturation and value in 0..1.
PALETTES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "red": ((2, 0.82, 0.84), (42, 0.16, 0.98)),
    "orange": ((26, 0.88, 0.96), (24, 0.75, 0.42)),
    "yellow": ((50, 0.80, 0.97), (32, 0.80, 0.55)),
    "green": ((125, 0.62, 0.66), (75, 0.45, 0.95)),
    "teal": ((176, 0.75, 0.72), (195, 0.75, 0.32)),
    "blue": ((216, 0.80, 0.86), (200, 0.12, 0.99)),
    "purple": ((274, 0.62, 0.70), (300, 0.22, 0.97)),
    "pink": ((332, 0.55, 0.95), (336, 0.80, 0.50)),
}


# ---------------------------------------------------------------------------- classes

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


# ---------------------------------------------------------------------------- drawing


@dataclass(frozen=True)
class Sprite:
    """One drawn object: RGB in 0..1 and coverage in 0..1."""

    color: Float32[np.ndarray, "L L 3"]
    alpha: Layer


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    """RGB in 0..1 of a hue in degrees and a saturation and value in 0..1."""
    hsv = np.array([[[hue % 360, np.clip(saturation, 0, 1), np.clip(value, 0, 1)]]], np.float32)
    rgb: Colour = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.float32)[0, 0]
    return rgb


def _noise(rng: np.random.Generator, cells: int, size: int) -> Float32[np.ndarray, "{size} {size}"]:
    """Smooth noise of unit scale, about ``cells`` blobs across."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC))


def _background(rng: np.random.Generator, size: int) -> Float32[np.ndarray, "{size} {size} 3"]:
    """Muted two-colour clouds with finer grain on top, in 0..1."""
    hue = rng.uniform(0, 360)
    value = rng.uniform(0.42, 0.8)
    first = _rgb(hue, rng.uniform(0.05, 0.28), value)
    second = _rgb(hue + rng.uniform(-70, 70), rng.uniform(0.05, 0.28), value - 0.2)
    clouds = 0.6 * _noise(rng, 4, size) + 0.35 * _noise(rng, 12, size)
    blend = (0.5 + 0.5 * np.tanh(1.4 * clouds))[..., None]
    grain = 0.030 * _noise(rng, 40, size) + 0.020 * _noise(rng, 110, size)
    return np.asarray(first * (1 - blend) + second * blend + grain[..., None], dtype=np.float32)


def _place(
    contour: Float32[np.ndarray, "K 2"], frame: Float32[np.ndarray, "2 2"], center: float
) -> Int32[np.ndarray, "K 2"]:
    """Contour in object units to OpenCV's fixed point with 4 fractional bits."""
    return np.asarray(np.round((contour @ frame.T + center) * 16), np.int32)


def _coverage(
    outline: Outline, frame: Float32[np.ndarray, "2 2"], side: int
) -> Float32[np.ndarray, "{side} {side}"]:
    """Antialiased coverage of the outline under ``frame``."""
    canvas = np.zeros((side, side), np.uint8)
    center = (side - 1) / 2
    for contours, value in ((outline.parts, 255), (outline.holes, 0)):
        for contour in contours:
            cv2.fillPoly(canvas, [_place(contour, frame, center)], value, cv2.LINE_AA, 4)
    return np.asarray(canvas / 255, np.float32)


def _frame(rng: np.random.Generator, extent: float) -> Float32[np.ndarray, "2 2"]:
    """Object units to pixels: rotation, slight stretch and size."""
    turn = rng.uniform(0, 2 * np.pi)
    stretch = np.exp(rng.uniform(-0.13, 0.13))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(rotation @ np.diag([stretch, 1 / stretch]) * extent / 2, np.float32)


def _colors(rng: np.random.Generator, palette: str) -> tuple[Colour, Colour]:
    """The palette's two colours, with this object's jitter."""
    jitter = np.array([rng.normal(0, 4), rng.normal(0, 0.05), rng.normal(0, 0.05)])
    main, second = (_rgb(*(np.array(hsv) + jitter)) for hsv in PALETTES[palette])
    return main, second


def _draw(rng: np.random.Generator, kind: ObjectClass, palette: str, extent: float) -> Sprite:
    """One object of the class, ``extent`` pixels across: textured, lit from above, outlined."""
    frame = _frame(rng, extent)
    side = int(np.ceil(extent * 1.2)) + 4
    alpha = _coverage(SHAPES[kind.shape], frame, side)
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    pixels = np.stack(np.meshgrid(axis, axis), axis=-1)
    own = pixels @ np.linalg.inv(frame).T.astype(np.float32)
    frequency, phase = float(np.exp(rng.uniform(-0.22, 0.22))), float(rng.uniform())
    pattern = Pattern(own[..., 0], own[..., 1], frequency, phase, rng)
    blend = TEXTURES[kind.texture](pattern)[..., None]
    main, second = _colors(rng, palette)
    light = 1 - 0.14 * (pixels[..., 0] + pixels[..., 1]) / extent
    depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    rim = 1 - 0.5 * np.clip(1.6 - np.asarray(depth) / (0.016 * extent + 0.6), 0, 1)
    color = (main * (1 - blend) + second * blend) * (light * rim)[..., None]
    return Sprite(color.astype(np.float32), alpha)


# ---------------------------------------------------------------------------- composing


@dataclass
class _Canvas:
    """The scene so far: the picture, the owner of each pixel (-1 for the background) and the full
    area of each object in pixels."""

    image: Float32[np.ndarray, "S S 3"]
    owner: Int16[np.ndarray, "S S"]
    areas: list[float]


def _window(corner: int, side: int, size: int) -> tuple[slice, slice]:
    """Where ``side`` pixels from ``corner`` meet the picture, and the same part of the sprite."""
    low, high = max(corner, 0), min(corner + side, size)
    return slice(low, high), slice(low - corner, high - corner)


def _fits(
    canvas: _Canvas, rows: slice, columns: slice, mask: Bool[np.ndarray, "h w"], area: float
) -> bool:
    """Whether the object and every object under it would stay visible enough."""
    size = canvas.owner.shape[0]
    if mask.sum() < max(MIN_VISIBLE * area, MIN_AREA * size * size):
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
) -> Scene:
    """Draw one scene; the same arguments always give the same scene.

    Args:
        classes: the classes that objects are drawn from, each equally likely.
        seed: any non-negative integer.
        size: side of the square picture in pixels.
        objects: smallest and largest number of objects to try to place. A crowded scene may hold
            fewer, since no object may be hidden by more than ``1 - MIN_VISIBLE``.
    """
    rng = np.random.default_rng(seed)
    canvas = _Canvas(_background(rng, size), np.full((size, size), -1, np.int16), [])
    kinds: list[tuple[str, str]] = []
    for _ in range(int(rng.integers(objects[0], objects[1] + 1))):
        kind = classes[int(rng.integers(len(classes)))]
        palette = kind.palettes[int(rng.integers(len(kind.palettes)))]
        extent = size * float(np.exp(rng.uniform(np.log(MIN_EXTENT), np.log(MAX_EXTENT))))
        sprite = _draw(rng, kind, palette, extent)
        for _ in range(12):
            side = sprite.alpha.shape[0]
            top, left = rng.uniform(-0.2 * side, size - 0.8 * side, size=2).astype(int)
            if _paste(canvas, sprite, int(top), int(left)):
                kinds.append((kind.name, palette))
                break
    masks = canvas.owner == np.arange(len(kinds))[:, None, None]
    labels, palettes = (tuple(pair[i] for pair in kinds) for i in range(2))
    return Scene(_add_light_and_noise(rng, canvas.image), masks, labels, palettes)
