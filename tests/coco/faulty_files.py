"""Twenty faulty COCO files, as people have them, and the verdict that every reader gives."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from tests.coco.files import annotation, content, rectangle, write, write_images

Damage = Callable[[dict[str, Any], Path], None]


@dataclass(frozen=True)
class FaultyFile:
    """A file with one fault.

    Attributes:
        name: of the fault.
        damage: makes it, given the file's content and the folder of its images.
        verdict: part of the error or, where `read`, of what is noted.
        read: whether it is read all the same.
        scored: whether reading it as truth, without the images, gives the same verdict.
    """

    name: str
    damage: Damage
    verdict: str
    read: bool = False
    scored: bool = True


def make(fault: FaultyFile, folder: Path) -> Path:
    """Write the faulty file, its images beside it in `images`."""
    images = write_images(folder / "images", [1, 2])
    rows = [
        annotation(1, 1, 7, **rectangle(5, 6, 20, 9), area=180, iscrowd=0),
        annotation(2, 2, 3, **rectangle(20, 10, 25, 20), area=500, iscrowd=0),
    ]
    data = content([1, 2], rows)
    fault.damage(data, images)
    return write(folder / "faulty.json", data)


def _changed(section: str, **fields: Any) -> Damage:
    """The second entry of a section says something else."""

    def damage(data: dict[str, Any], images: Path) -> None:
        data[section][1].update(fields)

    return damage


def _drawn(segmentation: Any) -> Damage:
    """The second annotation is drawn so."""
    return _changed("annotations", segmentation=segmentation)


def _turned(orientation: int) -> Damage:
    """The second photo lies on its side, or upside down; annotated as it is shown."""

    def damage(data: dict[str, Any], images: Path) -> None:
        sideways = orientation > 4
        picture = Image.new("RGB", (40, 60) if sideways else (60, 40))
        exif = picture.getexif()
        exif[0x0112] = orientation
        picture.save(images / "image-2.png", exif=exif)

    return damage


def _renamed(name: str, written: str) -> Damage:
    """The second image lies elsewhere than the file says."""

    def damage(data: dict[str, Any], images: Path) -> None:
        (images / name).parent.mkdir(exist_ok=True)
        (images / "image-2.png").rename(images / name)
        data["images"][1]["file_name"] = written

    return damage


def _resized(data: dict[str, Any], images: Path) -> None:
    Image.new("RGB", (30, 20)).save(images / "image-2.png")


def _pipe(data: dict[str, Any], images: Path) -> None:
    (images / "image-2.png").unlink()
    os.mkfifo(images / "image-2.png")


def _mask_of_another_size(data: dict[str, Any], images: Path) -> None:
    rle = coco_mask.encode(np.ones((20, 30), np.uint8, "F"))
    segmentation = {"size": [20, 30], "counts": rle["counts"].decode()}
    data["annotations"][1]["segmentation"] = segmentation


def _placeholder(data: dict[str, Any], images: Path) -> None:
    data["categories"].insert(0, {"id": 0, "name": "bird", "supercategory": "none"})


def _text_ids(data: dict[str, Any], images: Path) -> None:
    data["annotations"][1].update(image_id="2", category_id="3")


def _same_id(data: dict[str, Any], images: Path) -> None:
    data["annotations"][1]["id"] = 1


SQUARE = rectangle(20, 10, 25, 20)["segmentation"][0]

FAULTY_FILES = (
    FaultyFile("unknown image", _changed("annotations", image_id=8), "annotation 2 is of image 8"),
    FaultyFile("unknown class", _changed("annotations", category_id=8), "is of category 8, which"),
    FaultyFile("no place", _changed("annotations", bbox=None, segmentation=[]), "has neither a"),
    FaultyFile("bad box", _changed("annotations", bbox=[1, 2, 3]), "has the bbox [1, 2, 3], which"),
    FaultyFile("no flag", _changed("annotations", iscrowd="some"), "iscrowd = 'some', which is"),
    FaultyFile(
        "odd part", _changed("annotations", segmentation=[SQUARE, [1] * 7]), "has 7 numbers"
    ),
    FaultyFile(
        "far", _changed("annotations", segmentation=[[9, 9, 999, 9, 9, 20]]), "far from its"
    ),
    FaultyFile("mask size", _mask_of_another_size, "is 30 x 20 px but its image is 60 x 40 px"),
    FaultyFile("no size", _changed("images", height=-40), "states the height -40, which no image"),
    FaultyFile(
        "missing", _changed("images", file_name="x.png"), "there is no such file", scored=False
    ),
    FaultyFile("a pipe", _pipe, "It is a pipe or a device, not a file", scored=False),
    FaultyFile("resized", _resized, "states 60 x 40 px, but ", scored=False),
    FaultyFile("upside down", _turned(3), "so where its masks lie is ambiguous", scored=False),
    FaultyFile("on its side", _turned(6), "annotated as they are shown, turned by", True, False),
    FaultyFile(
        "wrong box", _changed("annotations", bbox=[1, 1, 9, 9]), "own boxes are used: 1", True
    ),
    FaultyFile(
        "two points",
        _changed("annotations", segmentation=[[1, 2, 3, 4], SQUARE]),
        "parts of segmentations without area, left out: 1 (annotation 2)",
        read=True,
    ),
    FaultyFile("windows", _renamed("b.png", "images\\b.png"), "by their names: 1 (", True, False),
    FaultyFile("placeholder", _placeholder, "unused categories named like others", read=True),
    FaultyFile("text ids", _text_ids, "ids written as text beside numbers", read=True),
    FaultyFile("id twice", _same_id, "numbered anew: 1 (annotation 1)", read=True),
)
