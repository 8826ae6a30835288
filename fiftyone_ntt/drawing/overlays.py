"""Overlay pictures: images side by side with their instances drawn in."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, PngImagePlugin

from fiftyone_ntt.store.atomic import write_atomically
from fiftyone_ntt.store.own_files import PICTURE, PICTURE_TEXT

Pixels = UInt8[np.ndarray, "H W 3"]

_OPACITY = 0.35
_GAP = 8


@dataclass(frozen=True, eq=False)
class Instance:
    """One instance to draw: its mask, its class and its caption, possibly none."""

    mask: Bool[np.ndarray, "H W"]
    label: str
    caption: str


def class_colours(classes: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """A colour, RGB in 0..255, for each class: hues evenly spread."""
    hues = np.linspace(0, 1, len(classes), endpoint=False)
    rgb = [colorsys.hsv_to_rgb(hue, 0.85, 1.0) for hue in hues]
    return {
        name: (round(r * 255), round(g * 255), round(b * 255))
        for name, (r, g, b) in zip(classes, rgb, strict=True)
    }


def draw_instances(
    image: Pixels, instances: Sequence[Instance], colours: dict[str, tuple[int, int, int]]
) -> Pixels:
    """The image with each instance tinted, outlined and captioned."""
    canvas = image.copy()
    for instance in instances:
        colour = np.array(colours[instance.label])
        tinted = canvas[instance.mask] * (1 - _OPACITY) + colour * _OPACITY
        canvas[instance.mask] = tinted.astype(np.uint8)
        outlines, _ = cv2.findContours(
            instance.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(canvas, outlines, -1, colours[instance.label], 1, cv2.LINE_AA)
    for instance in instances:  # captions last, so that no mask covers one
        if instance.caption:
            _caption(canvas, instance)
    return canvas


def _caption(canvas: Pixels, instance: Instance) -> None:
    rows, columns = np.nonzero(instance.mask)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.33
    (width, height), _ = cv2.getTextSize(instance.caption, font, size, 1)
    x = int(np.clip(columns.mean() - width / 2, 1, max(1, canvas.shape[1] - width - 1)))
    y = int(np.clip(rows.mean() + height / 2, height + 1, canvas.shape[0] - 2))
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(canvas, instance.caption, (x, y), font, size, colour, thickness, cv2.LINE_AA)


def save_sheet(path: str | Path, pictures: Sequence[Pixels], columns: int) -> Path:
    """Write equally sized pictures as one PNG of `columns` per row."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    shape = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    sheet = np.full(shape, 255, dtype=np.uint8)
    for index, picture in enumerate(pictures):
        top, left = (index // columns) * (height + _GAP), (index % columns) * (width + _GAP)
        sheet[top : top + height, left : left + width] = picture
    return save_picture(path, sheet)


def save_picture(path: str | Path, pixels: Pixels) -> Path:
    """Write a picture, uint8 `[H, W, 3]`, as PNG; returns the path.

    Raises:
        StoreError: another's file is there, or the file cannot be written.
    """
    path, content, text = Path(path), io.BytesIO(), PngImagePlugin.PngInfo()
    text.add_text(*PICTURE_TEXT)
    Image.fromarray(pixels).save(content, "PNG", pnginfo=text)
    write_atomically(path, content.getvalue(), PICTURE)
    return path
