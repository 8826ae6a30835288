"""labelme's files by its own writer, drawn by its `shapes_to_label` and `shape_to_mask`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import labelme
import numpy as np
from labelme import utils
from labelme._label_file import LabelFile

from scripts.format_tools.drawing import Case, in_one_piece, moved, save_cases, scenes_with_objects
from tests.formats.scenes import CLASSES, Scene

TOOL = f"labelme {labelme.__version__}"


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    save_cases(
        folder,
        "labelme",
        [masks(folder / "masks", scenes), shapes(folder / "shapes", scenes)],
    )


def masks(folder: Path, scenes: list[Scene]) -> Case:
    """Each object as two masks of a group, its left and its right half."""
    case = Case("labelme", TOOL, f"{TOOL}, shapes_to_label of masks", "masks")
    for scene in scenes:
        written: list[dict[str, Any]] = []
        for number, item in enumerate(scene.objects):
            x, y, width, height = item.box
            middle = x + width // 2
            for left, right in ((x, middle), (middle, x + width)):
                crop = item.mask[y : y + height, left:right]
                points = [[left, y], [right - 1, y + height - 1]]
                written.append(shape(item.label, points, "mask", number, mask=crop))
        save(folder, scene, written)
        loaded = LabelFile(str((folder / scene.name).with_suffix(".json"))).shapes
        _, instances = utils.shapes_to_label(
            scene.size, loaded, {name: number for number, name in enumerate(CLASSES, 1)}
        )
        for number, item in enumerate(scene.objects, start=1):
            case.add(scene.name, item.label, instances == number)
    return case


def shapes(folder: Path, scenes: list[Scene]) -> Case:
    """Polygons with corners anywhere, circles, turned rectangles, and rectangles of a group."""
    case = Case("labelme", TOOL, f"{TOOL}, shape_to_mask", "shapes")
    random = np.random.default_rng(0)
    for scene, parts in in_one_piece(scenes):
        written = []
        for number, (label, part) in enumerate(parts):
            points = moved(part, random, scene.size)
            kind = ("polygon", "circle", "oriented_rectangle", "rectangle")[number % 4]
            if kind in ("circle", "rectangle"):
                points = [points[0], points[len(points) // 2]]
            elif kind == "oriented_rectangle":
                points = points[:: len(points) // 4][:4]
            # A rectangle by itself is a box, not drawn.
            written += [shape(label, points, kind, number)] * (2 if kind == "rectangle" else 1)
            case.add(scene.name, label, utils.shape_to_mask(scene.size, points, kind))
        save(folder, scene, written)
    return case


def shape(label: str, points: Any, kind: str, group: int, mask: Any = None) -> dict[str, Any]:
    packed = None if mask is None else utils.img_arr_to_b64(mask.astype(np.uint8))
    told = {"label": label, "points": points, "group_id": group, "description": ""}
    return {**told, "shape_type": kind, "flags": {}, "mask": packed}


def save(folder: Path, scene: Scene, written: list[dict[str, Any]]) -> None:
    scene.save_image(folder)
    path = str((folder / scene.name).with_suffix(".json"))
    LabelFile().save(path, written, scene.name, *scene.size)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
