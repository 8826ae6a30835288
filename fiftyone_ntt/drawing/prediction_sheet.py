"""One image with what was found on it, beside what is truly there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw, ImageFont

from fiftyone_ntt.core.rle import RLE, decode_mask
from fiftyone_ntt.drawing.overlays import Instance, Pixels, draw_instances

Colours = dict[str, tuple[int, int, int]]
Box = tuple[float, float, float, float]
"""x, y, width, height in pixels."""

_VERSION = 1
"""Raised when anything here draws otherwise, so that pictures are drawn anew."""
_LEAST_SIDE, _MOST_SIDE = 480, 960
"""Of a part's longer side, in pixels: captions have to be legible on small images."""
_LETTERS, _LINE = 0.42, 2
_GAP = 8
_TITLE, _FONT_SIZE = 42, 14
_WHITE = 255
_THUMBNAIL = (360, 240)
"""Most width and height."""


@dataclass(frozen=True, eq=False)
class ShownInstance:
    """An annotation or a prediction to draw.

    Attributes:
        label: its class.
        box: around it.
        rle: its mask at image size; None for a box alone.
        score: of a prediction, 0 to 1; None of an annotation.
        crowd: whether it stands for a group.
    """

    label: str
    box: Box
    rle: RLE | None
    score: float | None = None
    crowd: bool = False

    @property
    def caption(self) -> str:
        """Class, and score or that it is a crowd."""
        if self.score is not None:
            return f"{self.label} {self.score:.2f}"
        return f"{self.label} (crowd)" if self.crowd else self.label

    def values(self) -> list[object]:
        """All of it as JSON values."""
        mask = None if self.rle is None else self.rle["counts"].decode()
        return [self.caption, self.label, list(self.box), self.score, mask]


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """An image and what to draw on it.

    Attributes:
        title: what it is called; tells it from the others of its folder.
        size: height and width in pixels.
        file_bytes: of its file; another file is another picture.
        truth: annotations; None where there are none to compare with.
        predictions: best score first.
    """

    title: str
    size: tuple[int, int]
    file_bytes: int
    truth: Sequence[ShownInstance] | None
    predictions: Sequence[ShownInstance] = field(default=())

    def at_least(self, threshold: float) -> DrawnImage:
        """The same with predictions of at least that score alone."""
        kept = [row for row in self.predictions if row.score is None or row.score >= threshold]
        return DrawnImage(self.title, self.size, self.file_bytes, self.truth, kept)

    def digest(self, colours: Colours) -> str:
        """Of all that decides its picture, but for the pixels of a file that was edited to the very
        same number of bytes."""
        rows = [
            None if part is None else [row.values() for row in part]
            for part in (self.truth, self.predictions)
        ]
        known = [_VERSION, self.title, self.size, self.file_bytes, rows, sorted(colours.items())]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]


def draw_sheet(
    drawn: DrawnImage, image: Pixels, colours: Colours
) -> tuple[UInt8[np.ndarray, "sheet_h sheet_w 3"], UInt8[np.ndarray, "small_h small_w 3"]]:
    """The picture of an image, truth on the left and predictions on the right, and a thumbnail.

    Args:
        drawn: what to draw.
        image: its pixels, at the size that it says.
        colours: by class.
    """
    parts = [] if drawn.truth is None else [("ground truth", drawn.truth)]
    parts.append(("predictions", drawn.predictions))
    pictures = [_part(image, rows, colours) for _, rows in parts]
    gap = np.full((pictures[0].shape[0], _GAP, 3), _WHITE, np.uint8)
    body = np.concatenate([p for picture in pictures for p in (picture, gap)][:-1], axis=1)
    captions = [f"{name}: {_counted(rows)}" for name, rows in parts]
    lefts = [index * (pictures[0].shape[1] + _GAP) for index in range(len(parts))]
    return _titled(body, drawn.title, zip(lefts, captions, strict=True)), _thumbnail(body)


def _part(
    image: Pixels, rows: Sequence[ShownInstance], colours: Colours
) -> UInt8[np.ndarray, "h w 3"]:
    longest = max(image.shape[:2])
    scale = min(max(longest, _LEAST_SIDE), _MOST_SIDE) / longest
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = np.asarray(cv2.resize(image, size, interpolation=how))
    # The best lie on top.
    return draw_instances(
        shown, list(_instances(reversed(rows), size, scale)), colours, letters=_LETTERS, line=_LINE
    )


def _instances(
    rows: Iterable[ShownInstance], size: tuple[int, int], scale: float
) -> Iterator[Instance]:
    for row in rows:
        x, y, width, height = (value * scale for value in row.box)
        mask = None if row.rle is None else _scaled(decode_mask(row.rle), size)
        yield Instance(mask, row.label, row.caption, (x, y, width, height))


def _scaled(mask: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    pixels = mask.astype(np.uint8)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)


def _counted(rows: Sequence[ShownInstance]) -> str:
    if not rows:
        return "none"
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.label] = counts.get(row.label, 0) + 1
    return ", ".join(f"{name} x {count}" for name, count in counts.items())


def _titled(
    body: Pixels, title: str, captions: Iterable[tuple[int, str]]
) -> UInt8[np.ndarray, "sheet_h W 3"]:
    head = Image.new("RGB", (body.shape[1], _TITLE), (_WHITE, _WHITE, _WHITE))
    font = ImageFont.load_default(_FONT_SIZE)
    drawing = ImageDraw.Draw(head)
    plain = title.encode(errors="replace").decode()  # names of files may be no text
    drawing.text((4, 3), plain, fill=(0, 0, 0), font=font)
    for left, caption in captions:
        drawing.text((left + 4, 22), caption, fill=(90, 90, 90), font=font)
    return np.concatenate([np.asarray(head), body])


def _thumbnail(body: Pixels) -> UInt8[np.ndarray, "small_h small_w 3"]:
    scale = min(_THUMBNAIL[0] / body.shape[1], _THUMBNAIL[1] / body.shape[0], 1)
    size = (max(round(body.shape[1] * scale), 1), max(round(body.shape[0] * scale), 1))
    return np.asarray(cv2.resize(body, size, interpolation=cv2.INTER_AREA))
