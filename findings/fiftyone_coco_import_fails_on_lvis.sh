#!/usr/bin/env bash
# FiftyOne 1.22.1: its COCO importer on a file of LVIS v1, whose images have no `file_name`.
#
# Expected: images are found by the end of their `coco_url`, as the lvis library's users do; or an
# error that says what is missing. (LVIS is built like COCO, and v0.5 had `file_name`.)
# Seen: KeyError: 'file_name', with the folder of the set or with the paths of its two halves.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet fiftyone==1.22.1
cd "$folder"
export FIFTYONE_DISABLE_SERVICES=1 FIFTYONE_DO_NOT_TRACK=true
export FIFTYONE_CONFIG_PATH="$folder/config.json"
mkdir data
cat >labels.json <<'JSON'
{"images": [{"id": 139, "coco_url": "http://images.cocodataset.org/val2017/000000000139.jpg",
   "width": 40, "height": 30, "neg_category_ids": [], "not_exhaustive_category_ids": []}],
 "categories": [{"id": 1, "name": "boat", "synset": "boat.n.01", "frequency": "r"}],
 "annotations": [{"id": 1, "image_id": 139, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25,
   "segmentation": [[1, 1, 6, 1, 6, 6, 1, 6]]}]}
JSON
"$folder/venv/bin/python" - <<'PYTHON'
import fiftyone as fo
import fiftyone.utils.coco as fouc
from PIL import Image

print("fiftyone", fo.__version__)
Image.new("RGB", (40, 30)).save("data/000000000139.jpg")
seen = []
for more in ({"dataset_dir": "."}, {"labels_path": "labels.json", "data_path": "data"}):
    importer = fouc.COCODetectionDatasetImporter(**more)
    try:
        importer.setup()
        seen.append(str(next(iter(importer))[2]))
    except Exception as error:
        seen.append(f"{type(error).__name__}: {error}")
    print(more, "->", seen[-1])
assert seen == ["KeyError: 'file_name'"] * 2, "changed"
PYTHON
