"""A FiftyOne label in COCO's terms: run lengths, box and area in pixels.

What a label remembers of the COCO file it came from (its attribute `coco_source`) counts only as
long as its mask and box are those of the import: an edited label is taken as it is drawn.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from bson import ObjectId

from fiftyone_ntt.core.rle import RLE, are_canonical, decode_crops, encode_crop, rle_boxes
from fiftyone_ntt.dataset.labels.digests import content_digest
from fiftyone_ntt.dataset.labels.mask_bytes import mask_bytes
from fiftyone_ntt.dataset.labels.masks import (
    AnyLabel,
    Crop,
    NamedLabel,
    Size,
    label_box,
    label_crop,
    pixel_box,
)

# Not needed to read labels, which other processes do without FiftyOne and torch.
if TYPE_CHECKING:
    import fiftyone as fo

    from fiftyone_ntt.coco.instances import Instance

ID = "coco_id"
"""Attribute (and sample field) of the id in the COCO file."""
CROWD = "iscrowd"
SOURCE = "coco_source"
INFO = "coco"
"""Key of `dataset.info`: per imported field its `categories` and the folder of its `images`."""


CLASS_LISTS = {
    "neg_category_ids": "absent_classes",
    "not_exhaustive_category_ids": "incomplete_classes",
}
"""What LVIS's files say of an image: the classes that it is known not to show, and those of which
not all objects are annotated."""


def class_list_fields(field: str) -> dict[str, str]:
    """Where samples keep those lists of an imported field, as names of classes, by the file's word.

    Example:
        >>> class_list_fields("ground_truth")["neg_category_ids"]
        'ground_truth_absent_classes'
    """
    return {key: f"{field}_{name}" for key, name in CLASS_LISTS.items()}


def described_import(dataset: fo.Dataset, field: str) -> dict[str, Any]:
    """What a dataset says of an imported field, for `restore_described`."""
    return {
        "info": dataset.info.get(INFO, {}).get(field),
        "classes": dataset.classes.get(field),
        "has_ids": dataset.get_field(ID) is not None,
    }


def other_imports(dataset: fo.Dataset, field: str) -> bool:
    """Whether labels of other fields were imported: samples have one `coco_id` for all of them."""
    return bool(set(dataset.info.get(INFO, {})) - {field})


def restore_described(dataset: fo.Dataset, field: str, described: Mapping[str, Any]) -> None:
    """Let a dataset say of a field what it said before an import."""
    imports = {name: told for name, told in dataset.info.get(INFO, {}).items() if name != field}
    imports |= {} if described["info"] is None else {field: described["info"]}
    if imports:
        dataset.info[INFO] = imports
    else:
        dataset.info.pop(INFO, None)
    if described["classes"] is None:
        dataset.classes.pop(field, None)
    else:
        dataset.classes[field] = described["classes"]
    dataset.save()


@dataclass(frozen=True, eq=False)
class Shape:
    """What COCO says of an instance's place. Its mask is read and drawn when first asked for.

    Attributes:
        box: x, y, width, height in pixels.
        size: the image's height and width.
        read_crop: reads the mask; returns None for a box alone.
        stated_area: the COCO file's, in pixels; None if there is none.
    """

    box: Sequence[float]
    size: Size
    read_crop: Callable[[], Crop | None]
    stated_area: float | None = None

    @cached_property
    def crop(self) -> Crop | None:
        """The mask, or None for a box alone."""
        return self.read_crop()

    @cached_property
    def rle(self) -> RLE | None:
        """Run lengths at image size; None for a box alone."""
        return None if self.crop is None else encode_crop(*self.crop, self.size)

    @property
    def is_empty(self) -> bool:
        """Whether it has a mask, and that no pixel."""
        return self.crop is not None and not self.crop[0].any()

    @cached_property
    def area(self) -> float:
        """In pixels: the file's, or else the mask's or the box's."""
        if self.stated_area is not None:
            return self.stated_area
        if self.crop is None:
            return self.box[2] * self.box[3]
        return float(np.count_nonzero(self.crop[0]))


