#!/usr/bin/env bash
# X-AnyLabeling 4.2.1 with pycocotools 2.0.11: polygons that reach the picture's right and bottom
# border, in its COCO export.
#
# Expected: the corners as they were drawn. A polygon around all of a picture of 40 x 30 px covers
# its 1,200 px; its own file (labelme's format) has the corner (40, 30), and draws all of them.
# Seen: the COCO (and YOLO) export moves corners to at most (39, 29), the number of the last pixel,
# although COCO counts edges: 1,131 px are left, and the last row and column are nobody's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet x-anylabeling-cvhub==4.2.1 pycocotools==2.0.11 2>"$folder/pip.log"
cd "$folder"
export QT_QPA_PLATFORM=offscreen
cat >export.py <<'PYTHON'
import json
from importlib.metadata import version
from pathlib import Path

import anylabeling.views.labeling.label_widget  # noqa: F401, its modules import each other
from anylabeling.views.labeling.label_converter import LabelConverter
from anylabeling.views.labeling.utils.shape import shape_to_mask
from PIL import Image
from pycocotools.coco import COCO

print("x-anylabeling-cvhub", version("x-anylabeling-cvhub"))
Image.new("RGB", (40, 30)).save("one.png")
Path("classes.txt").write_text("boat\n")
points = [[0, 0], [40, 0], [40, 30], [0, 30]]
shape = {"label": "boat", "points": points, "shape_type": "polygon", "group_id": None, "flags": {}}
content = {"version": "4.2.1", "flags": {}, "shapes": [shape], "imagePath": "one.png"}
content |= {"imageData": None, "imageHeight": 30, "imageWidth": 40}
Path("one.json").write_text(json.dumps(content))
Path("coco").mkdir()
LabelConverter(classes_file="classes.txt").custom_to_coco(["one.png"], ".", "coco", "polygon")
[path] = Path("coco").rglob("*.json")
coco = COCO(str(path))
[row] = coco.anns.values()
own, exported = int(shape_to_mask((30, 40), points, "polygon").sum()), int(coco.annToMask(row).sum())
print("drawn by itself:", own, "px; exported:", row["segmentation"], "which covers", exported, "px")
assert (own, exported) == (1200, 1131), "changed"
PYTHON
venv/bin/python export.py 2>log.txt || { cat log.txt; exit 1; }
