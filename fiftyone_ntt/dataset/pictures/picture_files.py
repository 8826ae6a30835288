"""The pictures of a bank's references as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.fields import check_samples
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.pictures.memory_pictures import (
    DrawnReference,
    LocatedReferences,
    PicturesReport,
)
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.drawing.memory_drawing import (
    memory_picture_path,
    pictured_bank,
    require_free_for_memory,
    save_memory_picture,
)
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.atomic import make_folder
from fiftyone_ntt.store.bank_identity import bank_hash


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
        name: memory_picture_path(target, bank.classes[label], name)
        for label, ids in located.classes()
        for name in ids
    }
    for path in paths.values():
        require_free_for_memory(path)
    done = {name for name, path in paths.items() if pictured_bank(path) == identity}
    write = partial(_write_pictures, target, bank.classes, identity)
    return located.draw(str(target), models, device, done, write, {}, progress)


def _write_pictures(
    folder: Path, classes: Sequence[str], identity: str, pictures: Sequence[DrawnReference]
) -> dict[str, str]:
    for drawn in pictures:
        path = memory_picture_path(folder, classes[drawn.picture.label], drawn.picture.id)
        save_memory_picture(path, drawn.picture, drawn.colours, identity)
    return {}
