"""The shapes of the generated objects, as outlines in the unit disc."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import ArrayLike

Contour = Float32[np.ndarray, "_ 2"]


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