def label_shape(label: AnyLabel, size: Size) -> Shape:
    """Mask, box and area of a label; box and area are the COCO file's if it came from one.

    Args:
        label: a detection with a mask or a box alone, or a polyline.
        size: the image's height and width.

    Raises:
        InputError: an open polyline; or the mask cannot be read or drawn, raised
            when it is first asked for.
    """
    drawn = _drawn_shape(label, size)
    source = label.get_attribute_value(SOURCE, None)
    if isinstance(source, Mapping) and source.get("shape") == _fingerprint(drawn.box, drawn.rle):
        return Shape(list(source["bbox"]), size, lambda: drawn.crop, source["area"])
    return drawn


def _drawn_shape(label: AnyLabel, size: Size) -> Shape:
    with NamedLabel(label):
        box = label_box(label, size)

    def read_crop() -> Crop | None:
        """The mask as it is drawn."""
        with NamedLabel(label):
            return label_crop(label, size)

    return Shape(box, size, read_crop)


def _fingerprint(box: Sequence[float], rle: RLE | None) -> int:
    counts = rle["counts"] if rle else b""
    return zlib.crc32(counts + repr([float(value) for value in box]).encode())


@dataclass(frozen=True, eq=False)
class Annotation:
    """A COCO annotation that becomes a detection.

    Attributes:
        instance: its shape.
        label: name of its category.
        key: its id, or None if it has none.
        position: its place in the file.
    """

    instance: Instance
    label: str
    key: int | str | None
    position: int


def annotation_documents(
    annotations: Sequence[Annotation], size: Size
) -> list[tuple[dict[str, Any], str]]:
    """The detections of one image's annotations, which `label_shape` takes apart again, as they lie
    in the database: their masks are packed at once, so that of many images none are alive as
    pixels.

    Args:
        annotations: of the image.
        size: its height and width.

    Returns:
        Of each, the detection and its digest (`content_digest`).
    """
    crops = _crops([item.instance for item in annotations])
    return [_document(*pair, size) for pair in zip(annotations, crops, strict=True)]


def _crops(instances: Sequence[Instance]) -> list[tuple[Crop, RLE] | None]:
    """Masks inside their boxes, with run lengths as this package writes them; all at once, which
    takes a fifth of the time. None for a box alone."""
    places = [place for place, item in enumerate(instances) if item.rle is not None]
    rles = [rle for item in instances if (rle := item.rle) is not None]
    if not rles:
        return [None] * len(instances)
    corners = rle_boxes(rles)
    found: list[tuple[Crop, RLE] | None] = [None] * len(instances)
    pixels, same = decode_crops(rles, corners), are_canonical(rles).tolist()
    for place, rle, mask, (x, y, *_), canonical in zip(
        places, rles, pixels, corners.tolist(), same, strict=True
    ):
        crop = (mask, (y, x))
        written = rle if canonical else encode_crop(*crop, (rle["size"][0], rle["size"][1]))
        found[place] = (crop, written)
    return found


def _document(
    item: Annotation, drawn: tuple[Crop, RLE] | None, size: Size
) -> tuple[dict[str, Any], str]:
    (height, width), instance = size, item.instance
    x, y, w, h = instance.box
    if drawn is not None:
        pixels, (y, x) = drawn[0]
        h, w = pixels.shape
    box = [x / width, y / height, w / width, h / height]
    fingerprint = _fingerprint(pixel_box(box, size), None if drawn is None else drawn[1])
    document = {
        "_id": ObjectId(),
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": item.label,
        "bounding_box": box,
        **({} if drawn is None else {"mask": mask_bytes(drawn[0][0])}),
        CROWD: instance.crowd,
        **({} if item.key is None else {ID: item.key}),
        SOURCE: {
            "position": item.position,
            "bbox": instance.box,
            "area": instance.area,
            "shape": fingerprint,
        },
    }
    return document, content_digest(item.label, box, None if drawn is None else drawn[0][0])


def result_fields(shape: Shape) -> dict[str, Any]:
    """`bbox` and, with a mask, `segmentation` of a shape, ready for JSON."""
    fields: dict[str, Any] = {"bbox": list(shape.box)}
    if shape.rle is not None:
        counts = shape.rle["counts"].decode("ascii")
        fields["segmentation"] = {"size": list(shape.rle["size"]), "counts": counts}
    return fields
