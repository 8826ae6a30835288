"""A COCO annotation file: read once, checked, and turned into references."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.bit_depth import survey_bit_depth
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.rle import (
    RLE,
    UnreadableMask,
    checked_rle,
    decode_mask,
    encode_masks,
    polygons_rle,
)
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.errors import InputError

Record = dict[str, Any]
"""An entry of a COCO file, or the whole."""
ImageId = int | str
RecordKind = Literal[
    "malformed entry",
    "duplicate id",
    "duplicate file",
    "missing image",
    "image size",
    "unknown image",
    "unknown category",
    "unreadable segmentation",
    "empty segmentation",
    "mask size",
    "box outside the image",
]
"""What can be wrong with an entry."""


class RecordError(InputError):
    """One image, category or annotation of a COCO file that cannot be used.

    Attributes:
        kind: what is wrong with it.
    """

    def __init__(self, kind: RecordKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


OnBadRecord = Callable[[RecordError], None]
"""What to do about a record that cannot be used: raise the error, or keep it and go on without
the record."""


def refuse(error: RecordError) -> None:
    """Raise the error of a bad record: the strict `OnBadRecord`."""
    raise error


@dataclass(frozen=True)
class CocoFile:
    """A COCO annotation file.

    Attributes:
        path: where it was read from.
        images: by image id, in file order.
        categories: name by category id, in the order of the ids.
        annotations: in file order; none in a file that only lists images.
        category_records: the categories as the file has them, in file order.
    """

    path: Path
    images: dict[ImageId, Record]
    categories: dict[int, str]
    annotations: list[Record]
    category_records: list[Record]


def read_coco(path: str | Path, on_bad_record: OnBadRecord = refuse) -> CocoFile:
    """Read a COCO annotation file.

    Args:
        path: of the JSON file.
        on_bad_record: called for each record that cannot be used, which is then left out.

    Raises:
        InputError: no such file, not JSON, no images or categories, several categories of one
            name.
        RecordError: an `InputError` too, unless `on_bad_record` does otherwise: duplicate ids, an
            entry without its fields, an annotation of an unknown image or category.
    """
    path = Path(path)
    return coco_file(path, read_json(path), on_bad_record)


def coco_file(path: Path, content: Record, on_bad_record: OnBadRecord = refuse) -> CocoFile:
    """The content of a COCO annotation file, checked as `read_coco` does.

    Args:
        path: where it is from, for messages.
        content: of the JSON file.
        on_bad_record: see `read_coco`.
    """
    images = _by_id(path, content, "images", "file_name", (int, str), on_bad_record)
    categories = _by_id(path, content, "categories", "name", (int,), on_bad_record)
    names = {key: categories[key]["name"] for key in sorted(categories)}
    doubled = {name for name, count in Counter(names.values()).items() if count > 1}
    if doubled:
        raise InputError(
            f"{path}: several categories are named {sorted(doubled)}. Give each its own name."
        )
    annotations = content.get("annotations") or []
    if not isinstance(annotations, list):
        raise InputError(f"{path}: 'annotations' is no list. Pass a COCO annotation file.")
    usable = []
    for annotation in annotations:
        try:
            _check_annotation(path, annotation, images, names)
            usable.append(annotation)
        except RecordError as error:
            on_bad_record(error)
    return CocoFile(path, images, names, usable, list(categories.values()))


def read_json(path: Path) -> Record:
    """The JSON object in a file.

    Raises:
        InputError: no such file, not JSON, or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))  # some tools write a mark
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file. Check the path.") from error
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path} is not a JSON file: {error}. Pass a COCO annotation file."
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a JSON {type(content).__name__}, not an object with 'images' and "
            "'categories'. Pass a COCO annotation file."
        )
    return content


def _by_id(
    path: Path,
    content: Record,
    section: str,
    required: str,
    id_types: tuple[type, ...],
    on_bad_record: OnBadRecord,
) -> dict[Any, Record]:
    records = content.get(section)
    if not isinstance(records, list) or not records:
        raise InputError(f"{path} lists no {section}. Pass a COCO annotation file that does.")
    table: dict[Any, Record] = {}
    for record in records:
        if not (
            isinstance(record, dict)
            and isinstance(record.get("id"), id_types)
            and isinstance(record.get(required), str)
        ):
            problem = RecordError(
                "malformed entry",
                f"{path}: an entry of {section!r} lacks an 'id' or {required!r} of the right type: "
                f"{record}. Complete the entry.",
            )
            on_bad_record(problem)
        elif record["id"] in table:
            problem = RecordError(
                "duplicate id",
                f"{path}: id {record['id']} occurs twice in {section!r}. Ids must be unique.",
            )
            on_bad_record(problem)
        else:
            table[record["id"]] = record
    return table


