#!/usr/bin/env bash
# Pillow 13.0.0: saving an image as AVIF changes the caller's `Image.Exif`.
#
# Expected: `save(..., exif=exif)` only reads `exif`; the same object serves the next file.
# Seen: the orientation is taken out of it (AVIF has a box of its own for that), so what is saved
# after the AVIF, in any format, has none and is shown unturned. JPEG, PNG and WebP leave it alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import PIL
from PIL import Image

print("pillow", PIL.__version__)
image, seen = Image.new("RGB", (40, 20)), {}
for kind in ("jpg", "png", "webp", "avif"):
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(f"turned.{kind}", exif=exif)
    seen[kind] = exif.get(0x0112)
print("orientation in the caller's object after saving:", seen)
assert seen == {"jpg": 6, "png": 6, "webp": 6, "avif": None}
PYTHON
