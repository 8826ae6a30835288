"""A sheet of references: what the encoder will see of each, to be looked over by a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw, ImageFont

from fiftyone_ntt.core.windows import Reference, reference_window
from fiftyone_ntt.drawing.overlays import (
    Instance,
    Pixels,
    class_colours,
    draw_instances,
    save_sheet,
)
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.atomic import require_writable
from fiftyone_ntt.store.own_files import PICTURE

_SIDE = 144
_CAPTION = 16
_FONT_SIZE = 11
_MARK_LINES, _LETTERS_PER_LINE = 2, 24
_FRAME, _FRAME_COLOUR = 3, (213, 94, 0)


def save_reference_sheet(
    references: Mapping[str, Iterable[Reference]],
    path: str | Path,
    *,
    columns: int = 10,
    marks: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Draw every reference's window with the outline of its mask, or of its box, and its class.

    Args:
        references: by class; images are read one at a time.
        path: of the PNG, in a folder that is there. A picture drawn here is replaced, other files
            are not.
        columns: pictures per row; each class begins a new one.
        marks: by reference, what a review of the bank says to look at (`ReferenceReview.marks`):
            written below its class, and its picture framed. No line for it when None.

    Returns:
        The path.

    Raises:
        InputError: there are no references, or an image cannot be read.
        StoreError: another's file is there, or the file cannot be written.
    """
    require_writable(Path(path), PICTURE)
    colours = class_colours(tuple(references))
    rows = {
        name: [_picture(name, reference, colours, marks) for reference in group]
        for name, group in references.items()
    }
    if not any(rows.values()):
        raise InputError("there are no references to draw. Pass at least one.")
    columns = min(columns, max(map(len, rows.values())))
    blank = _blank(marks)
    pictures = [
        picture
        for group in rows.values()
        for picture in [*group, *[blank] * (-len(group) % columns)]
    ]
    return save_sheet(path, pictures, columns)


def _blank(marks: Mapping[str, Sequence[str]] | None) -> Pixels:
    height = _SIDE + _CAPTION * (1 if marks is None else 1 + _MARK_LINES)
    return np.full((height, _SIDE, 3), 255, dtype=np.uint8)


def _picture(
    label: str,
    reference: Reference,
    colours: dict[str, tuple[int, int, int]],
    marks: Mapping[str, Sequence[str]] | None,
) -> Pixels:
    left, top, right, bottom = reference_window(reference.box, reference.image.shape[:2])
    crop = reference.image[top:bottom, left:right]
    mask = _reference_mask(reference)[top:bottom, left:right].astype(np.uint8)
    scale = _SIDE / max(crop.shape[:2])
    size = tuple(max(round(side * scale), 1) for side in crop.shape[1::-1])
    shown = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST).astype(bool)
    enlarged = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA))
    drawn = draw_instances(enlarged, [Instance(shown, label, "")], colours)
    canvas = _blank(marks)
    canvas[: drawn.shape[0], : drawn.shape[1]] = drawn
    if marks is None:
        return _captioned(canvas, [label])
    found = marks.get(reference.id, ())
    if found:
        canvas[:_FRAME] = canvas[_SIDE - _FRAME : _SIDE] = _FRAME_COLOUR
        canvas[:_SIDE, :_FRAME] = canvas[:_SIDE, -_FRAME:] = _FRAME_COLOUR
    lines = textwrap.wrap(", ".join(found), _LETTERS_PER_LINE)
    return _captioned(canvas, [f"{label} {reference.id}", *lines[:_MARK_LINES]])


def _reference_mask(reference: Reference) -> Bool[np.ndarray, "H W"]:
    if reference.mask is not None:
        return reference.mask
    x, y, w, h = (round(value) for value in reference.box)
    inside = np.zeros(reference.image.shape[:2], dtype=bool)
    inside[max(y, 0) : y + h, max(x, 0) : x + w] = True
    return inside


def _captioned(canvas: Pixels, lines: Sequence[str]) -> Pixels:
    picture = Image.fromarray(canvas)
    font, drawing = ImageFont.load_default(_FONT_SIZE), ImageDraw.Draw(picture)
    for number, text in enumerate(lines):
        drawing.text((2, _SIDE + 1 + number * _CAPTION), text, fill=(0, 0, 0), font=font)
    return np.asarray(picture)
