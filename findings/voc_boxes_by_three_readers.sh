#!/usr/bin/env bash
# FiftyOne 1.22.1, datumaro 1.13.12, supervision 0.31.2: a box of PASCAL VOC, as published.
#
# Expected: VOC counts pixels from 1, and both corners are inside (devkit: width = xmax - xmin + 1).
# The object of 10 x 8 px below has its pixels in SegmentationObject, and every reader gives its box.
# Seen: supervision does. FiftyOne and (unless told otherwise) datumaro read a box of 9 x 7 px, one
# pixel further right and down; of small objects that is much: its IoU with the right one is 0.79.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for tool in fiftyone==1.22.1 datumaro==1.13.12 supervision==0.31.2; do
    python3 -m venv "$folder/${tool%%=*}"
    "$folder/${tool%%=*}/bin/python" -m pip install --quiet "$tool" pillow 2>"$folder/pip.log"
done
cd "$folder"
mkdir -p voc/{Annotations,JPEGImages,SegmentationObject,SegmentationClass,ImageSets/Main}
echo one >voc/ImageSets/Main/train.txt
cat >voc/Annotations/one.xml <<'XML'
<annotation><folder>VOC2012</folder><filename>one.jpg</filename>
  <source><database>The VOC2012 Database</database></source>
  <size><width>40</width><height>30</height><depth>3</depth></size><segmented>1</segmented>
  <object><name>boat</name><pose>Left</pose><truncated>0</truncated><difficult>0</difficult>
    <bndbox><xmin>11</xmin><ymin>6</ymin><xmax>20</xmax><ymax>13</ymax></bndbox></object>
</annotation>
XML
supervision/bin/python - <<'PYTHON' 2>/dev/null
import numpy as np
from PIL import Image

Image.new("RGB", (40, 30)).save("voc/JPEGImages/one.jpg")
values = np.zeros((30, 40), np.uint8)
values[5:13, 10:20] = 1  # the pixels 11 to 20 and 6 to 13, counted from 1
Image.fromarray(values, mode="P").save("voc/SegmentationObject/one.png")
rows, columns = np.nonzero(values)
print("the pixels: x", columns.min(), "y", rows.min(), "of", np.ptp(columns) + 1, "x", np.ptp(rows) + 1)
PYTHON
export FIFTYONE_DISABLE_SERVICES=1 FIFTYONE_DO_NOT_TRACK=true
export FIFTYONE_CONFIG_PATH="$folder/config.json"
cat >read.py <<'PYTHON'
import sys

if sys.argv[1] == "fiftyone":
    import fiftyone.utils.voc as fouv

    [found] = fouv.load_voc_detection_annotations("voc/Annotations/one.xml").to_detections().detections
    sides = [round(n * s, 9) for n, s in zip(found.bounding_box, (40, 30, 40, 30))]
elif sys.argv[1] == "datumaro":
    import datumaro as dm

    [item] = dm.Dataset.import_from("voc", "voc_detection")
    sides = [label for label in item.annotations if label.type.name == "bbox"][0].get_bbox()
else:
    import supervision as sv

    found = sv.DetectionDataset.from_pascal_voc("voc/JPEGImages", "voc/Annotations")
    [[left, top, right, bottom]] = next(iter(found))[2].xyxy.tolist()
    sides = [left, top, right - left, bottom - top]
print(sys.argv[1], "x, y, width, height:", *map(float, sides))
PYTHON
for tool in fiftyone datumaro supervision; do
    "$tool/bin/python" read.py "$tool" 2>"$tool.log" | tee -a seen.txt || { cat "$tool.log"; exit 1; }
done
grep -q "fiftyone x, y, width, height: 11.0 6.0 9.0 7.0" seen.txt
grep -q "datumaro x, y, width, height: 11.0 6.0 9.0 7.0" seen.txt
grep -q "supervision x, y, width, height: 10.0 5.0 10.0 8.0" seen.txt
