"""What a memory bank from anywhere must fulfil before anything computes with it.

A checksum shows that a file is as it was written, not that what was written makes sense: a bank
with an index that is no class's or a NaN in a prototype would load, and then find nothing.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.core.statistics import CLUSTERS, PCA_COMPONENTS

_LARGEST = 1e9
"""Of any number in a bank: tokens are below 100, and squares must stay finite."""


def require_sound(bank: MemoryBank) -> None:
    """Check everything about a bank that its types do not say.

    Raises:
        ValueError: what is wrong, as a clause.
    """
    _require_texts("a class", bank.classes)
    if len(set(bank.classes)) != len(bank.classes) or not bank.classes:
        raise ValueError("its classes are none, or one occurs twice")
    _require_texts("the encoder", (bank.encoder,))
    _require_texts("the name", (bank.name,))
    _require_texts("a note", bank.notes)
    _require_texts("a version", (*bank.versions, *bank.versions.values()))
    if not isinstance(bank.models, dict):
        raise ValueError("its models are not given by role")
    _require_texts("a model", (*bank.models, *bank.models.values()))
    width = bank.references.prototypes.shape[-1] if bank.references.prototypes.ndim else 0
    for part, rows in (("reference", bank.references), ("negative reference", bank.negatives)):
        _require_rows(part, rows, len(bank.classes), width)
    if missing := set(range(len(bank.classes))) - set(bank.references.classes.tolist()):
        raise ValueError(f"class {bank.classes[min(missing)]!r} has no reference")
    _require_statistics(bank.statistics, len(bank.classes), width)


def _require_texts(what: str, values: tuple[object, ...]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{what} is {value!r}, which is no text")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(f"{what} is {value!a}, which no terminal or database can hold")


def _require_rows(part: str, rows: ReferenceSet, classes: int, width: int) -> None:
    """One row for each id, of known classes, finite and of one width."""
    _require_texts(f"the id of a {part}", rows.ids)
    _require_texts(f"the image's name of a {part}", rows.image_names)
    count = len(rows.ids)
    shapes = {
        "classes": (count,),
        "prototypes": (count, width),
        "weights": (count,),
        "patch_means": (count, width),
        "patch_counts": (count,),
    }
    _require_arrays(f"{part}s'", rows, shapes, integers=("classes", "patch_counts"))
    if count and not (rows.classes.min() >= 0 and rows.classes.max() < classes):
        raise ValueError(f"a {part} is of class number {rows.classes.max()} of {classes}")
    if (rows.weights <= 0).any() or (rows.patch_counts < 1).any():
        raise ValueError(f"a {part} has no patches")


def _require_statistics(statistics: PatchStatistics, classes: int, width: int) -> None:
    shapes = {
        "pca_mean": (classes, width),
        "pca_components": (classes, PCA_COMPONENTS, width),
        "centres": (classes, CLUSTERS, width),
    }
    _require_arrays("classes'", statistics, shapes, integers=())


def _require_arrays(
    whose: str,
    rows: ReferenceSet | PatchStatistics,
    shapes: dict[str, tuple[int, ...]],
    integers: tuple[str, ...],
) -> None:
    for field in dataclasses.fields(rows):
        if field.name not in shapes:
            continue
        array, shape = getattr(rows, field.name), shapes[field.name]
        kind = np.int64 if field.name in integers else np.float32
        if array.dtype != kind or array.shape != shape:
            raise ValueError(
                f"the {whose} {field.name} are {array.dtype} {list(array.shape)} instead of "
                f"{np.dtype(kind)} {list(shape)}"
            )
        if not (np.abs(array) <= _LARGEST).all():  # NaN fails this too
            raise ValueError(
                f"the {whose} {field.name} hold values that are not finite, or beyond any encoder's"
            )
