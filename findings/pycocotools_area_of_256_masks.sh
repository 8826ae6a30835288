#!/usr/bin/env bash
# pycocotools 2.0.11 with NumPy 2: `mask.area` of a list of masks, as its documentation has it.
#
# Expected: the areas, however many masks.
# Seen: of 255 masks the areas, of 256 an OverflowError, "Python integer 256 out of bounds for
# uint8"; `mask.toBbox` and `mask.iou` take them. With NumPy 1.26 it works.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for numpy in 2.4.6 1.26.4; do
    python3 -m venv "$folder/$numpy"
    "$folder/$numpy/bin/python" -m pip install --quiet pycocotools==2.0.11 "numpy==$numpy" 2>"$folder/pip.log"
    "$folder/$numpy/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from pycocotools import mask

square = mask.encode(np.ones((4, 4), np.uint8, order="F"))
for count in (255, 256):
    assert len(mask.toBbox([square] * count)) == count
    try:
        seen = f"{len(mask.area([square] * count))} areas"
    except OverflowError as error:
        seen = f"OverflowError: {error}"
    print("NumPy", np.__version__, count, "masks:", seen)
    fails = count == 256 and np.__version__[0] == "2"
    assert seen.startswith("OverflowError" if fails else str(count)), "changed"
PYTHON
done
