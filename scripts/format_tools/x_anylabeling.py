"""X-AnyLabeling's files and exports by its own code, drawn by its `shape_to_mask`."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anylabeling.views.labeling.label_widget  # noqa: F401, its modules import each other
import numpy as np
import yaml
from anylabeling.views.labeling.label_converter import LabelConverter
from anylabeling.views.labeling.label_file import LabelFile
from anylabeling.views.labeling.utils.shape import shape_to_mask
from pycocotools import mask as coco_mask

from scripts.format_tools.drawing import Case, in_one_piece, moved, save_cases, scenes_with_objects
from tests.formats.scenes import CLASSES, Scene

TOOL = f"X-AnyLabeling {version('x-anylabeling-cvhub')}"


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    random = np.random.default_rng(0)
    for name in ("json", "coco", "yolo", "voc"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    why = "its exports move corners at the right and bottom border one pixel in"
    own = Case("labelme", TOOL, f"{TOOL}, shape_to_mask", "json")
    coco, yolo = (
        Case(format, TOOL, "its COCO export, by pycocotools", path, images, why)
        for format, path, images in (
            ("coco", "coco/instances_default.json", "json"),
            ("yolo", "yolo/data.yaml", None),
        )
    )
    voc = Case("voc", TOOL, "boxes around the polygons, cut to whole pixels", "voc")
    for scene, parts in in_one_piece(scenes):
        shapes: list[dict[str, Any]] = []
        for label, part in parts:
            points = moved(part, random, scene.size)
            shapes.append(shape(label, points))
            own.add(scene.name, label, shape_to_mask(scene.size, points, "polygon"))
            (x1, y1), (x2, y2) = (
                np.array(points).astype(int).min(0),
                np.max(points, 0).astype(int),
            )
            box = np.zeros(scene.size, dtype=bool)
            box[y1:y2, x1:x2] = True
            voc.add(scene.name, label, box)
        save(folder, scene, shapes)
    told: dict[str, Any] = {"train": "images", "val": "images", "names": list(CLASSES)}
    (folder / "yolo" / "data.yaml").write_text(yaml.safe_dump(told, allow_unicode=True))
    images = [str(folder / "json" / scene.name) for scene in scenes]
    (folder / "coco").mkdir()
    converter(folder).custom_to_coco(images, str(folder / "json"), str(folder / "coco"), "polygon")
    [written] = (folder / "coco").rglob("*.json")
    content = json.loads(written.read_text(encoding="utf-8"))
    written.rename(folder / "coco" / "instances_default.json")
    sizes = {scene.name: scene.size for scene in scenes}
    names = {image["id"]: image["file_name"] for image in content["images"]}
    labels = {row["id"]: row["name"] for row in content["categories"]}
    for row in content["annotations"]:
        name = names[row["image_id"]]
        [runs] = coco_mask.frPyObjects(row["segmentation"], *sizes[name])
        for case in (coco, yolo):
            case.add(name, labels[row["category_id"]], coco_mask.decode(runs))
    save_cases(folder, "x_anylabeling", [own, coco, yolo, voc])


def converter(folder: Path) -> Any:
    return LabelConverter(classes_file=str(folder / "classes.txt"))


def shape(label: str, points: Any) -> dict[str, Any]:
    told = {"label": label, "score": None, "points": points, "group_id": None, "description": ""}
    more = {"difficult": False, "shape_type": "polygon", "flags": {}, "attributes": {}}
    return {**told, **more, "kie_linking": []}


def save(folder: Path, scene: Scene, shapes: list[dict[str, Any]]) -> None:
    for place in ("json", "yolo/images", "voc"):
        image = scene.save_image(folder / place)
    path = (folder / "json" / scene.name).with_suffix(".json")
    LabelFile().save(str(path), shapes, scene.name, *scene.size)
    labels = folder / "yolo" / "labels" / f"{path.stem}.txt"
    labels.parent.mkdir(exist_ok=True)
    converter(folder).custom_to_yolo(str(path), str(labels), "seg")
    target = folder / "voc" / f"{path.stem}.xml"
    converter(folder).custom_to_voc(str(image), str(path), str(target), "polygon")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
