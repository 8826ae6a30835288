"""One generated object: textured, lit from above, outlined."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int32

from fiftyone_ntt.demo.object_classes import ObjectClass
from fiftyone_ntt.demo.shapes import SHAPES, Outline
from fiftyone_ntt.demo.textures import PALETTES, TEXTURES, Colour, Layer, Pattern, rgb_of


@dataclass(frozen=True)
class Sprite:
    """One drawn object: RGB in 0..1 and coverage in 0..1."""

    color: Float32[np.ndarray, "L L 3"]
    alpha: Layer


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
    main, second = (rgb_of(*(np.array(hsv) + jitter)) for hsv in PALETTES[palette])
    return main, second


def draw_object(rng: np.random.Generator, kind: ObjectClass, palette: str, extent: float) -> Sprite:
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
