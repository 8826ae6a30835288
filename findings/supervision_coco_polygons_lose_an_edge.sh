#!/usr/bin/env bash
# supervision 0.31.2 with pycocotools 2.0.11: a mask in its COCO export (`DetectionDataset.as_coco`).
#
# Expected: a square of 10 x 10 px has 100 px and a box of 10 x 10 px for every reader of COCO.
# Seen: its outline goes through the middles of the outermost pixels, 9 px from corner to corner, and
# the box is 9 x 9; pycocotools draws 81 px. `area` says 100, and supervision itself, which draws the
# outermost pixels whole, reads 100 again: its own round trip hides that other tools see 19 % less.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet supervision==0.31.2 pycocotools==2.0.11 2>"$folder/pip.log"
cd "$folder"
cat >export.py <<'PYTHON'
import json

import numpy as np
import supervision as sv
from PIL import Image
from pycocotools.coco import COCO

print("supervision", sv.__version__)
mask = np.zeros((1, 30, 40), dtype=bool)
mask[0, 5:15, 5:15] = True
Image.new("RGB", (40, 30)).save("one.png")
# Boxes that end after the last pixel, as its VOC export takes them.
found = sv.Detections(xyxy=np.array([[5, 5, 15, 15]]), mask=mask, class_id=np.zeros(1, int))
sv.DetectionDataset(["boat"], ["one.png"], {"one.png": found}).as_coco(annotations_path="coco.json")
coco = COCO("coco.json")
[row] = coco.anns.values()
print("written:", row["segmentation"], "bbox", row["bbox"], "area", row["area"])
drawn = int(coco.annToMask(row).sum())
[(_, _, again)] = sv.DetectionDataset.from_coco(".", "coco.json", force_masks=True)
print("drawn by pycocotools", drawn, "px, by supervision", int(again.mask.sum()), "px")
assert (row["area"], drawn, int(again.mask.sum())) == (100, 81, 100), "changed"
PYTHON
venv/bin/python export.py 2>log.txt || { cat log.txt; exit 1; }
