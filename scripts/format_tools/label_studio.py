"""Label Studio's JSON with brushes of its own library, polygons, and what that library exports."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from label_studio_sdk.converter import Converter, brush
from pycocotools import mask as coco_mask

from scripts.format_tools.drawing import (
    Case,
    in_one_piece,
    moved,
    save_cases,
    scenes_with_objects,
)
from tests.formats.scenes import CLASSES, Scene

TOOL = f"label-studio-sdk {version('label-studio-sdk')}"
LABELS = "".join(f'<Label value="{name}"/>' for name in CLASSES)
CONFIG = (
    '<View><Image name="image" value="$image"/><{0} name="label" toName="image">{1}</{0}></View>'
)


def main(folder: Path, count: int) -> None:
    logging.disable()
    scenes = scenes_with_objects(count)
    for scene in scenes:
        scene.save_image(folder / "images")
    save_cases(folder, "label_studio", [brushes(folder, scenes), *polygons(folder, scenes)])


def brushes(folder: Path, scenes: list[Scene]) -> Case:
    case = Case("label-studio", TOOL, f"{TOOL}, brush.decode_rle", "brushes.json", "images")
    tasks = []
    for scene in scenes:
        results = []
        for number, item in enumerate(scene.objects):
            runs = brush.mask2rle((item.mask * 255).astype(np.uint8))
            value = {"format": "rle", "rle": runs, "brushlabels": [item.label]}
            results.append(_result(f"{number}", "brushlabels", value, scene))
            drawn = np.reshape(brush.decode_rle(runs), (*scene.size, 4))[..., 3]
            case.add(scene.name, item.label, drawn)
        tasks.append(_task(len(tasks), scene, results, folder))
    (folder / "brushes.json").write_text(json.dumps(tasks))
    return case


def polygons(folder: Path, scenes: list[Scene]) -> list[Case]:
    random = np.random.default_rng(0)
    tasks = []
    for scene, parts in in_one_piece(scenes):
        results = []
        for number, (label, part) in enumerate(parts):
            corners = np.array(moved(part, random, scene.size))
            points = (100 * corners / (scene.size[1], scene.size[0])).tolist()
            value = {"points": points, "closed": True, "polygonlabels": [label]}
            results.append(_result(f"{number}", "polygonlabels", value, scene))
        tasks.append(_task(len(tasks), scene, results, folder))
    (folder / "polygons.json").write_text(json.dumps(tasks))
    for kind in ("COCO", "YOLO"):
        shutil.rmtree(folder / kind, ignore_errors=True)
        converter = Converter(CONFIG.format("PolygonLabels", LABELS), str(folder))
        converter.convert(str(folder / "polygons.json"), str(folder / kind), kind, is_dir=False)
    drawer = f"{TOOL}'s COCO export, by pycocotools"
    cases = [
        Case("label-studio", TOOL, drawer, "polygons.json", "images"),
        Case("coco", TOOL, drawer, "COCO/result.json", "images"),
        Case("yolo", TOOL, drawer, "YOLO", "images"),
    ]
    content = json.loads((folder / "COCO" / "result.json").read_text())
    images = {image["id"]: image for image in content["images"]}
    names = {row["id"]: row["name"] for row in content["categories"]}
    for row in content["annotations"]:
        image = images[row["image_id"]]
        runs = coco_mask.frPyObjects(row["segmentation"], image["height"], image["width"])
        for case in cases:
            case.add(
                Path(image["file_name"]).name,
                names[row["category_id"]],
                coco_mask.decode(coco_mask.merge(runs)),
            )
    return cases


def _result(key: str, kind: str, value: dict[str, Any], scene: Scene) -> dict[str, Any]:
    sides = {"original_height": scene.size[0], "original_width": scene.size[1]}
    told = {"id": key, "type": kind, "from_name": "label", "to_name": "image", "value": value}
    return {**sides, "image_rotation": 0, **told}


def _task(number: int, scene: Scene, results: list[Any], folder: Path) -> dict[str, Any]:
    annotation = {
        "id": number,
        "completed_by": {"id": 1},
        "created_at": "2026-01-01",
        "result": results,
    }
    image = str((folder / "images" / scene.name).absolute())
    return {"id": number, "annotations": [annotation], "data": {"image": image}}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
