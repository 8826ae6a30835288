"""What a bank sees of the references in a label file, as pictures; no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.coco.folder_runs import Progress
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.matching import require_encoder
from fiftyone_ntt.core.prototypes import encode_reference
from fiftyone_ntt.core.reference_pictures import (
    ReferencePicture,
    component_colours,
    picture_reference,
)
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.drawing.memory_drawing import (
    memory_picture_path,
    require_free_for_memory,
    save_memory_picture,
)
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.bank_identity import bank_hash


@dataclass(frozen=True)
class MemoryPictures:
    """What was drawn.

    Attributes:
        drawn: path of the picture of each reference, by its id.
        failures: reference to why it is not drawn.
    """

    drawn: dict[str, Path]
    failures: dict[str, str]


def draw_memory(
    bank: MemoryBank,
    references: Mapping[str, Iterable[Reference]],
    models: Models,
    folder: Path,
    progress: Progress | None = None,
) -> MemoryPictures:
    """Draw the references of a bank, a PNG each (method 3); see `save_memory_picture`.

    Args:
        bank: its statistics say what the components and clusters of a class are.
        references: that it was made of, by class; those that it does not know are passed over.
        models: whose encoder made the bank, and a segmenter for references that are boxes alone.
        folder: of the pictures, is there; files are named `<class>_<reference>.png`.
        progress: called with references done and in all.

    Raises:
        InputError: none of the bank's references is there.
        ModelError: the encoder did not make the bank.
        StoreError: a file cannot be written, or is another's.
    """
    require_encoder(bank, models.encoder.identity)
    known = set(bank.references.ids)
    for name, index in zip(bank.references.ids, bank.references.classes, strict=True):
        require_free_for_memory(memory_picture_path(folder, bank.classes[index], name))
    identity = bank_hash(bank)
    drawn: dict[str, Path] = {}
    for label, title in enumerate(bank.classes):
        pictures = []
        for picture in _pictures(bank, label, references.get(title, ()), known, models):
            pictures.append(picture)
            if progress:
                progress(len(drawn) + len(pictures), len(known))
        for picture, colours in zip(pictures, component_colours(pictures), strict=True):
            drawn[picture.id] = path = memory_picture_path(folder, title, picture.id)
            save_memory_picture(path, picture, colours, identity)
    if not drawn:
        raise InputError(
            f"none of the {len(known)} references of the bank is among these labels. Pass the "
            "labels that the bank was built from."
        )
    gone = "it is not among the labels (any more)"
    return MemoryPictures(drawn, {name: gone for name in bank.references.ids if name not in drawn})


def _pictures(
    bank: MemoryBank, label: int, references: Iterable[Reference], known: set[str], models: Models
) -> Iterator[ReferencePicture]:
    for reference in references:
        if reference.id in known:
            encoded = encode_reference(reference, models.encoder, models.segmenter)
            yield picture_reference(encoded, bank, label)
