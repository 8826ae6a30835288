#!/usr/bin/env bash
# FiftyOne 1.22.1 with pycocotools 2.0.11: a mask in its COCO export, by the exporter's defaults.
#
# Expected: a square of 10 x 10 px has 100 px in COCO too, and a ring keeps its hole.
# Seen: masks become polygons of simplified outlines: the square's four corners are turned a little,
# and pycocotools draws 84 px of it; `area` says 100. The ring's hole is one more polygon of the same
# list, which COCO unites: the ring is filled.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet fiftyone==1.22.1 pycocotools==2.0.11
cd "$folder"
export FIFTYONE_DISABLE_SERVICES=1 FIFTYONE_DO_NOT_TRACK=true
export FIFTYONE_CONFIG_PATH="$folder/config.json"
"$folder/venv/bin/python" - <<'PYTHON'
import fiftyone as fo
import fiftyone.utils.coco as fouc
import numpy as np
from fiftyone.core.metadata import ImageMetadata
from pycocotools import mask as coco_mask

print("fiftyone", fo.__version__)
square = np.ones((10, 10), dtype=bool)
ring = square.copy()
ring[3:7, 3:7] = False
seen = {}
for name, mask in (("square", square), ("ring", ring)):
    label = fo.Detection(label="boat", bounding_box=[5 / 40, 5 / 30, 10 / 40, 10 / 30], mask=mask)
    metadata = ImageMetadata(width=40, height=30, num_channels=3)
    row = fouc.COCOObject.from_label(label, metadata, category_id=1)
    drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(row.segmentation, 30, 40)))
    middle = "filled" if drawn[10, 10] else "open"
    print(f"{name}: {mask.sum()} px, area {row.area:g}, drawn {drawn.sum()} px, {middle}")
    print("   ", row.segmentation)
    seen[name] = int(mask.sum()), int(drawn.sum()), middle
assert seen["square"] == (100, 84, "filled"), "changed: the square's pixels"
assert seen["ring"] == (84, 84, "filled"), "changed: the ring's hole"
PYTHON
