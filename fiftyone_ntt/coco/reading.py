"""A COCO annotation file: read once, checked, and turned into references."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.geometry import RLE, decode_mask
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.errors import InputError

Record = dict[str, Any]


@dataclass(frozen=True)
class CocoFile:
    """A COCO annotation file.

    Attributes:
        path: where it was read from.
        images: by image id, in file order.
        categories: name by category id, in the order of the ids.
        annotations: in file order; none in a file that only lists images.
    """

    path: Path
    images: dict[int, Record]
    categories: dict[int, str]
    annotations: list[Record]


def read_coco(path: str | Path) -> CocoFile:
    """Read a COCO annotation file.

    Raises:
        InputError: no such file, not JSON, no images or categories, duplicate ids or names, an
            annotation of an unknown image or category.
    """
    path = Path(path)
    content = _read_json(path)
    images = _by_id(path, content, "images", "file_name", (int, str))
    categories = _by_id(path, content, "categories", "name", (int,))
    names = {key: categories[key]["name"] for key in sorted(categories)}
    doubled = {name for name, count in Counter(names.values()).items() if count > 1}
    if doubled:
        raise InputError(
            f"{path}: several categories are named {sorted(doubled)}. Give each its own name."
        )
    annotations = content.get("annotations") or []
    if not isinstance(annotations, list):
        raise InputError(f"{path}: 'annotations' is no list. Pass a COCO annotation file.")
    for annotation in annotations:
        _check_annotation(path, annotation, images, names)
    return CocoFile(path, images, names, annotations)


def _read_json(path: Path) -> Record:
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
    path: Path, content: Record, section: str, required: str, id_types: tuple[type, ...]
) -> dict[int, Record]:
    records = content.get(section)
    if not isinstance(records, list) or not records:
        raise InputError(f"{path} lists no {section}. Pass a COCO annotation file that does.")
    table: dict[int, Record] = {}
    for record in records:
        if not (
            isinstance(record, dict)
            and isinstance(record.get("id"), id_types)
            and isinstance(record.get(required), str)
        ):
            raise InputError(
                f"{path}: an entry of {section!r} lacks an 'id' or {required!r} of the right type: "
                f"{record}. Complete the entry."
            )
        if record["id"] in table:
            raise InputError(
                f"{path}: id {record['id']} occurs twice in {section!r}. Ids must be unique."
            )
        table[record["id"]] = record
    return table


def _check_annotation(
    path: Path, annotation: Any, images: dict[int, Record], categories: dict[int, str]
) -> None:
    if not isinstance(annotation, dict):
        raise InputError(f"{path}: an annotation is no object: {annotation}. Remove it.")
    name = f"{path}: annotation {annotation.get('id')}"
    image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
    if not isinstance(image_id, (int, str)) or image_id not in images:
        raise InputError(
            f"{name} is of image {image_id!r}, which the file does not list. Add the image or "
            "remove the annotation."
        )
    if not isinstance(category_id, int) or category_id not in categories:
        raise InputError(
            f"{name} is of category {category_id!r}, which the file does not list. Add the "
            "category or remove the annotation."
        )
    box = annotation.get("bbox")
    if box and not _is_box(box):
        raise InputError(
            f"{name} has the bbox {box}, which is not [x, y, width, height] in numbers. Correct or "
            "remove it."
        )
    if not box and not annotation.get("segmentation"):
        raise InputError(
            f"{name} has neither a segmentation nor a bbox [x, y, width, height]. Add one of them."
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


def _references(file: CocoFile, folder: Path, group: list[Record]) -> Iterator[Reference]:
    for annotation in group:
        image = read_image(
            folder / file.images[annotation["image_id"]]["file_name"], oriented=False
        )
        name = str(annotation.get("id"))
        mask = _mask(name, annotation.get("segmentation"), (image.shape[0], image.shape[1]))
        yield Reference(name, image, _box(annotation, mask), mask)


def _box(annotation: Record, mask: NDArray[np.bool_] | None) -> tuple[float, float, float, float]:
    box: Any = annotation.get("bbox")
    if mask is not None and not (box and box[2] > 0 and box[3] > 0):
        box = coco_mask.toBbox(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))
    x, y, width, height = (float(value) for value in box)
    return x, y, width, height


def _mask(name: str, segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    if not segmentation:
        return None
    mask = decode_mask(segmentation_rle(name, segmentation, size))
    if mask.shape != size:
        raise InputError(
            f"annotation {name}: its segmentation is {mask.shape[1]} x {mask.shape[0]} px but its "
            f"image is {size[1]} x {size[0]} px. Re-export it at the image's size."
        )
    return mask


def segmentation_rle(name: str, segmentation: Any, size: tuple[int, int]) -> RLE:
    """Compressed run lengths of polygons, or of uncompressed or compressed run lengths.

    Args:
        name: of the annotation, for messages.
        segmentation: as in a COCO file, not empty.
        size: height and width that polygons are drawn on, as pycocotools does.

    Raises:
        InputError: it cannot be read.
    """
    try:
        rle: RLE = segmentation
        if isinstance(segmentation, list):
            rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
        elif isinstance(segmentation["counts"], list):
            rle = coco_mask.frPyObjects(segmentation, *segmentation["size"])
        _require_whole(rle)
    except Exception as error:  # pycocotools raises plain Exception for most malformed input
        raise InputError(
            f"annotation {name}: its segmentation cannot be read: {error}. Use polygons or COCO "
            "run-length encoding."
        ) from error
    return rle


def _require_whole(rle: RLE) -> None:
    """Check that the runs fill the mask; pycocotools leaves what they lack uninitialised."""
    height, width = rle["size"]
    counts = rle["counts"]
    total = sum(_run_lengths(counts.encode("ascii") if isinstance(counts, str) else counts))
    if total != height * width:
        raise ValueError(f"its runs cover {total} of {height} x {width} px")


def _run_lengths(counts: bytes) -> list[int]:
    """Lengths of the runs in COCO's compressed form: 5 bits a byte, differences from the third."""
    runs: list[int] = []
    value = shift = 0
    for byte in counts:
        bits = byte - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs
