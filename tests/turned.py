"""Image files with an orientation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

GRAY = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))
"""Dark on the left, bright on the right, 32 px high and 64 wide."""

_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/></rdf:RDF></x:xmpmeta>'
)


def save_turned(path: Path, orientation: int) -> Path:
    """An image whose EXIF data give an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GRAY).convert("RGB").save(path, exif=exif)
    return path


def save_xmp(path: Path, orientation: int) -> Path:
    """An image whose XMP data alone give an orientation."""
    image, xmp = Image.fromarray(GRAY).convert("RGB"), _XMP.format(orientation)
    if path.suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        image.save(path, pnginfo=info)
    else:
        image.save(path, xmp=xmp.encode())
    return path
