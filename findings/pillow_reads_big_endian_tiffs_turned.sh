#!/usr/bin/env bash
# Pillow 13.0.0: TIFFs of 32 bits whose highest byte comes first, as Bio-Formats and ImageJ write.
#
# Expected: the values that were written, as tifffile and OpenCV read them.
# Seen: uncompressed they are right; compressed (zlib, also with a predictor) every int32 and float32
# pixel has its bytes turned round, without an error or a warning: 1 becomes 16777216, 1.0 becomes
# 4.6e-41. Unsigned ones (uint32), compressed or not, are "no image" at all, although the same file
# with the lowest byte first is read. 16 bits are right in every case. Label images of cell masks are
# such files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet pillow==13.0.0 numpy==2.2.6 tifffile==2025.5.10 \
    opencv-python-headless==4.12.0.88
"$folder/env/bin/python" - "$folder" <<'PYTHON'
import sys

import cv2
import numpy as np
import tifffile
from PIL import Image

path = f"{sys.argv[1]}/labels.tif"
values = np.arange(35).reshape(5, 7)


def seen(dtype: str, compression: str | None, byteorder: str) -> str:
    written = values.astype(dtype)
    tifffile.imwrite(path, written, byteorder=byteorder, compression=compression)
    assert (tifffile.imread(path) == written).all()
    if dtype in ("int32", "float32"):
        assert (cv2.imread(path, cv2.IMREAD_UNCHANGED) == written).all()
    try:
        with Image.open(path) as image:
            found = np.asarray(image)
    except OSError as error:
        return type(error).__name__
    return "right" if (found == written).all() else f"1 is read as {found.ravel()[1]:g}"


table = {}
for dtype in ("uint16", "int32", "float32", "uint32"):
    for compression in (None, "zlib"):
        for byteorder in "<>":
            row = dtype, compression, byteorder
            table[row] = seen(*row)
            print(*row, table[row], sep="\t")
assert all(what == "right" for (_, _, order), what in table.items() if order == "<")
assert table["int32", None, ">"] == table["float32", None, ">"] == "right"
assert table["uint16", "zlib", ">"] == "right"
assert table["int32", "zlib", ">"] == "1 is read as 1.67772e+07"
assert table["float32", "zlib", ">"].startswith("1 is read as 4.6")
assert table["uint32", None, ">"] == table["uint32", "zlib", ">"] == "UnidentifiedImageError"
PYTHON