def _check_annotation(
    path: Path, annotation: Any, images: dict[ImageId, Record], categories: dict[int, str]
) -> None:
    if not isinstance(annotation, dict):
        raise RecordError(
            "malformed entry", f"{path}: an annotation is no object: {annotation}. Remove it."
        )
    name = f"{path}: annotation {annotation.get('id')}"
    image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
    if not isinstance(image_id, (int, str)) or image_id not in images:
        raise RecordError(
            "unknown image",
            f"{name} is of image {image_id!r}, which the file does not list. Add the image or "
            "remove the annotation.",
        )
    if not isinstance(category_id, int) or category_id not in categories:
        raise RecordError(
            "unknown category",
            f"{name} is of category {category_id!r}, which the file does not list. Add the "
            "category or remove the annotation.",
        )
    box = annotation.get("bbox")
    if box and not _is_box(box):
        raise RecordError(
            "malformed entry",
            f"{name} has the bbox {box}, which is not [x, y, width, height] in numbers. Correct or "
            "remove it.",
        )
    if not box and not annotation.get("segmentation"):
        raise RecordError(
            "malformed entry",
            f"{name} has neither a segmentation nor a bbox [x, y, width, height]. Add one of them.",
        )


def _is_box(box: Any) -> bool:
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(value, (int, float)) and math.isfinite(value) for value in box)
    )


def references_by_class(file: CocoFile, folder: str | Path) -> dict[str, Iterator[Reference]]:
    """The file's annotations as references, by category name, in the order of category ids.

    Images are read as the references are asked for. Categories without annotations are left out.

    Args:
        file: its annotations are the references.
        folder: where the images are.

    Raises:
        InputError: no annotation at all; while iterating, an unreadable image or segmentation.
    """
    if not file.annotations:
        raise InputError(
            f"{file.path} has no annotations, so there are no references. Pass a file whose "
            "annotations are the reference instances."
        )
    groups: dict[int, list[Record]] = {key: [] for key in file.categories}
    for annotation in file.annotations:
        groups[annotation["category_id"]].append(annotation)
    return {
        file.categories[key]: _references(file, Path(folder), group)
        for key, group in groups.items()
        if group
    }


def file_reading(file: CocoFile, folder: Path) -> ImageReading:
    """How the images that a file lists are read: as stored, and all of one bit depth."""
    paths = [folder / record["file_name"] for record in file.images.values()]
    return ImageReading(oriented=False, bit_depth=survey_bit_depth(paths))


def _references(file: CocoFile, folder: Path, group: list[Record]) -> Iterator[Reference]:
    reading = file_reading(file, folder)
    for annotation in group:
        path = folder / file.images[annotation["image_id"]]["file_name"]
        image = reading.read(path)
        name = str(annotation.get("id"))
        mask = _mask(name, annotation.get("segmentation"), (image.shape[0], image.shape[1]))
        yield Reference(name, image, _box(annotation, mask), mask, path.name)


def _box(
    annotation: Record, mask: Bool[np.ndarray, "H W"] | None
) -> tuple[float, float, float, float]:
    box: Any = annotation.get("bbox")
    if mask is not None and not (box and box[2] > 0 and box[3] > 0):
        [box] = coco_mask.toBbox(encode_masks(mask[None]))
    x, y, width, height = (float(value) for value in box)
    return x, y, width, height


def _mask(
    name: str, segmentation: Any, size: tuple[int, int]
) -> Bool[np.ndarray, "{size[0]} {size[1]}"] | None:
    return decode_mask(image_rle(name, segmentation, size)) if segmentation else None


def image_rle(name: str, segmentation: Any, size: tuple[int, int]) -> RLE:
    """`segmentation_rle` of an annotation whose image is known to be of `size`.

    Raises:
        RecordError: it cannot be read, or is drawn at another size.
    """
    rle = segmentation_rle(name, segmentation, size)
    height, width = rle["size"]
    if (height, width) != size:
        raise RecordError(
            "mask size",
            f"annotation {name}: its segmentation is {width} x {height} px but its image is "
            f"{size[1]} x {size[0]} px. Re-export it at the image's size.",
        )
    return rle


def segmentation_rle(name: str, segmentation: Any, size: tuple[int, int]) -> RLE:
    """Compressed run lengths of polygons, or of uncompressed or compressed run lengths.

    Args:
        name: of the annotation, for messages.
        segmentation: as in a COCO file, not empty.
        size: height and width that polygons are drawn on, as pycocotools does.

    Raises:
        RecordError: it cannot be read.
    """
    try:
        if isinstance(segmentation, list):
            return polygons_rle(segmentation, size)
        return checked_rle(segmentation)
    except UnreadableMask as error:
        raise RecordError(
            "unreadable segmentation",
            f"annotation {name}: its segmentation cannot be read: {error}. Use polygons of at "
            "least three points or COCO run-length encoding.",
        ) from error
