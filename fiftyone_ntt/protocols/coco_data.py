"""COCO 2017 as published."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.coco.reading import CocoFile
from fiftyone_ntt.protocols.data import Source, read_in_folder

TRAIN, VAL = "train2017", "val2017"

COCO = Source(
    "COCO 2017",
    "Download annotations_trainval2017.zip, train2017.zip and val2017.zip from "
    "https://cocodataset.org/#download and unpack them.",
    (
        "annotations/instances_train2017.json",
        "annotations/instances_val2017.json",
        "train2017/000000000009.jpg ...",
        "val2017/000000000139.jpg ...",
    ),
)


def annotations_of(part: str) -> str:
    """Path of the annotations of `TRAIN` or `VAL`, relative to the data."""
    return f"annotations/instances_{part}.json"


def read_part(root: Path, part: str) -> CocoFile:
    """`TRAIN` or `VAL`, with the images' paths relative to `root`."""
    return read_in_folder(root / annotations_of(part), part)
