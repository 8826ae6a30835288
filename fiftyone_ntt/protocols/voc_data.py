"""PASCAL VOC 2007 and 2012 as published: boxes in XML, one file per image."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.reading import CocoFile, ImageId
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.voc_xml import CLASSES, VocObject, read_voc_image
from fiftyone_ntt.protocols.data import Source

KIT = "VOCdevkit"
TRAIN = (("VOC2007", "trainval"), ("VOC2012", "trainval"))
TEST = (("VOC2007", "test"),)

VOC = Source(
    "PASCAL VOC 2007 and 2012",
    "Download VOCtrainval_06-Nov-2007.tar and VOCtest_06-Nov-2007.tar from "
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/ and VOCtrainval_11-May-2012.tar from "
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/, and unpack them into one folder.",
    tuple(
        f"{KIT}/{year}/{part}"
        for year in ("VOC2007", "VOC2012")
        for part in ("Annotations/*.xml", "ImageSets/Main/*.txt", "JPEGImages/*.jpg")
    ),
)

Parts = tuple[tuple[str, str], ...]


def image_list(year: str, part: str) -> str:
    """Path of the list of a part's images, relative to the data."""
    return f"{KIT}/{year}/ImageSets/Main/{part}.txt"


@lru_cache(maxsize=2)
def read_parts(root: Path, parts: Parts) -> CocoFile:
    """Some parts together, in COCO's terms.

    Boxes go from the left edge of their first to the right edge of their last pixel. Objects marked
    as difficult are crowds: never references, and neither found nor missed, as in VOC's own
    evaluation.

    Args:
        root: folder that holds `VOCdevkit`.
        parts: years and names of the lists.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    images: dict[ImageId, Record] = {}
    annotations: list[Record] = []
    for year, part in parts:
        folder = root / KIT / year
        for name in (root / image_list(year, part)).read_text().split():
            key = len(images) + 1
            image, objects = _read_image(folder / "Annotations" / f"{name}.xml")
            images[key] = {
                **image,
                "id": key,
                "file_name": f"{KIT}/{year}/JPEGImages/{image['file_name']}",
            }
            for row in objects:
                annotations.append({**row, "id": len(annotations) + 1, "image_id": key})
    categories = dict(enumerate(CLASSES, start=1))
    records = [{"id": key, "name": name} for key, name in categories.items()]
    return CocoFile(root / KIT, images, categories, annotations, records)


def _read_image(path: Path) -> tuple[Record, list[Record]]:
    try:
        found = read_voc_image(path)
        if not (found.file_name and found.width and found.height):
            raise ValueError("it has no filename or no size")
        image = {"file_name": found.file_name, "width": found.width, "height": found.height}
        return image, [_row(item) for item in found.objects]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is not an annotation of PASCAL VOC: {error}. Unpack the archive again."
        ) from error


def _row(item: VocObject) -> Record:
    return {
        "category_id": CLASSES.index(item.name) + 1,
        "bbox": item.box(),
        "iscrowd": int(item.attributes.get("difficult", False)),
    }
