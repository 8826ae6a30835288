"""The same polygons on the same images, in the files of several annotation tools."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 640, 480
CLASSES = ("leaf", "stem", "flower")
_CORNERS = 20
_SEED = 33
_PICTURES = 10
"""Different ones; files beyond that are links to them."""

Outline = list[tuple[float, float]]
Labelled = list[tuple[str, Outline]]
"""The class and outline of each object of an image."""


def write_images(folder: Path, images: int) -> None:
    """JPEGs of 640 x 480 in `folder/images`."""
    own = folder / "images"
    own.mkdir(parents=True)
    for number in range(images):
        if number < _PICTURES:
            noise = np.random.default_rng(number).integers(0, 255, (15, 20, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((WIDTH, HEIGHT)).save(own / f"{number}.jpg")
        else:
            (own / f"{number}.jpg").hardlink_to(own / f"{number % _PICTURES}.jpg")


def write_labels(name: str, folder: Path, images: int, objects: int) -> Path:
    """Labels of a format for the images of `write_images`.

    Args:
        name: of the format, as `import_labels` takes it.
        folder: of the images, whose labels go beside it.
        images: how many there are.
        objects: on each.

    Returns:
        What to import.
    """
    return FORMATS[name](folder, images, objects)


def _scene(number: int, objects: int) -> Labelled:
    """Convex shapes of 20 to 80 px, all over the image."""
    draw = random.Random(_SEED * 10**6 + number)
    found = []
    for _ in range(objects):
        radius = draw.uniform(10, 40)
        x, y = (draw.uniform(radius, side - radius) for side in (WIDTH, HEIGHT))
        outline = []
        for corner in range(_CORNERS):
            angle, length = 2 * math.pi * corner / _CORNERS, radius * draw.uniform(0.8, 1)
            across, down = length * math.cos(angle), length * math.sin(angle)
            outline.append((round(x + across, 2), round(y + down, 2)))
        found.append((draw.choice(CLASSES), outline))
    return found


def _scenes(images: int, objects: int) -> Iterator[tuple[int, Labelled]]:
    return ((number, _scene(number, objects)) for number in range(images))


def _flat(outline: Outline) -> list[float]:
    return [value for point in outline for value in point]


def _coco(folder: Path, images: int, objects: int) -> Path:
    path = folder / "coco.json"
    with path.open("w") as file:
        listed = [
            {"id": n + 1, "file_name": f"{n}.jpg", "height": HEIGHT, "width": WIDTH}
            for n in range(images)
        ]
        classes = [{"id": key, "name": name} for key, name in enumerate(CLASSES, 1)]
        head = json.dumps({"images": listed, "categories": classes})
        file.write(head[:-1] + ', "annotations": [')
        count = 0
        for number, scene in _scenes(images, objects):
            for name, outline in scene:
                count += 1
                file.write(", " * (count > 1) + json.dumps(_coco_row(count, number, name, outline)))
        file.write("]}")
    return path


def _coco_row(key: int, number: int, name: str, outline: Outline) -> dict[str, Any]:
    xs, ys = zip(*outline, strict=True)
    return {
        "id": key,
        "image_id": number + 1,
        "category_id": CLASSES.index(name) + 1,
        "segmentation": [_flat(outline)],
        "bbox": [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)],
        "area": (max(xs) - min(xs)) * (max(ys) - min(ys)) * 0.7,
        "iscrowd": 0,
    }


def _yolo(folder: Path, images: int, objects: int) -> Path:
    (folder / "labels").mkdir()
    for number, scene in _scenes(images, objects):
        lines = []
        for name, outline in scene:
            values = " ".join(f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in outline)
            lines.append(f"{CLASSES.index(name)} {values}\n")
        (folder / "labels" / f"{number}.txt").write_text("".join(lines))
    names = "".join(f"  {key}: {name}\n" for key, name in enumerate(CLASSES))
    path = folder / "data.yaml"
    path.write_text(f"path: .\ntrain: images\nnames:\n{names}")
    return path


def _labelme(folder: Path, images: int, objects: int) -> Path:
    own = folder / "labelme"
    own.mkdir()
    for number, scene in _scenes(images, objects):
        shapes = [
            {"label": name, "points": outline, "group_id": None, "shape_type": "polygon"}
            for name, outline in scene
        ]
        content: dict[str, Any] = {
            "imagePath": f"../images/{number}.jpg",
            "imageData": None,
            "shapes": shapes,
        }
        content |= {"version": "5.5.0", "imageHeight": HEIGHT, "imageWidth": WIDTH, "flags": {}}
        content["imageData"] = None
        (own / f"{number}.json").write_text(json.dumps(content))
    return own


def _cvat(folder: Path, images: int, objects: int) -> Path:
    path = folder / "cvat.xml"
    names = "".join(f"<label><name>{name}</name></label>" for name in CLASSES)
    with path.open("w") as file:
        file.write(f"<annotations><version>1.1</version><meta><job><labels>{names}</labels></job>")
        file.write("</meta>\n")
        for number, scene in _scenes(images, objects):
            size = f'width="{WIDTH}" height="{HEIGHT}"'
            file.write(f'<image id="{number}" name="{number}.jpg" {size}>\n')
            for name, outline in scene:
                points = ";".join(f"{x},{y}" for x, y in outline)
                kept = f'label={quoteattr(name)} source="manual" occluded="0" z_order="0"'
                file.write(f'<polygon {kept} points="{points}"></polygon>\n')
            file.write("</image>\n")
        file.write("</annotations>\n")
    return path


def _label_studio(folder: Path, images: int, objects: int) -> Path:
    path = folder / "label_studio.json"
    with path.open("w") as file:
        for number, scene in _scenes(images, objects):
            results = []
            for key, (name, outline) in enumerate(scene):
                points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in outline]
                value = {"points": points, "closed": True, "polygonlabels": [name]}
                results.append(
                    {
                        "id": f"{number}-{key}",
                        "type": "polygonlabels",
                        "from_name": "label",
                        "to_name": "image",
                        "original_width": WIDTH,
                        "original_height": HEIGHT,
                        "image_rotation": 0,
                        "value": value,
                    }
                )
            task: dict[str, Any] = {"id": number, "data": {"image": f"/data/upload/1/{number}.jpg"}}
            annotation = {"id": number, "was_cancelled": False, "result": results}
            task["annotations"] = [annotation]
            file.write(("[" if number == 0 else ",\n") + json.dumps(task))
        file.write("]")
    return path


def _via(folder: Path, images: int, objects: int) -> Path:
    path = folder / "via.json"
    with path.open("w") as file:
        for number, scene in _scenes(images, objects):
            regions = []
            for name, outline in scene:
                xs, ys = zip(*outline, strict=True)
                place = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
                regions.append({"shape_attributes": place, "region_attributes": {"class": name}})
            entry: dict[str, Any] = {"filename": f"{number}.jpg", "size": 1, "regions": regions}
            entry["file_attributes"] = {}
            file.write(("{" if number == 0 else ", ") + f'"{number}.jpg1": {json.dumps(entry)}')
        file.write("}")
    return path


FORMATS: dict[str, Callable[[Path, int, int], Path]] = {
    "coco": _coco,
    "yolo": _yolo,
    "labelme": _labelme,
    "cvat": _cvat,
    "label-studio": _label_studio,
    "via": _via,
}
"""Writers by the names of the formats."""
