"""Labels as labelme's JSON files, one for each image, masks as its mask shapes."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

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

_VERSION = "6.3.1"
"""Of the files; labelme warns of those that are not of its own."""


def _write(images: Iterable[PrelabelledImage], writing: Writing) -> Iterator[File]:
    stems = Stems("labelme", with_folders=True)
    for image in images:
        name = f"{stems.take(image.name)}.json"
        own = os.path.dirname(os.path.join(writing.folder, name))
        height, width = image.size
        content: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": [_shape(item) for item in image.labels],
            "imagePath": PurePosixPath(Path(os.path.relpath(image.path, own))).as_posix(),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        yield name, json.dumps(content, indent=1, ensure_ascii=False).encode()
    yield "labels.txt", "".join(f"{name}\n" for name in writing.classes).encode()


def _shape(item: Prelabel) -> dict[str, Any]:
    told: dict[str, Any] = {"label": item.label, "group_id": None, "description": "", "flags": {}}
    # labelme keeps keys that it does not know.
    told[ID_NAME] = item.name
    if item.score is not None:
        told[SCORE_NAME] = round(item.score, SCORE_DIGITS)
    if item.rle is None:
        x, y, width, height = item.box
        corners = [[x, y], [x + width, y + height]]
        return {**told, "shape_type": "rectangle", "points": corners, "mask": None}
    crop, left, top = window_of(item.rle)
    height, width = crop.shape
    points = [[left, top], [left + width - 1, top + height - 1]]
    packed = io.BytesIO()
    Image.fromarray(crop.astype(np.uint8)).save(packed, format="PNG")
    mask = base64.b64encode(packed.getvalue()).decode()
    return {**told, "shape_type": "mask", "points": points, "mask": mask}


LABELME_PRELABELS = PrelabelFormat(
    "labelme",
    "labelme",
    _write,
    "ids and scores are keys of the shapes, which labelme keeps and does not show",
)
