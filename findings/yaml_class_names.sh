#!/usr/bin/env bash
# FiftyOne 1.22.1 and supervision 0.31.2: a YOLO data set whose data.yaml says
# `names: [boat, no, 007]`, as one writes it by hand.
#
# Expected: the classes boat, no and 007.
# Seen: YAML 1.1 takes `no` for false and 007 for 7. supervision reads the classes "False" and "7";
# FiftyOne gives labels a class that is no text, and its import ends in a ValidationError that names
# neither the file nor the class. (Ultralytics 8.4.190 trains a class "False".)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for tool in fiftyone==1.22.1 supervision==0.31.2; do
    python3 -m venv "$folder/${tool%%=*}"
    "$folder/${tool%%=*}/bin/python" -m pip install --quiet "$tool" 2>"$folder/pip.log"
done
cd "$folder"
mkdir -p images/train labels/train
printf 'train: images/train\nval: images/train\nnames: [boat, no, 007]\n' >dataset.yaml
printf '0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2\n2 0.5 0.5 0.1 0.1\n' >labels/train/one.txt
export FIFTYONE_DISABLE_SERVICES=1 FIFTYONE_DO_NOT_TRACK=true
export FIFTYONE_CONFIG_PATH="$folder/config.json"
fiftyone/bin/python - <<'PYTHON' 2>fiftyone.log || { cat fiftyone.log; exit 1; }
import fiftyone as fo
import fiftyone.utils.yolo as fouy
from PIL import Image

Image.new("RGB", (40, 30)).save("images/train/one.png")
importer = fouy.YOLOv5DatasetImporter(".", split="train")
importer.setup()
try:
    seen = f"{[label.label for label in next(iter(importer))[2].detections]}"
except Exception as error:
    seen = f"{type(error).__name__}: {error}"
print("fiftyone", fo.__version__, seen)
assert seen.startswith("ValidationError") and "no" not in seen.split("(")[0], "changed"
PYTHON
supervision/bin/python - <<'PYTHON' 2>supervision.log || { cat supervision.log; exit 1; }
import supervision as sv

classes = sv.DetectionDataset.from_yolo("images/train", "labels/train", "dataset.yaml").classes
print("supervision", sv.__version__, classes)
assert classes == ["boat", "False", "7"], "changed"
PYTHON
