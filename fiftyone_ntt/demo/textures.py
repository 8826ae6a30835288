"""The textures and the colours of the generated objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

#: A texture or a coverage over the square that an object is drawn in.
Layer = Float32[np.ndarray, "L L"]
Colour = Float32[np.ndarray, "3"]


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


def rgb_of(hue: float, saturation: float, value: float) -> Colour:
    """RGB in 0..1 of a hue in degrees and a saturation and value in 0..1."""
    hsv = np.array([[[hue % 360, np.clip(saturation, 0, 1), np.clip(value, 0, 1)]]], np.float32)
    rgb: Colour = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.float32)[0, 0]
    return rgb
