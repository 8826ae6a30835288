"""Labels as CVAT's XML for images, masks as its run lengths."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.prelabels.prelabel import (
    ID_NAME,
    SCORE_DIGITS,
    SCORE_NAME,
    File,
    Prelabel,
    PrelabelFormat,
    PrelabelledImage,
    Writing,
    window_of,
)

_KINDS = {ID_NAME: "text", SCORE_NAME: "number"}
"""CVAT's types of the attributes; what a label does not declare, it drops when it imports."""


def _write(images: Iterable[PrelabelledImage], writing: Writing) -> Iterator[File]:
    parts = ['<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n']
    parts.append(_meta(writing.classes))
    parts += [_image(number, image) for number, image in enumerate(images)]
    parts.append("</annotations>\n")
    yield "annotations.xml", "".join(parts).encode()
    labels = [{"name": name, "attributes": _attribute_specs()} for name in writing.classes]
    yield "labels.json", json.dumps(labels, indent=1, ensure_ascii=False).encode()


def _attribute_specs() -> list[dict[str, Any]]:
    """As the raw view of CVAT's form for labels takes them."""
    values = {"number": ["0", "1", "0.0001"], "text": [""]}
    return [
        {"name": name, "input_type": kind, "mutable": False, "values": values[kind]}
        for name, kind in _KINDS.items()
    ]


def _meta(classes: Iterable[str]) -> str:
    specs = "".join(
        f"<attribute><name>{name}</name><mutable>False</mutable><input_type>{kind}</input_type>"
        "<default_value></default_value><values></values></attribute>"
        for name, kind in _KINDS.items()
    )
    labels = "\n".join(
        f"<label><name>{escape(name)}</name><attributes>{specs}</attributes></label>"
        for name in classes
    )
    return f"<meta><task><labels>\n{labels}\n</labels></task></meta>\n"


def _image(number: int, image: PrelabelledImage) -> str:
    height, width = image.size
    # CVAT draws what comes later over the others.
    shapes = "".join(map(_shape, reversed(image.labels)))
    return (
        f'<image id="{number}" name={quoteattr(image.name)} width="{width}" height="{height}">\n'
        f"{shapes}</image>\n"
    )


def _shape(item: Prelabel) -> str:
    told = [(ID_NAME, item.name)]
    if item.score is not None:
        told.append((SCORE_NAME, f"{item.score:.{SCORE_DIGITS}f}"))
    inside = "".join(f'<attribute name="{name}">{text}</attribute>' for name, text in told)
    head = f'label={quoteattr(item.label)} source="auto" occluded="0" z_order="0"'
    if item.rle is not None:
        return f"<mask {head} {_mask(item.rle)}>{inside}</mask>\n"
    x, y, width, height = item.box
    corners = {"xtl": x, "ytl": y, "xbr": x + width, "ybr": y + height}
    place = " ".join(f'{side}="{value:.2f}"' for side, value in corners.items())
    return f"<box {head} {place}>{inside}</box>\n"


def _mask(rle: RLE) -> str:
    """Runs of off and on in turn, row by row, in the mask's box."""
    crop, left, top = window_of(rle)
    flat = crop.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(edges, prepend=0, append=len(flat)).tolist()
    if flat[0]:
        runs.insert(0, 0)
    height, width = crop.shape
    text = ", ".join(map(str, runs))
    return f'rle="{text}" left="{left}" top="{top}" width="{width}" height="{height}"'


CVAT_PRELABELS = PrelabelFormat(
    "cvat",
    "CVAT",
    _write,
    "ids and scores are attributes, kept by tasks whose labels are those of labels.json",
)
