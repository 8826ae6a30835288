"""The pictures of a bank's references as PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import fiftyone.core.collections as foc
import numpy as np
from jaxtyping import UInt8
from PIL import Image, PngImagePlugin

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.plain_names import plain_name
from fiftyone_ntt.core.reference_pictures import spread
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.fields import check_samples
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.pictures.memory_pictures import (
    DrawnReference,
    LocatedReferences,
    PicturesReport,
)
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.atomic import make_folder, require_writable, write_atomically
from fiftyone_ntt.store.own_files import png_kind
from fiftyone_ntt.store.run_identity import bank_hash

_TEXT = "fiftyone-ntt bank"
"""Key of the text in a file that says of which bank's references it is."""
_PICTURE = png_kind("picture of a reference", _TEXT)
_PALETTE = np.array(
    [[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115], [204, 121, 167]], dtype=np.uint8
)
"""Of the clusters; told apart by the colour-blind too (Okabe and Ito)."""
_GAP = 8


@needs_database
def save_memory_pictures(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    folder: str | Path,
    *,
    models: str | Models | None = None,
    device: str = "cpu",
    progress: Progress = None,
) -> PicturesReport:
    """Save what a bank sees of each of its references as a PNG (method 3).

    From left to right: the reference's window, its mask, the first three principal components of
    its class as red, green and blue, and the clusters of its class; black is background. A colour
    means the same in all references of a class.

    The run can be interrupted and started again: classes whose files are all there are left as
    they are, unless they are of another bank.

    Args:
        samples: a dataset or a view; the references are drawn wherever on the dataset they lie.
        bank: a bank, or the name of one saved on the dataset.
        folder: made if need be, but not the one it lies in. Files are named
            `<class>_<reference>.png`; pictures saved there before are replaced, other files not.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)` of
            references.

    Returns:
        Counts, and the reason for each reference that could not be drawn.

    Raises:
        InputError: no reference is on the dataset, or the folder is a file.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.
        StoreError: a file cannot be written, or is another's.

    Example:
        >>> print(ntt.save_memory_pictures(dataset, "shapes", "pictures"))
        pictures: 4 of 4 references drawn; ... s
    """
    check_samples(samples, "drawing a memory bank")
    bank = resolve_bank(samples._root_dataset, bank)
    target = Path(folder).expanduser()
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file. Pass the folder to save pictures in.")
    located = LocatedReferences.of(samples, bank)
    make_folder(target)
    identity = bank_hash(bank)
    paths = {
        name: _picture_path(target, bank.classes[label], name)
        for label, ids in located.classes()
        for name in ids
    }
    for path in paths.values():
        require_writable(path, _PICTURE)
    done = {name for name, path in paths.items() if _bank_hash_of(path) == identity}
    write = partial(_write_pictures, target, bank.classes, identity)
    return located.draw(str(target), models, device, done, write, {}, progress)


def _picture_path(folder: Path, title: str, name: str) -> Path:
    # The reference's own name tells those of one class apart.
    return folder / f"{plain_name(title)}_{name}.png"


def _bank_hash_of(path: Path) -> str | None:
    """Hash of the bank that a picture is of; None where there is no picture."""
    try:
        with Image.open(path) as image:
            found: str | None = image.info.get(_TEXT)
            return found
    except (OSError, SyntaxError, ValueError):
        return None


def _write_pictures(
    folder: Path, classes: Sequence[str], identity: str, pictures: Sequence[DrawnReference]
) -> dict[str, str]:
    text = PngImagePlugin.PngInfo()
    text.add_text(_TEXT, identity)
    for drawn in pictures:
        content = io.BytesIO()
        Image.fromarray(_picture_strip(drawn)).save(content, "PNG", pnginfo=text)
        path = _picture_path(folder, classes[drawn.picture.label], drawn.picture.id)
        write_atomically(path, content.getvalue(), _PICTURE)
    return {}


def _picture_strip(drawn: DrawnReference) -> UInt8[np.ndarray, "h w 3"]:
    """The four parts side by side."""
    picture = drawn.picture
    size = (picture.thumbnail.shape[0], picture.thumbnail.shape[1])
    left, top, right, bottom = picture.window
    cut = Image.fromarray(decode_mask(picture.mask)[top:bottom, left:right])
    mask = np.asarray(cut.resize((size[1], size[0]), Image.Resampling.NEAREST))
    white = np.uint8(255)
    parts = [
        picture.thumbnail,
        np.repeat(mask[..., None] * white, 3, axis=2),
        spread(drawn.colours, size) * mask[..., None],
        _PALETTE[spread(picture.clusters, size) * mask],
    ]
    gap = np.full((size[0], _GAP, 3), white)
    strip = [part for part in parts for part in (part, gap)][:-1]
    return np.concatenate(strip, axis=1).astype(np.uint8)
