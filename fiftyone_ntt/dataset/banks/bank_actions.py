"""What can be done with the memory banks of a dataset besides building and using them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.bank_merging import merge_banks
from fiftyone_ntt.core.bank_review import BankReview
from fiftyone_ntt.dataset.banks.bank_memory import kept_review
from fiftyone_ntt.dataset.banks.saved_banks import (
    BankSummary,
    change_memory_bank,
    check_bank_name,
    load_memory_bank,
    save_memory_bank,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.atomic import require_writable
from fiftyone_ntt.store.bank_file import BANK_FILE, save_bank


@needs_database
def duplicate_memory_bank(samples: foc.SampleCollection, name: str, new_name: str) -> BankSummary:
    """Save a bank of a dataset once more, under another name.

    Raises:
        InputError: no such bank, or the new name is taken.

    Example:
        >>> ntt.duplicate_memory_bank(dataset, "shapes", "spare").classes
        {'fish': 2, 'mushroom': 2}
    """
    check_bank_name(samples._root_dataset, new_name, overwrite=False)
    return save_memory_bank(samples, load_memory_bank(samples, name), new_name)


@needs_database
def merge_memory_banks(
    samples: foc.SampleCollection, names: Sequence[str], new_name: str
) -> BankSummary:
    """Save a bank with the references of several banks of a dataset; those stay as they are.

    Args:
        samples: the dataset, or a view of it.
        names: at least two banks, built with the same encoder. A reference that several of them
            have for one class counts once.
        new_name: of the merged bank.

    Raises:
        InputError: fewer than two banks, one that is not there, other encoders, or the new name
            is taken.

    Example:
        >>> tagged = {"label_tags": "reference", "models": "demo"}
        >>> for name in ("fish", "mushroom"):
        ...     bank = ntt.build_memory_bank(
        ...         dataset, "ground_truth", name=name, classes=[name], **tagged
        ...     )
        >>> ntt.merge_memory_banks(dataset, ["fish", "mushroom"], "both").classes
        {'fish': 2, 'mushroom': 2}
    """
    wanted = list(dict.fromkeys(names))
    if len(wanted) < 2:
        raise InputError("merging needs at least two different memory banks. Name another.")
    check_bank_name(samples._root_dataset, new_name, overwrite=False)
    merged = merge_banks([load_memory_bank(samples, name) for name in wanted])
    return save_memory_bank(samples, merged, new_name)


@needs_database
def remove_negatives(
    samples: foc.SampleCollection,
    name: str,
    ids: Collection[str] | None = None,
    *,
    origin: str | None = None,
) -> BankSummary:
    """Take negative references out of a bank of a dataset.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        ids: only these, as `bank.negatives.ids` names them; all when None.
        origin: only those of this origin: `mined`, `tagged`, `background`, `rejected` or `given`.

    Raises:
        InputError: no such bank or origin, or no such negative in it.

    Example:
        >>> sharper = ntt.add_background_negatives(dataset, "shapes", "ground_truth")
        >>> ntt.save_memory_bank(dataset, sharper, overwrite=True).negatives
        4
        >>> ntt.remove_negatives(dataset, "shapes").negatives
        0
    """

    def without(bank: MemoryBank) -> MemoryBank:
        return bank.without_negatives(origin, ids=ids)

    return change_memory_bank(samples, name, without, "negatives removed")


@needs_database
def review_memory_bank(samples: foc.SampleCollection, name: str) -> BankReview:
    """What in a bank of a dataset to look at again; computed from the bank alone, without models.

    Example:
        >>> review = ntt.review_memory_bank(dataset, "shapes")
        >>> [(found.label, found.marks) for found in review.references if found.marks]
        [('fish', ('weak',)), ('fish', ('weak',))]
    """
    return kept_review(samples._root_dataset, name)


@needs_database
def export_memory_bank(
    samples: foc.SampleCollection, name: str, path: str | Path, overwrite: bool = False
) -> Path:
    """Write a bank of a dataset to one safetensors file anyone can import.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        path: of the file; its folder must exist.
        overwrite: replace the memory bank that is there; other files are never replaced.

    Raises:
        InputError: no such bank.
        StoreError: the file exists, or cannot be written.

    Example:
        >>> path = ntt.export_memory_bank(dataset, "shapes", "shapes.safetensors")
        >>> ntt.MemoryBank.load(path).classes
        ('fish', 'mushroom')
    """
    target = Path(path).expanduser()
    require_writable(target, BANK_FILE, overwrite=overwrite)
    return save_bank(load_memory_bank(samples, name), target, overwrite=overwrite)


@needs_database
def import_memory_bank(
    samples: foc.SampleCollection, path: str | Path, name: str | None = None
) -> BankSummary:
    """Save the bank in a file on a dataset.

    Args:
        samples: the dataset, or a view of it.
        path: of a file written by `export_memory_bank` or `MemoryBank.save`.
        name: what to call it; the name it has in the file when None.

    Raises:
        InputError: the name is taken, or there is none.
        StoreError: no such file, not a bank, or corrupt.

    Example:
        >>> path = bank.save("shapes.safetensors")
        >>> ntt.import_memory_bank(dataset, path, "borrowed").classes
        {'fish': 2, 'mushroom': 2}
    """
    return save_memory_bank(samples, MemoryBank.load(Path(path).expanduser()), name)
