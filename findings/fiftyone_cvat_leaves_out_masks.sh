#!/usr/bin/env bash
# FiftyOne 1.22.1: its reader of CVAT's XML (`CVATImageDataset`) on a file with a mask, an ellipse, a
# turned box and a polygon of two parts.
#
# Expected: all are read, or it is said which are not.
# Seen: masks and ellipses are left out, a turned box is read as if it were upright, and the parts
# that a group makes one object are two, without the group: nothing is said of any of that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet fiftyone==1.22.1
cd "$folder"
export FIFTYONE_DISABLE_SERVICES=1 FIFTYONE_DO_NOT_TRACK=true
export FIFTYONE_CONFIG_PATH="$folder/config.json"
cat >annotations.xml <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><labels><label><name>boat</name><attributes></attributes></label></labels></task></meta>
  <image id="0" name="a.png" width="40" height="30">
    <mask label="boat" source="manual" occluded="0" rle="0, 4" left="2" top="2" width="2" height="2" z_order="0"></mask>
    <ellipse label="boat" source="manual" occluded="0" cx="20" cy="15" rx="6" ry="3" z_order="0"></ellipse>
    <box label="boat" source="manual" occluded="0" rotation="90" xtl="10" ytl="5" xbr="30" ybr="15" z_order="0"></box>
    <polygon label="boat" source="manual" occluded="0" points="1,1;5,1;5,5" group_id="1" z_order="0"></polygon>
    <polygon label="boat" source="manual" occluded="0" points="8,1;12,1;12,5" group_id="1" z_order="0"></polygon>
  </image>
</annotations>
XML
"$folder/venv/bin/python" - <<'PYTHON'
import fiftyone as fo
import fiftyone.utils.cvat as fouc

print("fiftyone", fo.__version__)
_, _, [image] = fouc.load_cvat_image_annotations("annotations.xml")
labels = image.to_labels()
for name, value in labels.items():
    for label in value[value._LABEL_LIST_FIELD]:
        print(name, label.bounding_box if name == "detections" else label.points, dict(label.iter_attributes()))
[box] = labels["detections"].detections
assert set(labels) == {"detections", "polylines"}, "changed: masks or ellipses are read"
assert len(labels["polylines"].polylines) == 2, "changed: the parts of a group are one object"
assert box.bounding_box == [10 / 40, 5 / 30, 20 / 40, 10 / 30], "changed: the box is turned"
assert not any("rotation" in name or "group" in name for name, _ in box.iter_attributes())
PYTHON
