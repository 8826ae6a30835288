"""Scenes written by supervision, drawn as it reads its own files again."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import supervision as sv

from scripts.format_tools.drawing import Case, save_cases, scenes_with_objects
from tests.formats.scenes import CLASSES, Scene

TOOL = f"supervision {sv.__version__}"

_EDGES = "outlines go through the middle of the outermost pixels, and it draws those pixels too"
WHY = {"coco": _EDGES, "yolo": f"{_EDGES}; each part is an object", "voc": "as boxes"}


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    shutil.rmtree(folder / "images", ignore_errors=True)
    paths = [str(scene.save_image(folder / "images")) for scene in scenes]
    annotations = {path: detections(scene) for path, scene in zip(paths, scenes, strict=True)}
    dataset = sv.DetectionDataset(classes=list(CLASSES), images=paths, annotations=annotations)
    coco, yolo, voc = folder / "coco" / "truth.json", folder / "yolo", folder / "voc"
    coco.parent.mkdir(exist_ok=True)
    dataset.as_coco(annotations_path=str(coco))
    dataset.as_yolo(
        images_directory_path=str(yolo / "images"),
        annotations_directory_path=str(yolo / "labels"),
        data_yaml_path=str(yolo / "data.yaml"),
    )
    dataset.as_pascal_voc(
        images_directory_path=str(voc / "JPEGImages"),
        annotations_directory_path=str(voc / "Annotations"),
    )
    images = str(folder / "images")
    read = {
        ("coco", "coco/truth.json", "images"): sv.DetectionDataset.from_coco(
            images, str(coco), force_masks=True
        ),
        ("yolo", "yolo/data.yaml", "yolo/images"): sv.DetectionDataset.from_yolo(
            str(yolo / "images"), str(yolo / "labels"), str(yolo / "data.yaml"), force_masks=True
        ),
        ("voc", "voc", None): sv.DetectionDataset.from_pascal_voc(
            str(voc / "JPEGImages"), str(voc / "Annotations")
        ),
    }
    cases = []
    for (format, path, photos), again in read.items():
        case = Case(format, TOOL, f"{TOOL}, its own reader", path, photos, WHY[format])
        for image, _, found in again:
            add(case, again.classes, Path(image).name, found, scenes)
        cases.append(case)
    save_cases(folder, "supervision", cases)


def detections(scene: Scene) -> sv.Detections:
    masks = np.stack([item.mask for item in scene.objects])
    labels = np.array([CLASSES.index(item.label) for item in scene.objects])
    return sv.Detections(xyxy=sv.mask_to_xyxy(masks), mask=masks, class_id=labels)


def add(
    case: Case, classes: list[str], name: str, found: sv.Detections, scenes: list[Scene]
) -> None:
    """As it reads them: masks, of VOC the boxes."""
    [size] = {scene.size for scene in scenes if scene.name == name}
    for place in range(len(found)):
        x1, y1, x2, y2 = (round(float(side)) for side in found.xyxy[place])
        mask = np.zeros(size, dtype=bool)
        mask[y1:y2, x1:x2] = True
        if case.format != "voc" and found.mask is not None:
            mask = found.mask[place]
        case.add(name, classes[found.class_id[place]], mask)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
