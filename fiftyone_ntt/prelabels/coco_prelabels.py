"""Labels as a COCO file with run lengths."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count

from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.prelabels.prelabel import (
    ID_NAME,
    SCORE_DIGITS,
    File,
    Prelabel,
    PrelabelFormat,
    PrelabelledImage,
    Writing,
)


def _write(images: Iterable[PrelabelledImage], writing: Writing) -> Iterator[File]:
    numbers = {name: number for number, name in enumerate(writing.classes, 1)}
    keys = count(1)
    listed: list[Record] = []
    annotations: list[Record] = []
    for key, image in enumerate(images, 1):
        height, width = image.size
        listed.append({"id": key, "file_name": image.name, "height": height, "width": width})
        annotations += [
            {"id": next(keys), "image_id": key, **_annotation(item, numbers[item.label])}
            for item in image.labels
        ]
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    content = {"images": listed, "categories": categories, "annotations": annotations}
    yield "instances.json", json.dumps(content).encode()


def _annotation(item: Prelabel, category: int) -> Record:
    x, y, width, height = item.box
    row: Record = {
        "category_id": category,
        "bbox": [x, y, width, height],
        "area": width * height,
        "iscrowd": 0,
        "segmentation": [],
        "attributes": {ID_NAME: item.name},
    }
    if item.rle is not None:
        counts = item.rle["counts"].decode("ascii")
        row["segmentation"] = {"size": list(item.rle["size"]), "counts": counts}
        row["area"] = float(coco_mask.area(item.rle))
    if item.score is not None:
        row["score"] = round(item.score, SCORE_DIGITS)
    return row


COCO_PRELABELS = PrelabelFormat(
    "coco", "CVAT, Roboflow, datumaro", _write, "ids are in `attributes`, scores in `score`"
)
