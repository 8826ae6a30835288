"""COCO's files and results as pycocotools draws them, LVIS's as the lvis library does; the files by
hand to their published descriptions."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from lvis import LVIS
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from scripts.format_tools.drawing import Case, moved, save_cases, scenes_with_objects
from tests.formats.coco_writing import CATEGORIES, coco_content
from tests.formats.scenes import Scene

PYCOCOTOOLS = f"pycocotools {version('pycocotools')}"
NAMES = {row["id"]: row["name"] for row in CATEGORIES}


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    cases = []
    for name, polygons in (("masks", False), ("polygons", True)):
        content = written(scenes, polygons)
        for scene in scenes:
            scene.save_image(folder / name)
        path = folder / name / "truth.json"
        path.write_text(json.dumps(content))
        truth = COCO(str(path))
        why = f"by hand, {name}"
        case = Case("coco", why, f"{PYCOCOTOOLS}, annToMask", f"{name}/truth.json")
        draw(case, content["images"], truth.anns.values(), truth.annToMask)
        cases.append(case)
        results = results_of(content)
        path = folder / name / "results" / "found.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(results))
        found = truth.loadRes(str(path))
        case = Case(
            "coco-results", why, f"{PYCOCOTOOLS}, loadRes", f"{name}/results/found.json", name
        )
        case.images = f"{name}/truth.json"
        draw(case, content["images"], found.anns.values(), found.annToMask)
        cases.append(case)
        path = folder / f"lvis-{name}" / "lvis_v1_val.json"
        for scene in scenes:
            scene.save_image(path.parent / "val2017")
        path.write_text(json.dumps(as_lvis(content)))
        lvis = LVIS(str(path))
        tool = f"lvis {version('lvis')}, ann_to_mask"
        case = Case("lvis", why, tool, f"lvis-{name}/lvis_v1_val.json")
        draw(case, content["images"], lvis.anns.values(), lvis.ann_to_mask)
        cases.append(case)
    save_cases(folder, "coco_tools", cases)


def draw(case: Case, images: list[Any], annotations: Any, drawn: Any) -> None:
    names = {image["id"]: image["file_name"] for image in images}
    for row in annotations:
        case.add(names[row["image_id"]], NAMES[row["category_id"]], drawn(row))


def written(scenes: list[Scene], polygons: bool) -> Any:
    """With holes as run lengths; or the parts as polygons with corners anywhere, no holes."""
    content = coco_content(scenes)
    random = np.random.default_rng(0)
    if polygons:
        items = [(scene, item) for scene in scenes for item in scene.objects]
        for (scene, item), row in zip(items, content["annotations"], strict=True):
            row["segmentation"] = [
                np.ravel(moved(part, random, scene.size)).tolist() for part in item.parts
            ]
            runs = coco_mask.merge(coco_mask.frPyObjects(row["segmentation"], *scene.size))
            row["bbox"], row["area"] = coco_mask.toBbox(runs).tolist(), int(coco_mask.area(runs))
    return content


def results_of(content: Any) -> list[Any]:
    sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    rows = []
    for row in content["annotations"]:
        shape = row["segmentation"]
        if isinstance(shape, list):  # results are masks
            shape = coco_mask.merge(coco_mask.frPyObjects(shape, *sizes[row["image_id"]]))
            shape = {**shape, "counts": shape["counts"].decode()}
        keys = {key: row[key] for key in ("image_id", "category_id")}
        rows.append({**keys, "segmentation": shape, "score": 0.5})
    return rows


def as_lvis(content: Any) -> Any:
    images = []
    for image in content["images"]:
        rest = {key: value for key, value in image.items() if key != "file_name"}
        rest["coco_url"] = f"http://images.cocodataset.org/val2017/{image['file_name']}"
        images.append({**rest, "neg_category_ids": [], "not_exhaustive_category_ids": []})
    return {**content, "images": images}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
