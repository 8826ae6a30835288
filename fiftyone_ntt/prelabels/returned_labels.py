"""What came back from an annotation tool, and which of the labels that went out each object is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float64
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.image_files import ImageFolder, image_files
from fiftyone_ntt.coco.references import checked_instances
from fiftyone_ntt.coco.turning import turned_instance
from fiftyone_ntt.core.mask_cleaning import clean_masks
from fiftyone_ntt.core.rle import RLE, decode_mask, rle_boxes
from fiftyone_ntt.formats.label_files import UNREVIEWED, LabelFiles
from fiftyone_ntt.formats.opened_labels import checked_parts
from fiftyone_ntt.prelabels.prelabel import ID_NAME, Prelabel, label_id

_SAME_OBJECT = 0.5
"""IoU from which an object without an id is a label that went out."""
_EQUAL = 0.99
"""IoU above which the class does not matter for that."""
_BOX_PIXELS = 1.0
"""How far the sides of a box may be off by rounding."""


@dataclass(frozen=True, eq=False)
class Returned:
    """An object that came back.

    Attributes:
        label: its class.
        rle: its mask; None for a box alone.
        box: x, y, width, height in pixels.
        id: of the label that it is by its own word; None where it says none.
        outlined: whether it came as an outline, which tools round and fill.
    """

    label: str
    rle: RLE | None
    box: Sequence[float]
    id: str | None = None
    outlined: bool = False


def returned_images(
    path: Path, files: LabelFiles, findings: Findings
) -> Iterator[tuple[Path, bool, list[Returned]]]:
    """The images of a tool's files: where each is, whether somebody labelled it, and its objects,
    drawn on it as it is shown.

    Args:
        path: of the files, for messages.
        files: of them.
        findings: told of what cannot be used.
    """
    folder = ImageFolder(files.folder, findings)
    for part in checked_parts(path, files, findings):
        images = image_files(part, folder, findings)
        found: dict[object, list[Returned]] = defaultdict(list)
        rows = checked_instances(part.path, part.annotations, images, findings)
        for _, row, drawn in rows:
            image, instance = images[row["image_id"]], drawn
            if image.turned:
                instance = turned_instance(drawn, image.size, image.orientation)
            label, own = part.categories[row["category_id"]], _own_id(row.get("attributes"))
            outlined = isinstance(row.get("segmentation"), list)
            found[row["image_id"]].append(
                Returned(label, instance.rle, instance.box, own, outlined)
            )
        for key, image in images.items():
            yield image.path, not part.images[key].get(UNREVIEWED), found.pop(key, [])


def _own_id(attributes: Record | None) -> str | None:
    """By the attribute that was written, or by the tool's own name of the object."""
    given = attributes if isinstance(attributes, dict) else {}
    names = (label_id(given.get(name)) for name in (ID_NAME, "source_id"))
    return next((name for name in names if name), None)


@dataclass(frozen=True, eq=False)
class Paired:
    """The labels of an image that went out, and what came back.

    Attributes:
        back: those that came back, with what they are now.
        missing: those that did not.
        new: what is none of them.
    """

    back: list[tuple[Prelabel, Returned]]
    missing: list[Prelabel]
    new: list[Returned]


def paired(sent: Sequence[Prelabel], returned: Sequence[Returned]) -> Paired:
    """Which of the labels that went out each object is: by its id, else by what it shows.

    A copy has the id of what it was copied from: of several of one id the most alike is it.
    """
    known = {item.id: place for place, item in enumerate(sent)}
    named: dict[int, list[int]] = defaultdict(list)
    for number, item in enumerate(returned):
        if item.id in known:
            named[known[item.id]].append(number)
    ious = _ious(sent, returned)
    chosen = {place: max(of, key=lambda n: ious[place, n]) for place, of in named.items()}
    taken = set(chosen.values())
    for _, place, number in _alike(sent, returned, ious, set(chosen), taken):
        if place not in chosen and number not in taken:
            chosen[place] = number
            taken.add(number)
    return Paired(
        [(item, returned[chosen[place]]) for place, item in enumerate(sent) if place in chosen],
        [item for place, item in enumerate(sent) if place not in chosen],
        [item for number, item in enumerate(returned) if number not in taken],
    )


def _alike(
    sent: Sequence[Prelabel],
    returned: Sequence[Returned],
    ious: Float64[np.ndarray, "sent returned"],
    done: Collection[int],
    taken: Collection[int],
) -> list[tuple[tuple[bool, bool, float], int, int]]:
    """Pairs of one object, the surest first."""
    found = [
        ((iou > _EQUAL, sent[place].label == returned[number].label, iou), place, number)
        for place, number in np.argwhere(ious >= _SAME_OBJECT).tolist()
        if place not in done and number not in taken
        for iou in [float(ious[place, number])]
    ]
    return sorted(found, key=lambda pair: pair[0], reverse=True)


def _ious(
    sent: Sequence[Prelabel], returned: Sequence[Returned]
) -> Float64[np.ndarray, "sent returned"]:
    """Of masks; boxes alone count filled, among boxes alone as they are."""
    if not sent or not returned:
        return np.zeros((len(sent), len(returned)))
    every: list[Prelabel | Returned] = [*sent, *returned]
    size = next((item.rle["size"] for item in every if item.rle is not None), None)
    if size is None:
        drawn: Any = [np.array([list(item.box) for item in of], float) for of in (sent, returned)]
    else:
        drawn = [[_boxed(item, size) for item in of] for of in (sent, returned)]
    return np.asarray(coco_mask.iou(*drawn, [0] * len(returned)), dtype=np.float64)


def _boxed(item: Prelabel | Returned, size: Sequence[int]) -> RLE:
    """A mask, or a box filled."""
    if item.rle is not None:
        return item.rle
    [rle] = coco_mask.frPyObjects(np.array([list(item.box)], dtype=np.float64), *size)
    filled: RLE = rle
    return filled


def is_redrawn(sent: Prelabel, returned: Returned) -> bool:
    """Whether somebody changed a label's mask or box.

    An outline that differs along the border of the mask alone is rounded, one without its holes is
    filled by a tool that has none: nobody drew either.

    Args:
        sent: the label as its file showed it.
        returned: as it came back.
    """
    if sent.rle is None or returned.rle is None:
        one, other = _edges(sent.box), _edges(returned.box)
        far = max(abs(a - b) for a, b in zip(one, other, strict=True)) > _BOX_PIXELS
        return far or returned.rle is not None
    if sent.rle["counts"] == returned.rle["counts"]:
        return False
    after = decode_mask(returned.rle)
    if not returned.outlined:
        return bool((decode_mask(sent.rle) != after).any())
    filled = clean_masks([sent.rle], rle_boxes([sent.rle]), fill_holes=True)
    return all(_differs_inside(decode_mask(rle), after) for rle in (sent.rle, *filled))


def _differs_inside(before: Bool[np.ndarray, "H W"], after: Bool[np.ndarray, "H W"]) -> bool:
    """Whether two masks differ by more than what lies along the border of the first."""
    return bool(((before != after) & ~_border(before)).any())


def _edges(box: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return x, y, x + width, y + height


def _border(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Pixels on both sides of a mask's border."""
    pixels, around = mask.astype(np.uint8), np.ones((3, 3), np.uint8)
    wide = cv2.dilate(pixels, around)
    # Beyond the image is as within it: a mask has no border there.
    narrow = cv2.erode(pixels, around)
    return wide != narrow
