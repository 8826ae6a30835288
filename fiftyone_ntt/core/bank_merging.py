"""Several memory banks as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet, join_reference_sets
from fiftyone_ntt.errors import InputError


def merge_banks(banks: Sequence[MemoryBank]) -> MemoryBank:
    """A bank with the classes and references of all `banks`, each reference once.

    References with equal ids in one class are the same reference: the first is kept. The pictures'
    statistics of a class that several banks have are those of the bank with most references of
    it, because patches are not kept; a note says so. They decide no label.

    Args:
        banks: at least one, all of the same encoder.

    Returns:
        An unnamed bank; classes in the order in which they first occur; the models of the first;
        the versions that all agree on.

    Raises:
        InputError: no banks, or of different encoders.
    """
    if not banks:
        raise InputError("there are no memory banks to merge. Name at least two.")
    first = banks[0]
    for bank in banks[1:]:
        if bank.encoder != first.encoder:
            raise InputError(
                f"memory bank {bank.name!r} was built with encoder {bank.encoder}, but "
                f"{first.name!r} with {first.encoder}: their features cannot be compared. Rebuild "
                "one of them with the models of the other."
            )
    classes = tuple(dict.fromkeys(name for bank in banks for name in bank.classes))
    shared = [name for name in classes if sum(name in bank.classes for bank in banks) > 1]
    notes = [note for bank in banks for note in bank.notes]
    if shared:
        notes.append(f"merged: the pictures of {', '.join(shared)} show one bank's patches only")
    return replace(
        first,
        classes=classes,
        references=_merged_references([(bank, bank.references) for bank in banks], classes),
        negatives=_merged_references([(bank, bank.negatives) for bank in banks], classes),
        statistics=_statistics(banks, classes),
        name="",
        notes=tuple(dict.fromkeys(notes)),
        versions=_shared_versions(banks),
        calibrations=(),
    )


def _shared_versions(banks: Sequence[MemoryBank]) -> dict[str, str]:
    items = banks[0].versions.items()
    return {
        name: version
        for name, version in items
        if all(bank.versions.get(name) == version for bank in banks)
    }


def _merged_references(
    parts: Sequence[tuple[MemoryBank, ReferenceSet]], classes: tuple[str, ...]
) -> ReferenceSet:
    """One set of the references of several banks, each once, of the classes of the merged bank."""
    moved = []
    for bank, rows in parts:
        table = np.array([classes.index(name) for name in bank.classes], dtype=np.int64)
        moved.append(replace(rows, classes=table[rows.classes]))
    joined = join_reference_sets(moved)
    seen: dict[tuple[str, int], int] = {}
    for row, key in enumerate(zip(joined.ids, joined.classes.tolist(), strict=True)):
        seen.setdefault(key, row)
    return joined.rows(list(seen.values()))


def _statistics(banks: Sequence[MemoryBank], classes: tuple[str, ...]) -> PatchStatistics:
    """Of each class, those of the bank with most references of it."""
    sources = []
    for name in classes:
        holders = [bank for bank in banks if name in bank.classes]
        largest = max(holders, key=lambda bank: bank.class_counts()[name])
        sources.append((largest.statistics, largest.classes.index(name)))
    return PatchStatistics(
        pca_mean=np.stack([found.pca_mean[index] for found, index in sources]),
        pca_components=np.stack([found.pca_components[index] for found, index in sources]),
        centres=np.stack([found.centres[index] for found, index in sources]),
    )
