"""Images and objects as tools describe them, as parts of COCO content with ids that count."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.instances import Size
from fiftyone_ntt.formats.image_labels import ImageLabels, category_records, packed_parts
from fiftyone_ntt.formats.label_files import UNREVIEWED, Content


@dataclass(frozen=True, eq=False)
class LabelledObject:
    """One object as a tool describes it.

    Attributes:
        label: its class.
        segmentation: polygons or run lengths, as in a COCO file; None for a box alone.
        box: x, y, width, height in pixels; None where the segmentation says where it lies.
        attributes: what else the tool kept of it.
        score: of a prediction, 0 to 1.
    """

    label: str
    segmentation: Any = None
    box: list[float] | None = None
    attributes: Record = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its objects.

    Attributes:
        name: of its file, absolute or relative to the folder of the images.
        size: height and width that the tool states; None where it states none.
        objects: in the tool's order.
        unreviewed: see `UNREVIEWED`.
    """

    name: str
    size: Size | None
    objects: Sequence[LabelledObject]
    unreviewed: bool = False


def numbered_parts(images: Iterable[LabelledImage], classes: Sequence[str]) -> Iterator[Content]:
    """Images as COCO content, in parts, with ids that count on over all of them.

    Args:
        images: read as the parts are asked for.
        classes: all that occur; category ids count them from 1.
    """
    return packed_parts(_numbered(images, classes), category_records(classes))


def _numbered(images: Iterable[LabelledImage], classes: Sequence[str]) -> Iterator[ImageLabels]:
    numbers = {name: number for number, name in enumerate(classes, 1)}
    annotation_ids = itertools.count(1)
    for key, image in enumerate(images, 1):
        rows = [
            _annotation(next(annotation_ids), key, numbers[item.label], item)
            for item in image.objects
        ]
        told = {UNREVIEWED: True} if image.unreviewed else {}
        yield {"id": key, "file_name": image.name, **_sides(image.size), **told}, rows


def _sides(size: Size | None) -> Record:
    return {} if size is None else {"height": size[0], "width": size[1]}


def _annotation(key: int, image_id: int, category_id: int, item: LabelledObject) -> Record:
    row: Record = {
        "id": key,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": item.segmentation or [],
        "iscrowd": 0,
        "attributes": item.attributes,
    }
    if item.box is not None:
        row["bbox"] = item.box
    if item.score is not None:
        row["score"] = item.score
    return row
