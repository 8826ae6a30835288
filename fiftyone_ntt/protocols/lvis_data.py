"""LVIS v1 as published: COCO's images, its own annotations."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from fiftyone_ntt.coco.reading import CocoFile, Record, coco_file, read_json
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.protocols.data import Source

TRAIN, VAL = "lvis_v1_train.json", "lvis_v1_val.json"

LVIS = Source(
    "LVIS v1",
    "Download lvis_v1_train.json.zip and lvis_v1_val.json.zip from https://www.lvisdataset.org/, "
    "and COCO's train2017.zip and val2017.zip from https://cocodataset.org/#download, and unpack "
    "them.",
    (TRAIN, VAL, "train2017/000000000009.jpg ...", "val2017/000000000139.jpg ..."),
)


@lru_cache(maxsize=2)
def read_part(root: Path, name: str) -> CocoFile:
    """`TRAIN` or `VAL`, with the images' paths relative to `root`: LVIS gives them as addresses.

    Raises:
        InputError: no file of LVIS.
    """
    path = root / name
    content = read_json(path)
    try:
        content["images"] = [_with_file_name(record) for record in content["images"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no file of LVIS v1: an image has no 'coco_url'. Download it again."
        ) from error
    return coco_file(path, content)


def _with_file_name(record: Record) -> Record:
    """http://images.cocodataset.org/val2017/000000397133.jpg lies in val2017/."""
    folder, name = record["coco_url"].split("/")[-2:]
    return {**record, "file_name": f"{folder}/{name}"}
