"""Scenes written by datumaro, which CVAT's exports build on; masks are drawn as they were given,
polygons by datumaro itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import datumaro as dm
import numpy as np

from scripts.format_tools.drawing import Case, in_one_piece, moved, save_cases, scenes_with_objects
from tests.formats.scenes import CLASSES, Scene

TOOL = f"datumaro {dm.__version__}"
MASKS = {
    "coco_instances": ("coco", "annotations/instances_train.json"),
    "coco_panoptic": ("panoptic", "annotations/panoptic_train.json"),
    "cvat": ("cvat", "train.xml"),
    "voc": ("voc", "."),
}
POLYGONS = {
    "coco_instances": ("coco", "annotations/instances_train.json"),
    "cvat": ("cvat", "train.xml"),
}


def main(folder: Path, count: int) -> None:
    random = np.random.default_rng(0)
    scenes = scenes_with_objects(count)
    cases = []
    for kind, (format, path) in MASKS.items():
        case = Case(format, TOOL, "the masks as given", f"datumaro-masks-{kind}/{path}")
        export(folder, f"datumaro-masks-{kind}", kind, _as_masks(scenes, case))
        cases.append(case)
    for kind, (format, path) in POLYGONS.items():
        case = Case(format, TOOL, "its polygons_to_masks", f"datumaro-polygons-{kind}/{path}")
        items = _as_polygons(scenes, random)
        _draw(items, case)
        export(folder, f"datumaro-polygons-{kind}", kind, items)
        cases.append(case)
    save_cases(folder, "datumaro", cases)


def export(folder: Path, name: str, kind: str, items: list[Any]) -> None:
    shutil.rmtree(folder / name, ignore_errors=True)
    dataset = dm.Dataset.from_iterable(items, categories=list(CLASSES), media_type=dm.Image)
    dataset.export(str(folder / name), kind, save_media=True)


def _item(scene: Scene, annotations: list[Any]) -> Any:
    pixels = np.full((*scene.size, 3), 90, np.uint8)
    return dm.DatasetItem(
        id=Path(scene.name).stem,
        subset="train",
        media=dm.Image.from_numpy(data=pixels, ext=".png"),
        annotations=annotations,
    )


def _as_masks(scenes: list[Scene], case: Case) -> list[Any]:
    items = []
    for scene in scenes:
        annotations = []
        for number, item in enumerate(scene.objects, start=1):
            label = CLASSES.index(item.label)
            case.add(scene.name, item.label, item.mask)
            annotations.append(dm.Mask(item.mask, label=label, id=number, group=number))
        items.append(_item(scene, annotations))
    return items


def _as_polygons(scenes: list[Scene], random: np.random.Generator) -> list[Any]:
    items = []
    for scene, parts in in_one_piece(scenes):
        annotations = []
        for number, (label, part) in enumerate(parts, start=1):
            points = np.ravel(moved(part, random, scene.size)).tolist()
            annotations.append(
                dm.Polygon(points, label=CLASSES.index(label), id=number, group=number)
            )
        items.append(_item(scene, annotations))
    return items


def _draw(items: list[Any], case: Case) -> None:
    dataset = dm.Dataset.from_iterable(items, categories=list(CLASSES), media_type=dm.Image)
    for item in dataset.transform("polygons_to_masks"):
        for mask in item.annotations:
            case.add(f"{item.id}.png", CLASSES[mask.label], mask.image)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
