#!/usr/bin/env bash
# Pillow 13.0.0, opencv-python-headless 4.14.0.94, FiftyOne 1.22.1: the size of the same turned file.
#
# Expected: readers that apply the EXIF orientation apply it in every format, and agree.
# Seen: FiftyOne's metadata apply it in JPEG alone (browsers turn PNG and AVIF as well); OpenCV turns
# PNG and WebP but not AVIF; Pillow turns all. An orientation that XMP alone states is applied by
# Pillow and, for JPEG, by FiftyOne's metadata, and not by OpenCV (nor by browsers). So labels drawn
# in one tool lie elsewhere in another. OpenCV does not read a colour TIFF of orientation 6 at all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet fiftyone==1.22.1 pillow==13.0.0 \
    opencv-python-headless==4.14.0.94
cd "$folder"
export FIFTYONE_DISABLE_SERVICES=1 FIFTYONE_DO_NOT_TRACK=true
export FIFTYONE_CONFIG_PATH="$folder/config.json" OPENCV_LOG_LEVEL=SILENT
"$folder/venv/bin/python" - <<'PYTHON'
import os

import cv2
import fiftyone as fo
import fiftyone.core.metadata as fom
import PIL
from PIL import Image, ImageOps, PngImagePlugin

print("pillow", PIL.__version__, "opencv", cv2.__version__, "fiftyone", fo.__version__)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
wide = Image.new("RGB", (40, 20), "green")
for kind in ("jpg", "png", "webp", "avif", "tif"):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn: 20 wide, 40 high
    wide.save(f"exif.{kind}", exif=exif)
for kind in ("jpg", "webp", "avif"):
    wide.save(f"xmp.{kind}", xmp=XMP.encode())
info = PngImagePlugin.PngInfo()
info.add_itxt("XML:com.adobe.xmp", XMP)
wide.save("xmp.png", pnginfo=info)


def word(size):
    return {None: "fails", (40, 20): "stored", (20, 40): "turned"}[size]


def readings(path):
    with Image.open(path) as image:
        pillow = ImageOps.exif_transpose(image).size
    pixels = cv2.imread(path)
    opencv = None if pixels is None else pixels.shape[1::-1]
    metadata = fom.ImageMetadata.build_for(os.path.abspath(path))
    return tuple(map(word, (pillow, opencv, (metadata.width, metadata.height))))


seen = {path: readings(path) for path in sorted(os.listdir(".")) if path[:4] in ("exif", "xmp.")}
for path, row in seen.items():
    print(f"{path:10} pillow {row[0]:7} opencv {row[1]:7} fiftyone {row[2]}")
expected = {
    "exif.jpg": ("turned", "turned", "turned"),
    "exif.png": ("turned", "turned", "stored"),
    "exif.webp": ("turned", "turned", "stored"),
    "exif.avif": ("turned", "stored", "stored"),
    "exif.tif": ("turned", "fails", "turned"),
    "xmp.jpg": ("turned", "stored", "turned"),
    "xmp.png": ("turned", "stored", "stored"),
    "xmp.webp": ("turned", "stored", "stored"),
    "xmp.avif": ("turned", "stored", "stored"),
}
assert seen == expected, {path: seen[path] for path in seen if seen[path] != expected.get(path)}
PYTHON
