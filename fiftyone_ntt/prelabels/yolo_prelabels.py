"""Labels as YOLO's text files, masks as outlines along the edges of their pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import yaml

from fiftyone_ntt.core.foreign_masks import polygons_rle
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.prelabels.outline_tracing import joined, trace
from fiftyone_ntt.prelabels.prelabel import (
    File,
    Prelabel,
    PrelabelFormat,
    PrelabelledImage,
    Size,
    Stems,
    Writing,
    window_of,
)

_DIGITS = 8
"""Of a coordinate: a hundredth of a pixel of images of 100,000."""


def _write(images: Iterable[PrelabelledImage], writing: Writing) -> Iterator[File]:
    numbers = {name: number for number, name in enumerate(writing.classes)}
    stems = Stems("YOLO", with_folders=False)
    for image in images:
        name = stems.take(image.name)
        # Ultralytics drops all outlines of an image in which an object has only a box.
        outlined = any(item.rle is not None for item in image.labels)
        lines = [_line(item, numbers, image.size, writing, outlined) for item in image.labels]
        yield f"labels/{name}.txt", "".join(f"{line}\n" for line in lines).encode()
    names = dict(enumerate(writing.classes))
    setup = {"path": ".", "train": "images", "val": "images", "names": names}
    text = yaml.safe_dump(setup, allow_unicode=True, sort_keys=False)
    yield "data.yaml", text.encode()


def _line(
    item: Prelabel, numbers: dict[str, int], size: Size, writing: Writing, outlined: bool
) -> str:
    (height, width), (x, y, w, h) = size, item.box
    writing.lost["scores, for which lines have no place"] += item.score is not None
    if item.rle is not None:
        values = _outline(item.rle, size, writing)
    elif outlined:
        writing.lost["boxes among masks, written as outlines of four corners"] += 1
        values = _shares([x, y, x + w, y, x + w, y + h, x, y + h], size)
    else:
        values = [f"{v:.{_DIGITS}g}" for v in ((x + w / 2) / width, (y + h / 2) / height)]
        values += [f"{v:.{_DIGITS}g}" for v in (w / width, h / height)]
    if outlined:
        seen = _seen(values, size)
        if item.rle is None or seen["counts"] != item.rle["counts"]:
            writing.shown[item.id] = replace(item, rle=seen)
    return " ".join([str(numbers[item.label]), *values])


def _outline(rle: RLE, size: Size, writing: Writing) -> list[str]:
    crop, left, top = window_of(rle)
    found = trace(crop)
    seams = "one outline with seams, which some tools draw a pixel wide"
    writing.lost[f"masks of several parts, {seams}"] += len(found.outer) > 1
    writing.lost[f"masks with holes, {seams}"] += bool(found.holes)
    corners = joined(found) + np.array([left, top])
    return _shares(corners.ravel().tolist(), size)


def _shares(corners: Sequence[float], size: Size) -> list[str]:
    sides = size[::-1]
    return [f"{value / sides[place % 2]:.{_DIGITS}g}" for place, value in enumerate(corners)]


def _seen(values: Sequence[str], size: Size) -> RLE:
    """What a line shows to those who draw as pycocotools does."""
    sides = size[::-1]
    return polygons_rle([[float(v) * sides[n % 2] for n, v in enumerate(values)]], size)


YOLO_PRELABELS = PrelabelFormat(
    "yolo",
    "Ultralytics, Roboflow, CVAT",
    _write,
    "lines have no place for ids, which the side file has",
)
