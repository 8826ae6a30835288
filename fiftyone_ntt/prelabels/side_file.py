"""The file that lies beside labels that were written for a tool, and remembers what they were.

A line of JSON for the whole, then one for each image, so that it is read and written piece by
piece. Its name ends so that no reader of a tool's files takes it for one of those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.core.foreign_masks import UnreadableMask, checked_rle
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.prelabels.prelabel import Prelabel, PrelabelledImage

SIDE_FILE = "prelabels.jsonl"
_VERSION = 1
_MARK = "fiftyone_ntt_prelabels"
_MOST_BYTES = 2**32


@dataclass(frozen=True)
class SideFile:
    """What was written for a tool.

    Attributes:
        to: name of the format.
        field: that the labels are of.
        dataset: its name then.
        images: with their labels as the tool's files show them, by id of the sample.
    """

    to: str
    field: str
    dataset: str
    images: Mapping[str, PrelabelledImage]


def head_line(to: str, field: str, dataset: str) -> str:
    """The first line."""
    return _line({_MARK: _VERSION, "to": to, "field": field, "dataset": dataset})


def image_line(image: PrelabelledImage) -> str:
    """The line of an image; its labels as the tool's files show them."""
    labels = [_label_record(item) for item in image.labels]
    told = {"image": image.name, "sample": image.sample, "size": list(image.size)}
    return _line({**told, "labels": labels})


def _line(content: Record) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"


def _label_record(item: Prelabel) -> Record:
    row: Record = {"id": item.id, "label": item.label, "box": list(item.box)}
    if item.rle is not None:
        row["mask"] = item.rle["counts"].decode("ascii")
    told = {"score": item.score, "proposal": item.proposal}
    return {**row, **{key: value for key, value in told.items() if value is not None}}


def read_side_file(place: Path) -> SideFile:
    """Read what was written for a tool.

    Args:
        place: the file, or the folder that it lies in.

    Raises:
        StoreError: there is none, or somebody changed it.
    """
    path = place / SIDE_FILE if place.is_dir() else place
    try:
        require_regular_file(path, _MOST_BYTES)
        with path.open(encoding="utf-8") as file:
            head, *lines = map(json.loads, file)
        if head[_MARK] != _VERSION:
            raise StoreError(
                f"{path} is of another version of fiftyone-ntt ({head[_MARK]!r}). Export the "
                "labels again."
            )
        images = [_image(line) for line in lines]
        told = {key: f"{head[key]}" for key in ("to", "field", "dataset")}
    except FileNotFoundError as error:
        raise StoreError(
            f"{path}: no such file. Pass the folder that `export_prelabels` wrote as exported=: it "
            "knows which object is which label."
        ) from error
    except StoreError:
        raise
    except (OSError, ValueError, KeyError, TypeError, UnreadableMask) as error:
        raise StoreError(
            f"{path} is not as `export_prelabels` wrote it: {error!r}. Restore it, or import the "
            "labels as such with `import_labels`."
        ) from error
    return SideFile(**told, images={image.sample: image for image in images})


def _image(line: Record) -> PrelabelledImage:
    height, width = line["size"]
    labels = [_label(row, (height, width)) for row in line["labels"]]
    return PrelabelledImage(line["image"], "", (height, width), labels, line["sample"])


def _label(row: Record, size: tuple[int, int]) -> Prelabel:
    packed: Any = row.get("mask")
    rle = None if packed is None else checked_rle({"size": list(size), "counts": packed})
    x, y, width, height = map(float, row["box"])
    return Prelabel(
        row["id"], row["label"], rle, (x, y, width, height), row.get("score"), row.get("proposal")
    )
