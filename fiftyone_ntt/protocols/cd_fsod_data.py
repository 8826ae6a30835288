"""The six sets of CD-FSOD as published: a folder each, with COCO files of boxes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.reading import CocoFile, read_coco
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.protocols.data import Source, without_segmentations
from fiftyone_ntt.protocols.published import CD_FSOD

TRAIN, TEST = "train", "test"

SETS = Source(
    "CD-FSOD",
    "Download the datasets of the CD-FSOD benchmark (Fu et al., ECCV 2024) from the links in "
    "https://github.com/lovelyqian/CDFSOD-benchmark and unpack them.",
    (
        "ArTaxOr/annotations/train.json, test.json, 1_shot.json, 5_shot.json, 10_shot.json",
        "ArTaxOr/train/*.jpg",
        "ArTaxOr/test/*.jpg",
        "clipart1k/, DIOR/, FISH/, NEU-DET/, UODD/ likewise",
    ),
)


def folder_of(root: Path, name: str) -> str:
    """The set's folder in `root`: the first of its names that is there."""
    return next((n for n in CD_FSOD[name] if (root / n).is_dir()), CD_FSOD[name][0])


def shots_file(folder: str, shots: int) -> str:
    """Path of a set's published references, relative to the data; not there for all shots."""
    return f"{folder}/annotations/{shots}_shot.json"


def annotations_of(folder: str, part: str) -> str:
    """Path of the annotations of `TRAIN` or `TEST`, relative to the data."""
    return f"{folder}/annotations/{part}.json"


def read_part(root: Path, folder: str, part: str, annotations: str) -> CocoFile:
    """A set's annotations, boxes alone, with the images' paths relative to `root`.

    Args:
        root: folder of all sets.
        folder: of the set.
        part: `TRAIN` or `TEST`: where the images are, possibly in folders below.
        annotations: path of the COCO file, relative to `root`.

    Raises:
        InputError: the file cannot be read, or lists an image that is nowhere.
    """
    file = without_segmentations(read_coco(root / annotations))
    found = {
        name: os.path.relpath(os.path.join(parent, name), root)
        for parent, _, names in os.walk(root / folder / part)
        for name in names
    }
    return replace(
        file,
        images={
            key: {**record, "file_name": _image_path(record, found, file.path, f"{folder}/{part}")}
            for key, record in file.images.items()
        },
    )


def _image_path(record: Record, found: dict[str, str], path: Path, part: str) -> str:
    name = os.path.basename(record["file_name"])
    if name not in found:
        raise InputError(
            f"{path} lists the image {record['file_name']}, which is nowhere in {part}. Unpack the "
            "set again: a score without it could not be compared."
        )
    return found[name]
