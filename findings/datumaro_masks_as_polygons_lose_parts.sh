#!/usr/bin/env bash
# datumaro 1.13.12 with pycocotools 2.0.11: masks in its COCO export as polygons
# (`segmentation_mode="polygons"`, which training code that reads no run lengths needs).
#
# Expected: about the masks' pixels, as its export as run lengths has them.
# Seen: a ring of 160 px has its hole bridged and comes out as 171 px; of an object of two squares of
# 16 px each, 18 px are left. Box and `area` are not the polygons': the box is still that of the mask.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet datumaro==1.13.12 pycocotools==2.0.11 2>"$folder/pip.log"
cd "$folder"
cat >export.py <<'PYTHON'
import datumaro as dm
import numpy as np
from pycocotools.coco import COCO

print("datumaro", dm.__version__)
ring, two, square = np.zeros((3, 30, 40), dtype=bool)
ring[5:25, 20:30] = True
ring[10:20, 23:27] = False
two[20:24, 2:6] = two[20:24, 10:14] = True
square[2:12, 2:12] = True
masks = {"ring": ring, "two squares": two, "square": square}
labels = [dm.Mask(mask, label=0, id=n, group=n) for n, mask in enumerate(masks.values(), start=1)]
picture = dm.Image.from_numpy(data=np.zeros((30, 40, 3), np.uint8), ext=".png")
item = dm.DatasetItem(id="one", subset="train", media=picture, annotations=labels)
dataset = dm.Dataset.from_iterable([item], categories=["boat"], media_type=dm.Image)
seen = {}
for mode in ("mask", "polygons"):
    dataset.export(mode, "coco_instances", segmentation_mode=mode)
    coco = COCO(f"{mode}/annotations/instances_train.json")
    for (name, mask), row in zip(masks.items(), coco.anns.values()):
        drawn = int(coco.annToMask(row).sum())
        print(f"{mode}: {name} of {mask.sum()} px, drawn {drawn}, area {row['area']}, box {row['bbox']}")
        seen[mode, name] = drawn
assert [seen["mask", name] for name in masks] == [160, 32, 100]
assert [seen["polygons", name] for name in masks][:2] == [171, 18], "changed"
PYTHON
venv/bin/python export.py 2>log.txt | grep -v index || { cat log.txt; exit 1; }
