"""YOLO's text files as Ultralytics converts them from COCO, and drawn as it draws them."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pycocotools import mask as coco_mask

from scripts.format_tools.drawing import Case, moved, save_cases, scenes_with_objects
from tests.formats.coco_writing import coco_content
from tests.formats.scenes import CLASSES

_version = importlib.metadata.version
# It asks for torchvision's version when it is imported; nothing that is used here needs that.
importlib.metadata.version = lambda name: "0.0" if name == "torchvision" else _version(name)
import ultralytics  # noqa: E402
from ultralytics.data.converter import convert_coco  # noqa: E402
from ultralytics.data.utils import polygon2mask  # noqa: E402

TOOL = f"ultralytics {ultralytics.__version__}"


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    random = np.random.default_rng(0)
    content = coco_content(scenes)
    content["categories"] = [{"id": n, "name": name} for n, name in enumerate(CLASSES, start=1)]
    numbers = {row["name"]: row["id"] for row in content["categories"]}
    path = folder / "yolo" / "data.yaml"
    coco = Case("yolo", TOOL, "pycocotools, the COCO file that was converted", "yolo/data.yaml")
    own = Case("yolo", TOOL, f"{TOOL}, polygon2mask", "yolo/data.yaml")
    items = [(scene, item) for scene in scenes for item in scene.objects]
    for (scene, item), row in zip(items, content["annotations"], strict=True):
        row["category_id"] = numbers[item.label]
        row["segmentation"] = [
            np.ravel(moved(part, random, scene.size)).tolist() for part in item.parts
        ]
        runs = coco_mask.merge(coco_mask.frPyObjects(row["segmentation"], *scene.size))
        coco.add(scene.name, item.label, coco_mask.decode(runs))
    (folder / "coco").mkdir(exist_ok=True)
    (folder / "coco" / "truth.json").write_text(json.dumps(content))
    shutil.rmtree(folder / "yolo", ignore_errors=True)
    convert_coco(str(folder / "coco"), str(folder / "yolo"), use_segments=True, cls91to80=False)
    [labels] = {file.parent for file in (folder / "yolo").rglob("*.txt")}
    labels.rename(folder / "yolo" / "labels" / "all")
    for scene in scenes:
        scene.save_image(folder / "yolo" / "images" / "all")
        lines = (folder / "yolo" / "labels" / "all" / scene.name).with_suffix(".txt").read_text()
        for line in lines.splitlines():
            label, *values = map(float, line.split())
            corners = np.array(values).reshape(-1, 2) * (scene.size[1], scene.size[0])
            own.add(scene.name, CLASSES[int(label)], polygon2mask(scene.size, [corners.ravel()]))
    told: dict[str, Any] = {"train": "images/all", "val": "images/all", "names": list(CLASSES)}
    path.write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    save_cases(folder, "ultralytics", [coco, own])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
