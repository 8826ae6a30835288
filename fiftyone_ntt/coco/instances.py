"""One annotation or result of a COCO file as an instance: drawn at image size, and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.core.foreign_masks import (
    UnreadableMask,
    checked_rle,
    draw_polygons,
    encoding_size,
)
from fiftyone_ntt.core.rle import RLE

Size = tuple[int, int]
"""Height and width, in pixels."""

_AGREEING = 2.0
"""How far, in pixels, each edge of a box may lie from its mask's: boxes of polygons are of float
corners, those of masks of whole pixels."""
_SIDES_AROUND = 4
"""How many image sides long a box's numbers may be: some detectors' boxes reach far out."""
_OVERHANG = 1.0
"""How far, in pixels, a box may reach over the image's border: boxes of polygons are rounded."""


@dataclass(frozen=True, eq=False)
class Instance:
    """An annotation's shape.

    Attributes:
        rle: run lengths at image size; None for a box alone.
        box: x, y, width, height in pixels: the annotation's own or, where it has none or one that
            disagrees with the mask, the mask's.
        area: in pixels: the annotation's own, or else the mask's or the box's.
        crowd: whether it stands for a group (`iscrowd`).
    """

    rle: RLE | None
    box: list[float]
    area: float
    crowd: bool


def read_instance(
    annotation: Record, size: Size, findings: Findings | None = None, sound: RLE | None = None
) -> Instance:
    """Draw an annotation as pycocotools does.

    Args:
        annotation: of a `CocoFile`. An empty list as its segmentation means a box alone.
        size: height and width of its image.
        findings: told of what is read otherwise than it stands.
        sound: see `drawn`.

    Raises:
        RecordError: its segmentation cannot be read, has no pixel or is of another size than the
            image, or its box lies outside the image.

    Example:
        >>> row = {"id": 1, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]}
        >>> read_instance(row, (40, 60)).box
        [1.0, 1.0, 4.0, 3.0]
    """
    findings = findings or Findings()
    name = f"annotation {annotation.get('id')}"
    rle = drawn(name, annotation.get("segmentation"), size, findings, sound)
    box = annotation.get("bbox") or None
    if box is not None and (rle is None or not coco_mask.area(rle)):
        require_near(name, box, size)
    if rle is None:
        assert box is not None  # `read_coco` lets no annotation through that has neither
        _check_box_alone(name, box, size, findings)
    else:
        box = _agreeing_box(name, box, rle, findings)
    area = annotation.get("area")
    if area is None:
        area = box[2] * box[3] if rle is None else float(coco_mask.area(rle))
    return Instance(rle, list(box), area, bool(annotation.get("iscrowd")))


def drawn(
    name: str, segmentation: Any, size: Size, findings: Findings, sound: RLE | None = None
) -> RLE | None:
    """Run lengths of a segmentation; None where there is none.

    Args:
        name: of what it is of, for messages, as in "annotation 7".
        segmentation: polygons, or run lengths, compressed or not, as in a COCO file.
        size: height and width of the image.
        findings: told of parts without area; decides about masks without a pixel.
        sound: the segmentation, if `checked_rles` found nothing wrong with it.

    Raises:
        RecordError: it cannot be read, has no pixel, or is of another size than its image.
    """
    if not segmentation:
        return None
    try:
        if isinstance(segmentation, list):
            rle = _union(name, segmentation, size, findings)
        else:
            stated = encoding_size(segmentation) if sound is None else tuple(sound["size"])
            _require_size(name, stated, size)
            rle = checked_rle(segmentation) if sound is None else sound
    except UnreadableMask as error:
        raise RecordError(
            "unreadable segmentation",
            f"{name}: its segmentation cannot be read: {error}. Use polygons of at least three "
            "points or COCO run-length encoding.",
        ) from error
    if coco_mask.area(rle):
        return rle
    if not findings.as_it_stands:
        raise RecordError(
            "empty segmentation",
            f"{name}: its segmentation has no pixel at {size[1]} x {size[0]} px. Redraw or remove "
            "it.",
        )
    findings.note("objects without a pixel, kept as such", name)
    return rle


def _union(name: str, parts: list[Any], size: Size, findings: Findings) -> RLE:
    if not any(isinstance(part, (list, tuple, dict)) for part in parts):
        parts = [parts]
        findings.note("segmentations that are one flat list, read as one polygon", name)
    rle, without_area = draw_polygons(parts, size)
    if rle is None:
        return checked_rle({"size": list(size), "counts": [size[0] * size[1]]})
    if without_area and coco_mask.area(rle):
        findings.note("parts of segmentations without area, left out", name, without_area)
    return rle


def _require_size(name: str, stated: Size, size: Size) -> None:
    if stated != size:
        raise RecordError(
            "mask size",
            f"{name}: its segmentation is {stated[1]} x {stated[0]} px but its image is "
            f"{size[1]} x {size[0]} px. Re-export it at the image's size.",
        )


def require_near(name: str, box: Sequence[float], size: Size) -> None:
    """Check that a box's numbers are of the magnitude of its image's.

    Raises:
        RecordError: they are not.
    """
    limit = _SIDES_AROUND * max(size)
    if max(map(abs, box)) > limit:
        raise _outside(name, box, size)


def _check_box_alone(name: str, box: list[float], size: Size, findings: Findings) -> None:
    x, y, width, height = box
    if not (width > 0 and height > 0):
        if not findings.as_it_stands or min(width, height) < 0:
            raise RecordError(
                "empty segmentation",
                f"{name}: its bbox {box} has no area, and it has no segmentation. Redraw or remove "
                "it.",
            )
        findings.note("objects without a pixel, kept as such", name)
    low = min(x, y) >= -_OVERHANG
    high = x + width <= size[1] + _OVERHANG and y + height <= size[0] + _OVERHANG
    if low and high:
        return
    if not findings.as_it_stands:
        raise _outside(name, box, size)
    findings.note("boxes that reach over the border of their images, kept as they are", name)


def _outside(name: str, box: Sequence[float], size: Size) -> RecordError:
    return RecordError(
        "box outside the image",
        f"{name}: its bbox {list(box)} reaches outside its image of {size[1]} x {size[0]} px. A "
        "bbox is [x, y, width, height]; correct or remove it.",
    )


def _agreeing_box(name: str, box: list[float] | None, rle: RLE, findings: Findings) -> list[float]:
    """The annotated box if it is the mask's, but for rounding; else the mask's."""
    if not coco_mask.area(rle):
        return box or [0.0, 0.0, 0.0, 0.0]
    own: list[float] = coco_mask.toBbox(rle).tolist()
    if box is None or not (box[2] > 0 and box[3] > 0):
        return own
    if findings.published:
        return box
    edges = [(x, y, x + w, y + h) for x, y, w, h in (box, own)]
    if max(abs(one - other) for one, other in zip(*edges, strict=True)) <= _AGREEING:
        return box
    findings.note("boxes more than 2 px off their masks, whose own boxes are used", name)
    return own
