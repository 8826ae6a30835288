"""What annotation tools make of files that were written for them: run in each tool's own
environment, as `python -m scripts.format_tools.prelabel_reading TOOL FOLDER`.

The folder holds a folder of files for each format, and `photos`. What the tool draws is saved as
cases, and what it saves again as files beside them.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from scripts.format_tools.drawing import Case, save_cases


def labelme(folder: Path) -> list[Case]:
    """Drawn by its own function, and saved again as its App does."""
    from labelme import app, utils
    from labelme._label_file import LabelFile

    tool = f"labelme {version('labelme')}"
    case = Case("labelme", tool, "shapes_to_label", "labelme-saved")
    (folder / "labelme-saved").mkdir()
    for file in sorted((folder / "labelme").glob("*.json")):
        loaded = LabelFile(str(file))
        content = json.loads(file.read_text())
        size = content["imageHeight"], content["imageWidth"]
        for shape in loaded.shapes:
            _, drawn = utils.shapes_to_label(size, [shape], {shape["label"]: 1})
            case.add(Path(loaded.image_path).name, shape["label"], drawn > 0)
        shapes = app._shapes_from_dicts(shape_dicts=loaded.shapes, label_flags=None)
        LabelFile().save(
            str(folder / "labelme-saved" / file.name),
            [app._shape_to_dict(shape) for shape in shapes],
            loaded.image_path,
            *size,
            other_data=loaded.other_data,
            flags=loaded.flags,
        )
    return [case]


def cvat(folder: Path) -> list[Case]:
    """Masks decoded by the library of its SDK; its importer is in its server."""
    from cvat_sdk.masks import decode_mask

    tool = f"cvat-sdk {version('cvat-sdk')}"
    case = Case("cvat", tool, "decode_mask", "")
    for image in ElementTree.parse(folder / "cvat/annotations.xml").iter("image"):
        sides = {f"image_{side}": int(image.get(side, "")) for side in ("width", "height")}
        for mask in image.iter("mask"):
            left, top, width, height = (
                int(mask.get(side, "")) for side in ("left", "top", "width", "height")
            )
            runs = [int(run) for run in mask.get("rle", "").split(",")]
            points = [*runs, left, top, left + width - 1, top + height - 1]
            drawn = decode_mask(points, **sides)
            case.add(image.get("name", ""), mask.get("label", ""), drawn)
    return [case]


def label_studio(folder: Path) -> list[Case]:
    """Brushes decoded by its SDK, predictions held against the labelling set-up, and submitted."""
    from label_studio_sdk.converter import brush
    from label_studio_sdk.label_interface import LabelInterface

    tool = f"label-studio-sdk {version('label-studio-sdk')}"
    case = Case("label-studio", tool, "brush.decode_rle", "label-studio-submitted.json")
    setup = LabelInterface((folder / "label-studio/labeling_setup.xml").read_text())
    tasks = json.loads((folder / "label-studio/tasks.json").read_text())
    for number, task in enumerate(tasks):
        [prediction] = task["predictions"]
        problems = setup.validate_prediction(prediction, return_errors=True)
        if problems:
            raise ValueError(f"task {number}: {problems}")
        name = task["data"]["image"].rpartition("=")[2].replace("%20", " ")
        for row in prediction["result"]:
            size = row["original_height"], row["original_width"]
            drawn = np.reshape(brush.decode_rle(row["value"]["rle"]), (*size, 4))[..., 3]
            case.add(name, row["value"]["brushlabels"][0], drawn)
            row["value"]["rle"] = brush.mask2rle(drawn)
        annotation = {"id": number, "result": prediction["result"], "was_cancelled": False}
        task |= {"id": number, "annotations": [annotation]}
    (folder / case.path).write_text(json.dumps(tasks))
    return [case]


def datumaro(folder: Path) -> list[Case]:
    """Read and written again by datumaro, on which CVAT's own importers are built."""
    import datumaro as dm

    tool = f"datumaro {dm.__version__}"
    kinds = {"cvat": "cvat", "coco": "coco_instances", "voc": "voc"}
    cases = []
    for name, kind in kinds.items():
        source = folder / f"datumaro-{name}"
        _arrange(folder, source, name)
        dataset = dm.Dataset.import_from(str(source), kind)
        saved = folder / f"datumaro-{name}-saved"
        case = Case(name, tool, "its reader", saved.name, "photos")
        labels = dataset.categories()[dm.AnnotationType.label]
        for item in dataset:
            for shape in item.annotations:
                if isinstance(shape, dm.Mask):
                    case.add(f"{item.id}.png", labels[shape.label].name, shape.image)
        dataset.export(str(saved), kind, save_media=False)
        cases.append(case)
    return cases


def _arrange(folder: Path, source: Path, name: str) -> None:
    """The files in the folders in which datumaro looks for them, with the images beside them."""
    if name == "coco":
        (source / "annotations").mkdir(parents=True)
        shutil.copy(folder / "coco/instances.json", source / "annotations/instances_train.json")
        shutil.copytree(folder / "photos", source / "images/train")
        return
    shutil.copytree(folder / name, source)
    if name == "voc":
        shutil.copytree(folder / "photos", source / "JPEGImages")
        stems = sorted(path.stem for path in (source / "Annotations").iterdir())
        (source / "ImageSets/Segmentation").mkdir(parents=True)
        (source / "ImageSets/Segmentation/train.txt").write_text("\n".join(stems) + "\n")
        (source / "ImageSets/Main").mkdir()
        (source / "ImageSets/Main/train.txt").write_text("\n".join(stems) + "\n")
    else:
        shutil.copytree(folder / "photos", source / "images")


def supervision(folder: Path) -> list[Case]:
    """COCO's and YOLO's files by its readers."""
    import supervision as sv

    tool = f"supervision {sv.__version__}"
    photos = str(folder / "photos")
    why = "it draws the right and bottom edge of outlines, and seams"
    read = {
        "coco": lambda: sv.DetectionDataset.from_coco(
            photos, str(folder / "coco/instances.json"), force_masks=True
        ),
        "yolo": lambda: sv.DetectionDataset.from_yolo(
            photos, str(folder / "yolo/labels"), str(folder / "yolo/data.yaml"), force_masks=True
        ),
    }
    cases = []
    for name, reader in read.items():
        case = Case(name, tool, "its reader", "", why=why if name == "yolo" else "")
        found = reader()
        for image, _, detections in found:
            for place in range(len(detections)):
                label = found.classes[detections.class_id[place]]
                case.add(Path(image).name, label, detections.mask[place])
        cases.append(case)
    return cases


def coco_tools(folder: Path) -> list[Case]:
    """COCO's own reader."""
    from pycocotools.coco import COCO

    coco = COCO(str(folder / "coco/instances.json"))
    case = Case("coco", f"pycocotools {version('pycocotools')}", "annToMask", "")
    for row in coco.loadAnns(coco.getAnnIds()):
        [image], [category] = coco.loadImgs(row["image_id"]), coco.loadCats(row["category_id"])
        case.add(image["file_name"], category["name"], coco.annToMask(row))
    return [case]


READERS: dict[str, Callable[[Path], list[Case]]] = {
    "coco_tools": coco_tools,
    "cvat": cvat,
    "datumaro": datumaro,
    "label_studio": label_studio,
    "labelme": labelme,
    "supervision": supervision,
}
"""By the names of the tools' environments."""


if __name__ == "__main__":
    tool, folder = sys.argv[1], Path(sys.argv[2])
    save_cases(folder, f"read-{tool}", READERS[tool](folder))
