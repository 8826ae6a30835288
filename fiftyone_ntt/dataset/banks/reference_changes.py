"""Mending a bank of a dataset: references taken out, given another class, or added.

What a bank keeps of a reference is its features, so no model is needed but for new ones. Every
change can be undone, see `undo_bank_change`; labels and their tags stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.banks.saved_banks import BankSummary, change_memory_bank
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.errors import InputError, counted


@needs_database
def remove_references(
    samples: foc.SampleCollection, name: str, ids: Collection[str]
) -> BankSummary:
    """Take references out of a bank of a dataset; a class that has no other goes with them.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        ids: of the references, as `bank.references.ids` names them.

    Raises:
        InputError: no such bank, no such reference in it, or none would be left.

    Example:
        >>> first, *_ = ntt.load_memory_bank(dataset, "shapes").references.ids
        >>> ntt.remove_references(dataset, "shapes", [first]).classes
        {'fish': 1, 'mushroom': 2}
    """

    def without(bank: MemoryBank) -> MemoryBank:
        return bank.without_references(_rows(bank, ids))

    return change_memory_bank(samples, name, without, f"{counted(len(ids), 'reference')} removed")


@needs_database
def change_reference_class(
    samples: foc.SampleCollection, name: str, ids: Collection[str], label: str
) -> BankSummary:
    """Have references of a bank of a dataset stand for another class; their labels stay.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        ids: of the references, as `bank.references.ids` names them.
        label: a class of the bank, or a new one.

    Raises:
        InputError: no such bank, no such reference in it, or a class without a name.

    Example:
        >>> first, *_ = ntt.load_memory_bank(dataset, "shapes").references.ids
        >>> ntt.change_reference_class(dataset, "shapes", [first], "mushroom").classes
        {'fish': 1, 'mushroom': 3}
    """

    def changed(bank: MemoryBank) -> MemoryBank:
        return bank.with_class(_rows(bank, ids), label.strip())

    what = f"{counted(len(ids), 'reference')} moved to {label.strip()}"
    return change_memory_bank(samples, name, changed, what)


def _rows(bank: MemoryBank, ids: Collection[str]) -> list[int]:
    """Of these references, of which one may be repeated."""
    rows: Mapping[str, list[int]] = {
        wanted: [row for row, found in enumerate(bank.references.ids) if found == wanted]
        for wanted in ids
    }
    missing = [wanted for wanted, found in rows.items() if not found]
    if missing or not rows:
        raise InputError(
            f"memory bank {bank.name!r} has no reference {missing[0]!r} (any more). "
            "`bank.references.ids` lists those it has."
            if missing
            else "no references are named. Pass ids of some."
        )
    return [row for found in rows.values() for row in found]
