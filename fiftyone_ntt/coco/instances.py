"""One annotation of a COCO file as an instance: drawn at image size, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.reading import Record, RecordError, image_rle
from fiftyone_ntt.core.rle import RLE

Size = tuple[int, int]
"""Height and width, in pixels."""

_OVERHANG = 1.0
"""How far, in pixels, a box may reach over the image's border: boxes of polygons are rounded."""


@dataclass(frozen=True, eq=False)
class Instance:
    """An annotation's shape.

    Attributes:
        rle: run lengths at image size, never empty; None for a box alone.
        box: x, y, width, height in pixels: the annotation's own, or else the mask's.
        area: in pixels: the annotation's own, or else the mask's or the box's.
        crowd: whether it stands for a group (`iscrowd`).
    """

    rle: RLE | None
    box: list[float]
    area: float
    crowd: bool


def read_instance(annotation: Record, size: Size) -> Instance:
    """Draw an annotation as pycocotools does.

    Args:
        annotation: of a `CocoFile`. An empty list as its segmentation means a box alone.
        size: height and width of its image.

    Raises:
        RecordError: its segmentation cannot be read, has no pixel or is of another size than the
            image, or its box lies outside the image.

    Example:
        >>> row = {"id": 1, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]}
        >>> read_instance(row, (40, 60)).box
        [1.0, 1.0, 4.0, 3.0]
    """
    name = str(annotation.get("id"))
    rle = _drawn(name, annotation.get("segmentation"), size)
    box = annotation.get("bbox")
    if box:
        _check_box(name, box, size)
    if rle is not None and not (box and box[2] > 0 and box[3] > 0):
        box = coco_mask.toBbox(rle).tolist()
    assert box  # `read_coco` lets no annotation through that has neither
    if not (box[2] > 0 and box[3] > 0):
        raise RecordError(
            "empty segmentation",
            f"annotation {name}: its bbox {box} has no area, and it has no segmentation. Redraw or "
            "remove it.",
        )
    area = annotation.get("area")
    if not isinstance(area, (int, float)):
        area = box[2] * box[3] if rle is None else float(coco_mask.area(rle))
    return Instance(rle, list(box), area, bool(annotation.get("iscrowd")))


def _drawn(name: str, segmentation: Any, size: Size) -> RLE | None:
    if not segmentation:
        return None
    hollow = isinstance(segmentation, list) and not any(segmentation)
    rle = None if hollow else image_rle(name, segmentation, size)
    if rle is None or not coco_mask.area(rle):
        raise RecordError(
            "empty segmentation",
            f"annotation {name}: its segmentation has no pixel at {size[1]} x {size[0]} px. Redraw "
            "or remove it.",
        )
    return rle


def _check_box(name: str, box: list[float], size: Size) -> None:
    x, y, width, height = box
    low = min(x, y) >= -_OVERHANG
    high = x + width <= size[1] + _OVERHANG and y + height <= size[0] + _OVERHANG
    if not (low and high):
        raise RecordError(
            "box outside the image",
            f"annotation {name}: its bbox {box} reaches outside its image of {size[1]} x "
            f"{size[0]} px. A bbox is [x, y, width, height]; correct or remove it.",
        )
