#!/usr/bin/env bash
# datumaro 1.13.12 and supervision 0.31.2 with pycocotools 2.0.11: masks in their COCO exports.
#
# Expected: three single objects are three objects (`iscrowd` 0), whatever their masks look like.
# Seen: `iscrowd` says how the mask is written: 1 for every run length. datumaro writes all masks so,
# supervision those with holes or of several parts. COCO's evaluation takes crowds for regions in
# which nothing counts, so predictions that are right in every pixel have no AP (-1) with datumaro's
# file, and with supervision's two of the three objects are not evaluated at all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for tool in datumaro==1.13.12 supervision==0.31.2; do
    python3 -m venv "$folder/${tool%%=*}"
    "$folder/${tool%%=*}/bin/python" -m pip install --quiet "$tool" pycocotools==2.0.11 2>"$folder/pip.log"
done
cd "$folder"
cat >export.py <<'PYTHON'
import contextlib
import io
import json
import sys

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

tool = sys.argv[1]
masks = np.zeros((3, 60, 80), dtype=bool)
masks[0, 5:25, 5:25] = True  # a square
masks[1, 5:45, 30:70] = True
masks[1, 15:35, 40:60] = False  # a ring
masks[2, 50:58, 5:15] = masks[2, 50:58, 25:35] = True  # two parts
Image.new("RGB", (80, 60)).save("one.png")
if tool == "datumaro":
    import datumaro as dm

    labels = [dm.Mask(mask, label=0, id=n, group=n) for n, mask in enumerate(masks, start=1)]
    picture = dm.Image.from_numpy(data=np.zeros((60, 80, 3), np.uint8), ext=".png")
    item = dm.DatasetItem(id="one", subset="train", media=picture, annotations=labels)
    dm.Dataset.from_iterable([item], categories=["boat"], media_type=dm.Image).export(
        "datumaro-coco", "coco_instances"
    )
    path = "datumaro-coco/annotations/instances_train.json"
else:
    import supervision as sv

    boxes, path = sv.mask_to_xyxy(masks), "supervision.json"
    found = sv.Detections(xyxy=boxes, mask=masks, class_id=np.zeros(3, int))
    sv.DetectionDataset(["boat"], ["one.png"], {"one.png": found}).as_coco(annotations_path=path)
content = json.load(open(path))
crowds = [row["iscrowd"] for row in content["annotations"]]
results = []
for mask in masks:
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    runs["counts"] = runs["counts"].decode()
    image, category = content["images"][0]["id"], content["categories"][0]["id"]
    results.append({"image_id": image, "category_id": category, "segmentation": runs, "score": 0.9})
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(path)
    evaluation = COCOeval(truth, truth.loadRes(results), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
counted = sum(not ignored for ignored in evaluation.evalImgs[0]["gtIgnore"])
print(f"{tool}: iscrowd {crowds}, AP50 of the very masks {evaluation.stats[1]:g}, of {counted} objects")
expected = {"datumaro": ([1, 1, 1], -1, 0), "supervision": ([0, 1, 1], 1, 1)}[tool]
assert (crowds, round(float(evaluation.stats[1]), 6), counted) == expected, "changed"
PYTHON
for tool in datumaro supervision; do
    "$tool/bin/python" export.py "$tool" 2>"$tool.log" || { cat "$tool.log"; exit 1; }
done
