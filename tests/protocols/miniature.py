"""The published datasets in miniature: their folders and formats, drawn from demo scenes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.sampling import fits
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES, TRAIN_CLASSES
from fiftyone_ntt.demo.scenes import Scene, generate_scene
from fiftyone_ntt.protocols.published import (
    CD_FSOD,
    COCO_NOVEL,
    TOY_REFERENCES,
    TOY_TARGETS,
    VOC_NOVEL,
)

KINDS = (*NOVEL_CLASSES, *TRAIN_CLASSES[::5])
SIZE = 256

Row = dict[str, Any]


def draw(indices: Sequence[int], seed: int, count: int = 4) -> Scene:
    """A scene of some kinds; its labels are their names."""
    return generate_scene([KINDS[index] for index in indices], seed, SIZE, (count, count))


def box(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]


def qualifies(scene: Scene) -> bool:
    return any(fits(tuple(box(mask)), (SIZE, SIZE)) for mask in scene.masks)  # type: ignore[arg-type]


def reference_scene(index: int, seed: int) -> Scene:
    """A scene of one kind, with an object that can be a reference."""
    seeds = (1000 * seed + index + 97 * attempt for attempt in range(50))
    return next(s for s in (draw([index], key, 2) for key in seeds) if qualifies(s))


class Table:
    """A COCO file in the making; kinds become categories by their position."""

    def __init__(self, names: Sequence[str], ids: Iterable[int] | None = None) -> None:
        self.names = list(names)
        self.ids = list(ids or range(1, len(names) + 1))
        self.images: list[Row] = []
        self.annotations: list[Row] = []

    def add(self, scene: Scene, path: Path, key: int | str, **more: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR))
        entry = {"id": key, "file_name": path.name, "height": SIZE, "width": SIZE, **more}
        self.images.append(entry)
        positions = {kind.name: position for position, kind in enumerate(KINDS)}
        for label, mask in zip(scene.labels, scene.masks, strict=True):
            rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": key,
                    "category_id": self.ids[positions[label]],
                    "bbox": box(mask),
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "segmentation": {"size": [SIZE, SIZE], "counts": rle["counts"].decode()},
                }
            )

    def content(self, **of_category: Any) -> Row:
        return {
            "images": self.images,
            "annotations": self.annotations,
            "categories": [
                {"id": key, "name": name, **{k: v[i] for k, v in of_category.items()}}
                for i, (key, name) in enumerate(zip(self.ids, self.names, strict=True))
            ],
        }

    def write(self, path: Path, **of_category: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.content(**of_category)))


def write_coco(
    root: Path, names: Sequence[str], *, used: int, targets: int = 3, per_class: int = 1
) -> Path:
    """train2017 with scenes of one class each, val2017 with scenes of the first `used` classes."""
    train, val = (Table(names, range(3, 3 + 2 * len(names), 2)) for _ in range(2))
    for index in range(per_class * len(names)):
        path = root / "train2017" / f"{index:012d}.jpg"
        train.add(reference_scene(index % len(names), 1 + index), path, index + 1)
    for index in range(targets):
        path = root / "val2017" / f"{index:012d}.jpg"
        val.add(draw(range(used), 500 + index), path, index + 1)
    # A crowd of the first class: a region that counts neither way.
    val.annotations[0]["iscrowd"] = 1
    train.write(root / "annotations/instances_train2017.json")
    val.write(root / "annotations/instances_val2017.json")
    return root


def coco_fewshot(root: Path) -> Path:
    return write_coco(root, (*COCO_NOVEL, "zebra"), used=4)


def coco_20i(root: Path) -> Path:
    return write_coco(root, [f"class {i}" for i in range(8)], used=8, per_class=2)


def toy(root: Path) -> Path:
    table = Table(["bird", "boat", "zebra"])
    for index, key in enumerate(TOY_REFERENCES.values()):
        path = root / "train2017" / f"{key:012d}.jpg"
        table.add(reference_scene(index, 3), path, key)
    for index, key in enumerate(TOY_TARGETS):
        table.add(draw([0, 1, 2], 700 + index), root / "train2017" / f"{key:012d}.jpg", key)
    table.write(root / "annotations/instances_train2017.json")
    return root


def voc(root: Path) -> Path:
    novel = list(dict.fromkeys(name for names in VOC_NOVEL.values() for name in names))
    for year, part, pictures in (("VOC2007", "trainval", 5), ("VOC2012", "trainval", 5)):
        first = 0 if year == "VOC2007" else 5
        scenes = {f"{year[-2:]}{i:04d}": reference_scene(first + i, 7) for i in range(pictures)}
        write_voc(root / "VOCdevkit" / year, part, scenes, novel)
    tests = {f"09{i:04d}": draw(range(5), 900 + i) for i in range(3)}
    write_voc(root / "VOCdevkit" / "VOC2007", "test", tests, novel)
    return root


def write_voc(folder: Path, part: str, scenes: dict[str, Scene], names: Sequence[str]) -> None:
    positions = {kind.name: position for position, kind in enumerate(KINDS)}
    for name in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "ImageSets/Main" / f"{part}.txt").write_text("\n".join(scenes) + "\n")
    for name, scene in scenes.items():
        bgr = cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / "JPEGImages" / f"{name}.jpg"), bgr)
        root = ElementTree.Element("annotation")
        ElementTree.SubElement(root, "filename").text = f"{name}.jpg"
        size = ElementTree.SubElement(root, "size")
        for side in ("width", "height"):
            ElementTree.SubElement(size, side).text = str(SIZE)
        for index, (label, mask) in enumerate(zip(scene.labels, scene.masks, strict=True)):
            node = ElementTree.SubElement(root, "object")
            ElementTree.SubElement(node, "name").text = names[positions[label]]
            difficult = part == "test" and index == 0
            ElementTree.SubElement(node, "difficult").text = str(int(difficult))
            x, y, w, h = box(mask)
            corners = ElementTree.SubElement(node, "bndbox")
            for side, value in zip(
                ("xmin", "ymin", "xmax", "ymax"), (x + 1, y + 1, x + w, y + h), strict=True
            ):
                ElementTree.SubElement(corners, side).text = str(value)
        ElementTree.ElementTree(root).write(folder / "Annotations" / f"{name}.xml")


def lvis(root: Path, *, exhaustive: bool = True) -> Path:
    """Five classes; the last one's only object is too near the border to qualify."""
    names, frequencies = ["ball", "cup", "hat", "kite", "leaf"], "rcfff"
    train, val = Table(names), Table(names)
    for index in range(5):
        name = f"{index:012d}.jpg"
        train.add(reference_scene(index, 11), root / "train2017" / name, index + 1, **url(name))
    for row in train.annotations:
        if row["category_id"] == 5:
            row["bbox"][0] = 1
    for index in range(3):
        name = f"{index:012d}.jpg"
        scene = draw(range(4), 1100 + index)
        val.add(scene, root / "val2017" / name, index + 1, **url(name, "val2017"))
        shown = {row["category_id"] for row in val.annotations if row["image_id"] == index + 1}
        others = sorted(set(range(1, 6)) - shown)
        val.images[-1]["neg_category_ids"] = others if exhaustive else []
        val.images[-1]["not_exhaustive_category_ids"] = []
    for table in (train, val):
        for image in table.images:
            del image["file_name"]  # LVIS v1 has addresses alone
    train.write(root / "lvis_v1_train.json", frequency=frequencies)
    val.write(root / "lvis_v1_val.json", frequency=frequencies)
    return root


