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
_LETTERS = 0.33
"""Size of captions, in terms of OpenCV's fonts."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One instance to draw: its mask, its class and its caption, possibly none.

    Attributes:
        mask: None for a box alone.
        label: decides the colour.
        caption: drawn in its middle.
        box: x, y, width, height in pixels; drawn if given.
    """

    mask: Bool[np.ndarray, "H W"] | None
    label: str
    caption: str
    box: tuple[float, float, float, float] | None = None


def class_colours(classes: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """A colour, RGB in 0..255, for each class: hues evenly spread."""
    hues = np.linspace(0, 1, len(classes), endpoint=False)
    rgb = [colorsys.hsv_to_rgb(hue, 0.85, 1.0) for hue in hues]
    return {
        name: (round(r * 255), round(g * 255), round(b * 255))
        for name, (r, g, b) in zip(classes, rgb, strict=True)
    }


def draw_instances(
    image: Pixels,
    instances: Sequence[Instance],
    colours: dict[str, tuple[int, int, int]],
    *,
    letters: float = _LETTERS,
    line: int = 1,
) -> Pixels:
    """The image with each instance tinted, outlined and captioned.

    Args:
        image: is left as it is.
        instances: later ones lie over earlier ones.
        colours: by class.
        letters: size of the captions.
        line: width of outlines and boxes, in pixels.
    """
    canvas = image.copy()
    for instance in instances:
        if instance.mask is not None:
            _tint(canvas, instance.mask, colours[instance.label], line)
        if instance.box is not None:
            x, y, width, height = instance.box
            corners = (round(x), round(y)), (round(x + width) - 1, round(y + height) - 1)
            cv2.rectangle(canvas, *corners, colours[instance.label], line)
    for instance in instances:  # captions last, so that no mask covers one
        if instance.caption:
            _caption(canvas, instance, letters)
    return canvas


def _tint(
    canvas: Pixels, mask: Bool[np.ndarray, "H W"], colour: tuple[int, int, int], line: int
) -> None:
    tinted = canvas[mask] * (1 - _OPACITY) + np.array(colour) * _OPACITY
    canvas[mask] = tinted.astype(np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, colour, line, cv2.LINE_AA)


def _caption(canvas: Pixels, instance: Instance, letters: float) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(instance.caption, font, letters, 1)
    column, row = _middle(instance)
    x = int(np.clip(column - width / 2, 1, max(1, canvas.shape[1] - width - 1)))
    y = int(np.clip(row + height / 2, height + 1, max(height + 1, canvas.shape[0] - 2)))
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(canvas, instance.caption, (x, y), font, letters, colour, thickness, cv2.LINE_AA)


def _middle(instance: Instance) -> tuple[float, float]:
    """Column and row of a mask's centre of mass or, without a pixel, of the box's middle."""
    if instance.mask is not None and instance.mask.any():
        rows, columns = np.nonzero(instance.mask)
        return float(columns.mean()), float(rows.mean())
    x, y, width, height = instance.box or (0, 0, 0, 0)
    return x + width / 2, y + height / 2


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
    path = Path(path)
    write_atomically(path, png_content(pixels, *PICTURE_TEXT), PICTURE)
    return path


def png_content(pixels: Pixels, key: str, text: str) -> bytes:
    """A picture as a PNG file that holds a text under a key: equal ones give equal bytes."""
    content, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text(key, text)
    Image.fromarray(pixels).save(content, "PNG", pnginfo=info)
    return content.getvalue()
