#!/usr/bin/env bash
# datumaro 1.13.12 and supervision 0.31.2 with pycocotools 2.0.11: masks as polygons in their COCO
# exports (datumaro's `segmentation_mode="polygons"`; what supervision writes for a mask of one
# piece).
#
# Expected: a square of 10 x 10 px has 100 px for every reader of COCO, whose corners are edges.
# Seen: outlines go through the middles of the outermost pixels, 9 px from corner to corner, so
# pycocotools draws 81 px. supervision says `area` 100 and, drawing the outermost pixels whole, reads
# 100 again: its own round trip hides what other tools see. Of datumaro's object of two squares of
# 16 px each, 18 px are left; a ring of 160 px has 171, with a bridge to its hole.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for tool in datumaro==1.13.12 supervision==0.31.2; do
    python3 -m venv "$folder/${tool%%=*}"
    "$folder/${tool%%=*}/bin/python" -m pip install --quiet "$tool" pycocotools==2.0.11 2>"$folder/pip.log"
done
cd "$folder"
cat >export.py <<'PYTHON'
import sys

import numpy as np
from PIL import Image
from pycocotools.coco import COCO

tool = sys.argv[1]
square, two, ring = np.zeros((3, 30, 40), dtype=bool)
square[2:12, 2:12] = True
two[20:24, 2:6] = two[20:24, 10:14] = True
ring[5:25, 20:30] = True
ring[10:20, 23:27] = False
Image.new("RGB", (40, 30)).save("one.png")
if tool == "datumaro":
    import datumaro as dm

    labels = [dm.Mask(m, label=0, id=n, group=n) for n, m in enumerate((square, two, ring), start=1)]
    picture = dm.Image.from_numpy(data=np.zeros((30, 40, 3), np.uint8), ext=".png")
    item = dm.DatasetItem(id="one", subset="train", media=picture, annotations=labels)
    dm.Dataset.from_iterable([item], categories=["boat"], media_type=dm.Image).export(
        "datumaro-coco", "coco_instances", segmentation_mode="polygons"
    )
    coco = COCO("datumaro-coco/annotations/instances_train.json")
else:
    import supervision as sv

    found = sv.Detections(
        xyxy=np.array([[2, 2, 12, 12]]), mask=square[None], class_id=np.zeros(1, int)
    )
    dataset = sv.DetectionDataset(["boat"], ["one.png"], {"one.png": found})
    dataset.as_coco(annotations_path="supervision.json")
    coco = COCO("supervision.json")
    [(_, _, again)] = sv.DetectionDataset.from_coco(".", "supervision.json", force_masks=True)
    print("supervision reads", int(again.mask.sum()), "px of its own file")
    assert again.mask.sum() == 100
drawn = [int(coco.annToMask(row).sum()) for row in coco.anns.values()]
print(tool, "of", [int(mask.sum()) for mask in (square, two, ring)][: len(drawn)], "px: drawn", drawn)
print("   the square:", coco.anns[1]["segmentation"], "area", coco.anns[1]["area"])
assert drawn == {"datumaro": [81, 18, 171], "supervision": [81]}[tool], "changed"
PYTHON
for tool in datumaro supervision; do
    "$tool/bin/python" export.py "$tool" 2>"$tool.log" | grep -v index || { cat "$tool.log"; exit 1; }
done
