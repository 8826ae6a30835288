"""LVIS v1 as published: COCO's images, its own annotations."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from fiftyone_ntt.coco.reading import CocoFile, read_coco
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
    """`TRAIN` or `VAL`, with the images' paths relative to `root`: LVIS gives them as addresses,
    whose ends `read_coco` takes."""
    return read_coco(root / name)