def url(name: str, folder: str = "train2017") -> Row:
    return {"coco_url": f"http://images.cocodataset.org/{folder}/{name}"}


def cd_fsod(root: Path, sets: Sequence[str] = ("ArTaxOr", "DIOR")) -> Path:
    """With published references for one shot, without for others; DIOR's images a folder deeper."""
    for number, name in enumerate(sets):
        folder, below = root / CD_FSOD[name][0], {"DIOR": "new_"}.get(name)
        train, test = Table(["beetle", "spider"]), Table(["beetle", "spider"])
        for index in range(4):
            part = folder / "train" / (f"{below}train" if below else "")
            scene = reference_scene(index % 2, 13 + index + 4 * number)
            train.add(scene, part / f"t{index}.jpg", f"t{index}")
        for index in range(2):
            part = folder / "test" / (f"{below}test" if below else "")
            test.add(draw([0, 1], 1300 + index + 10 * number), part / f"s{index}.jpg", f"s{index}")
        for table in (train, test):
            for row in table.annotations:
                row["segmentation"] = []
        train.write(folder / "annotations/train.json")
        test.write(folder / "annotations/test.json")
        of_image = {row["image_id"]: row for row in train.annotations}
        train.annotations = [of_image["t0"], of_image["t1"]]
        train.write(folder / "annotations/1_shot.json")
    return root
