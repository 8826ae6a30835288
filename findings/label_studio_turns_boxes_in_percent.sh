#!/usr/bin/env bash
# label-studio-sdk 2.1.2 (what Label Studio exports with): the COCO export of a turned box, and of a
# brush.
#
# Expected: the COCO export says of an image's labels what the other exports say.
# Seen: a box of 40 x 10 px that was turned by 90 degrees on a picture of 400 x 100 px is turned in
# percent of the sides, so its bbox in COCO is 40 x 10 px again, at another place; the export for
# YOLO's oriented boxes, which turns in pixels, has the right corners. A brushed ring and a square
# of one stroke become two objects; the ring's hole is filled, and both lose their last row and
# column, as their outlines go through the middles of pixels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet label-studio-sdk==2.1.2 pycocotools==2.0.11 2>"$folder/pip.log"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json
import logging
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
from label_studio_sdk.converter import Converter, brush
from PIL import Image
from pycocotools import mask as coco_mask

logging.disable()
print("label-studio-sdk", version("label-studio-sdk"))
WIDTH, HEIGHT = 400, 100
Image.new("RGB", (WIDTH, HEIGHT)).save("a.png")


def export(control, value, format):
    config = (
        f'<View><Image name="image" value="$image"/><{control} name="label" toName="image">'
        f'<Label value="boat"/></{control}></View>'
    )
    result = {
        "id": "a",
        "type": control.lower(),
        "from_name": "label",
        "to_name": "image",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "value": {**value, control.lower(): ["boat"]},
    }
    annotation = {"id": 1, "completed_by": {"id": 1}, "created_at": "2026", "result": [result]}
    task = {"id": 1, "data": {"image": os.path.abspath("a.png")}, "annotations": [annotation]}
    Path("tasks.json").write_text(json.dumps([task]))
    converter = Converter(config, ".", download_resources=False)
    converter.convert("tasks.json", format, format, is_dir=False)
    return Path(format)


box = {"x": 50, "y": 20, "width": 10, "height": 10, "rotation": 90}
[row] = json.loads((export("RectangleLabels", box, "COCO") / "result.json").read_text())["annotations"]
print("turned box: bbox in COCO", row["bbox"])
text = next((export("RectangleLabels", box, "YOLO_OBB") / "labels").glob("*.txt")).read_text()
corners = np.array(text.split()[1:], dtype=float).reshape(4, 2) * (WIDTH, HEIGHT)
turned = [*corners.min(0), *(corners.max(0) - corners.min(0))]
print("turned box: bbox of its corners in YOLO's OBB", np.round(turned).tolist())

mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
mask[10:60, 10:60] = mask[10:60, 100:150] = 255
mask[25:45, 25:45] = 0
value = {"format": "rle", "rle": brush.mask2rle(mask)}
rows = json.loads((export("BrushLabels", value, "BRUSH_TO_COCO") / "result_coco.json").read_text())
areas = [
    int(coco_mask.area(coco_mask.merge(coco_mask.frPyObjects(row["segmentation"], HEIGHT, WIDTH))))
    for row in rows["annotations"]
]
print("brush: painted", int((mask > 0).sum()), "px as one object; in COCO, objects of", areas, "px")
assert np.allclose(row["bbox"], [160, 20, 40, 10]), "changed: the turned box in COCO"
assert np.allclose(turned, [190, 20, 10, 40]), "changed: the turned box in YOLO's OBB"
assert areas == [2401, 2401], "changed: the brush in COCO"
PYTHON
