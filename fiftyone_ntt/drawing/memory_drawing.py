"""What a bank sees of a reference as a PNG file: the published memory visualisation (method 3)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from fiftyone_ntt.core.plain_names import plain_name
from fiftyone_ntt.core.reference_pictures import ReferencePicture, spread
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.drawing.overlays import Pixels, png_content
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.own_files import REFERENCE_PICTURE, REFERENCE_TEXT

_PALETTE = np.array(
    [[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115], [204, 121, 167]], dtype=np.uint8
)
"""Of the clusters; told apart by the colour-blind too (Okabe and Ito)."""
_GAP = 8


def memory_picture_path(folder: Path, label: str, name: str) -> Path:
    """Where the picture of a reference goes.

    Args:
        folder: of the pictures.
        label: its class.
        name: its id, which tells those of one class apart.
    """
    return folder / f"{plain_name(label)}_{plain_name(name)}.png"


def require_free_for_memory(path: Path) -> None:
    """Check that a picture of a reference may be written.

    Raises:
        StoreError: something else is there.
    """
    require_writable(path, REFERENCE_PICTURE)


def pictured_bank(path: Path) -> str | None:
    """Hash of the bank that a picture is of; None where there is no picture."""
    try:
        with Image.open(path) as image:
            found: str | None = image.info.get(REFERENCE_TEXT)
            return found
    except (OSError, SyntaxError, ValueError):
        return None


def save_memory_picture(
    path: Path, picture: ReferencePicture, colours: UInt8[np.ndarray, "g g 3"], bank: str
) -> None:
    """Write the picture of a reference.

    From left to right: its window, its mask, the first three principal components of its class as
    red, green and blue, and the clusters of its class; black is background.

    Args:
        path: of the file.
        picture: patch by patch.
        colours: of the components, see `component_colours`.
        bank: hash of the bank.

    Raises:
        StoreError: the file cannot be written, or is another's.
    """
    write_atomically(
        path, png_content(_strip(picture, colours), REFERENCE_TEXT, bank), REFERENCE_PICTURE
    )


def _strip(picture: ReferencePicture, colours: UInt8[np.ndarray, "g g 3"]) -> Pixels:
    """The four parts side by side."""
    size = (picture.thumbnail.shape[0], picture.thumbnail.shape[1])
    left, top, right, bottom = picture.window
    cut = Image.fromarray(decode_mask(picture.mask)[top:bottom, left:right])
    mask = np.asarray(cut.resize((size[1], size[0]), Image.Resampling.NEAREST))
    white = np.uint8(255)
    parts = [
        picture.thumbnail,
        np.repeat(mask[..., None] * white, 3, axis=2),
        spread(colours, size) * mask[..., None],
        _PALETTE[spread(picture.clusters, size) * mask],
    ]
    gap = np.full((size[0], _GAP, 3), white)
    strip = [part for part in parts for part in (part, gap)][:-1]
    return np.concatenate(strip, axis=1).astype(np.uint8)
