"""Labels as predictions of Label Studio's tasks, masks as its brushes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.formats.brush_runs import brush_runs
from fiftyone_ntt.prelabels.prelabel import (
    SCORE_DIGITS,
    File,
    Prelabel,
    PrelabelFormat,
    PrelabelledImage,
    Size,
    Writing,
)

_BRUSH, _BOX = ("brush", "brushlabels"), ("box", "rectanglelabels")
"""Names of the tags in the labelling set-up, and their types."""


def _write(images: Iterable[PrelabelledImage], writing: Writing) -> Iterator[File]:
    parts = []
    for image in images:
        address = writing.address + quote(image.name) if writing.address else image.name
        task = {"data": {"image": address}, "predictions": [_results(image)]}
        parts.append(json.dumps(task, ensure_ascii=False))
    listed = ",\n".join(parts)
    yield "tasks.json", f"[{listed}]\n".encode()
    yield "labeling_setup.xml", _setup(writing.classes).encode()


def _results(image: PrelabelledImage) -> dict[str, Any]:
    found: dict[str, Any] = {
        "model_version": "fiftyone-ntt",
        "result": [_result(item, image.size) for item in image.labels],
    }
    scores = [item.score for item in image.labels if item.score is not None]
    if scores:
        found["score"] = round(min(scores), SCORE_DIGITS)
    return found


def _result(item: Prelabel, size: Size) -> dict[str, Any]:
    height, width = size
    tag, kind = _BOX if item.rle is None else _BRUSH
    value: dict[str, Any] = {kind: [item.label]}
    if item.rle is None:
        x, y, w, h = item.box
        sides = {"x": x / width, "y": y / height, "width": w / width, "height": h / height}
        value |= {name: 100 * share for name, share in sides.items()} | {"rotation": 0}
    else:
        value |= {"format": "rle", "rle": brush_runs(decode_mask(item.rle))}
    row: dict[str, Any] = {
        "id": item.name,
        "type": kind,
        "from_name": tag,
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": value,
    }
    if item.score is not None:
        row["score"] = round(item.score, SCORE_DIGITS)
    return row


def _setup(classes: Iterable[str]) -> str:
    """The labelling set-up that the tasks need."""
    values = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in classes)
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="{_BRUSH[0]}" toName="image">\n{values}  </BrushLabels>\n'
        f'  <RectangleLabels name="{_BOX[0]}" toName="image">\n{values}  </RectangleLabels>\n'
        "</View>\n"
    )


LABEL_STUDIO_PRELABELS = PrelabelFormat(
    "label-studio",
    "Label Studio",
    _write,
    "ids are those of its regions, scores those of its predictions",
)
