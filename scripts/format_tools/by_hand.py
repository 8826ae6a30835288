"""Formats without a library of their own, written by hand to their descriptions, and FiftyOne's own
exports. Runs where this package is installed."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from scripts.format_tools.drawing import Case, in_one_piece, moved, save_cases, scenes_with_objects
from tests.formats.scenes import CLASSES, Scene

PYCOCOTOOLS = f"pycocotools {version('pycocotools')}"
FIFTYONE = f"fiftyone {fo.__version__}"
PILLOW = f"pillow {version('pillow')}"


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    cases = [via(folder / "via", scenes), class_folders(folder / "references", scenes)]
    cases += fiftyone(folder, scenes)
    save_cases(folder, "by_hand", cases)


def via(folder: Path, scenes: list[Scene]) -> Case:
    """A project of version 2: polygons alone, a part each."""
    case = Case("via", "by hand, 2.0.10", f"{PYCOCOTOOLS}, as its COCO export", "via/via.json")
    random = np.random.default_rng(0)
    listed: dict[str, Any] = {}
    for scene, parts in in_one_piece(scenes):
        regions = []
        for label, part in parts:
            points = np.array(moved(part, random, scene.size))
            [runs] = coco_mask.frPyObjects([points.ravel().tolist()], *scene.size)
            case.add(scene.name, label, coco_mask.decode(runs))
            x, y = points.T.tolist()
            drawn = {"name": "polygon", "all_points_x": x, "all_points_y": y}
            regions.append({"shape_attributes": drawn, "region_attributes": {"class": label}})
        size = scene.save_image(folder).stat().st_size
        told = {"filename": scene.name, "size": size, "file_attributes": {}}
        listed[f"{scene.name}{size}"] = {**told, "regions": regions}
    options = dict.fromkeys(CLASSES, "")
    attributes = {"region": {"class": {"type": "dropdown", "options": options}}, "file": {}}
    project = {"_via_settings": {}, "_via_img_metadata": listed, "_via_attributes": attributes}
    (folder / "via.json").write_text(json.dumps(project), encoding="utf-8")
    return case


def class_folders(folder: Path, scenes: list[Scene]) -> Case:
    case = Case("class-folders", "by hand", f"{PILLOW}, alpha", "references")
    for scene in scenes:
        item = scene.objects[0]
        path = scene.save_image(folder / item.label)
        with Image.open(path) as image:
            image.putalpha(Image.fromarray((255 * item.mask).astype(np.uint8)))
            image.save(path)
        with Image.open(path) as again:
            case.add(scene.name, item.label, np.asarray(again.getchannel("A")) >= 128)
    return case


def fiftyone(folder: Path, scenes: list[Scene]) -> list[Case]:
    dataset = fo.Dataset()
    drawn = f"{FIFTYONE}, the masks as given"
    coco = Case("coco", FIFTYONE, drawn, "fiftyone-coco")
    yolo = Case("yolo", FIFTYONE, "boxes as given", "fiftyone-yolo")
    voc = Case("voc", FIFTYONE, "boxes as given", "fiftyone-voc")
    cvat = Case(
        "cvat", FIFTYONE, "boxes as given", "fiftyone-cvat/labels.xml", "fiftyone-cvat/data"
    )
    for scene in scenes:
        height, width = scene.size
        found = []
        for item in scene.objects:
            x, y, w, h = item.box
            coco.add(scene.name, item.label, item.mask)
            box = np.zeros(scene.size, dtype=bool)
            box[y : y + h, x : x + w] = True
            for case in (yolo, voc, cvat):
                case.add(scene.name, item.label, box)
            crop = item.mask[y : y + h, x : x + w]
            relative = [x / width, y / height, w / width, h / height]
            found.append(fo.Detection(label=item.label, bounding_box=relative, mask=crop))
        sample = fo.Sample(scene.save_image(folder / "photos"))
        sample["truth"] = fo.Detections(detections=found)
        dataset.add_sample(sample)
    kinds = {
        "coco": fo.types.COCODetectionDataset,
        "yolo": fo.types.YOLOv5Dataset,
        "voc": fo.types.VOCDetectionDataset,
        "cvat": fo.types.CVATImageDataset,
    }
    for name, kind in kinds.items():
        more = {"classes": list(CLASSES)} if name in ("coco", "yolo") else {}
        more |= {"use_polylines": False} if name == "coco" else {}
        dataset.export(
            str(folder / f"fiftyone-{name}"), dataset_type=kind, label_field="truth", **more
        )
    dataset.delete()
    return [coco, yolo, voc, cvat]


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), int(sys.argv[2]))
