"""Labels as PASCAL VOC's folders: boxes in XML, pixels in label images, which cannot overlap."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from fiftyone_ntt.core.rle import encode_crop, rle_boxes
from fiftyone_ntt.formats.voc_palette import VOID, palette_colours
from fiftyone_ntt.prelabels.prelabel import (
    ID_NAME,
    SCORE_DIGITS,
    SCORE_NAME,
    File,
    Prelabel,
    PrelabelFormat,
    PrelabelledImage,
    Stems,
    Writing,
    window_of,
)

_MOST = VOID - 1
"""Objects of an image, and classes, that label images can number."""


def _write(images: Iterable[PrelabelledImage], writing: Writing) -> Iterator[File]:
    numbers = {name: number for number, name in enumerate(writing.classes, 1)}
    stems = Stems("PASCAL VOC", with_folders=False)
    for image in images:
        stem = stems.take(image.name).name
        drawn = _drawn(image, numbers, writing)
        yield f"Annotations/{stem}.xml", _xml(image, drawn.labels).encode()
        if any(item.rle is not None for item in image.labels):
            yield f"SegmentationObject/{stem}.png", _png(drawn.objects)
            yield f"SegmentationClass/{stem}.png", _png(drawn.classes)
    if any(":" in name for name in writing.classes):
        return
    # As CVAT and datumaro read it; without colours, classes have those of VOC's palette.
    lines = ["# label:color_rgb:parts:actions", "background:::"]
    lines += [f"{name}:::" for name in writing.classes]
    yield "labelmap.txt", "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The label images of an image, and its labels as those show them."""

    objects: UInt8[np.ndarray, "H W"]
    classes: UInt8[np.ndarray, "H W"]
    labels: list[Prelabel]


def _drawn(image: PrelabelledImage, numbers: dict[str, int], writing: Writing) -> _Drawn:
    objects, classes = np.zeros(image.size, np.uint8), np.zeros(image.size, np.uint8)
    kept = list(image.labels[:_MOST])
    for item in image.labels[_MOST:]:
        writing.lost[f"labels beyond the {_MOST} that an image can number, left out"] += 1
        writing.left.add(item.id)
    # The best last, so that it covers the others.
    for number, item in reversed(list(enumerate(kept, 1))):
        if item.rle is not None:
            crop, _, _ = window_of(item.rle)
            window = _window(item)
            objects[window][crop] = number
            value = numbers[item.label]
            classes[window][crop] = value if value <= _MOST else VOID
    shown = [_shown(item, number, objects, writing) for number, item in enumerate(kept, 1)]
    return _Drawn(objects, classes, shown)


def _window(item: Prelabel) -> tuple[slice, slice]:
    left, top, width, height = map(int, item.box)
    return slice(top, top + height), slice(left, left + width)


def _shown(
    item: Prelabel, number: int, objects: UInt8[np.ndarray, "H W"], writing: Writing
) -> Prelabel:
    """A label as the label images show it: what others cover is gone."""
    if item.rle is None:
        return item
    pixels, x, y = objects[_window(item)] == number, *map(int, item.box[:2])
    height, width = objects.shape
    seen = encode_crop(pixels, (y, x), (height, width))
    if seen["counts"] == item.rle["counts"]:
        return item
    left, top, right, bottom = rle_boxes([seen])[0].tolist()
    if not pixels.any():
        writing.lost["masks that others cover whole, written as boxes alone"] += 1
        found = replace(item, rle=None)
    else:
        writing.lost["masks of which others cover a part"] += 1
        found = replace(item, rle=seen, box=(left, top, right - left + 1, bottom - top + 1))
    writing.shown[item.id] = found
    return found


def _png(values: UInt8[np.ndarray, "H W"]) -> bytes:
    picture = Image.fromarray(values, mode="P")
    picture.putpalette(palette_colours().ravel().tolist())
    packed = io.BytesIO()
    picture.save(packed, format="PNG")
    return packed.getvalue()


def _xml(image: PrelabelledImage, labels: Iterable[Prelabel]) -> str:
    height, width = image.size
    segmented = int(any(item.rle is not None for item in labels))
    name = escape(PurePosixPath(image.name).name)
    objects = "".join(map(_object, labels))
    return (
        f"<annotation>\n<folder>JPEGImages</folder>\n<filename>{name}</filename>\n"
        "<source><database>fiftyone-ntt</database></source>\n"
        f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        f"<segmented>{segmented}</segmented>\n{objects}</annotation>\n"
    )


def _object(item: Prelabel) -> str:
    x, y, width, height = item.box
    # Of the first and the last pixel, counted from 1.
    corners = {"xmin": x + 1, "ymin": y + 1, "xmax": x + width, "ymax": y + height}
    box = "".join(f"<{side}>{value:g}</{side}>" for side, value in corners.items())
    told = [(ID_NAME, item.name)]
    if item.score is not None:
        told.append((SCORE_NAME, f"{item.score:.{SCORE_DIGITS}f}"))
    inside = "".join(
        f"<attribute><name>{name}</name><value>{text}</value></attribute>" for name, text in told
    )
    return (
        f"<object><name>{escape(item.label)}</name><pose>Unspecified</pose>"
        "<truncated>0</truncated><difficult>0</difficult>"
        f"<bndbox>{box}</bndbox><attributes>{inside}</attributes></object>\n"
    )


VOC_PRELABELS = PrelabelFormat(
    "voc",
    "LabelImg, CVAT, datumaro",
    _write,
    "ids and scores are attributes in the XML",
)
