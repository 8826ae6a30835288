"""Memory banks on a dataset: FiftyOne custom runs that hold the bank's file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.utils as fou
import numpy as np

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.bank_file import bank_bytes, bank_from_bytes

METHOD = "ntt_memory_bank"
"""What marks a custom run as a memory bank: `dataset.list_runs(method=METHOD)`."""


@dataclass(frozen=True)
class BankSummary:
    """What a dataset knows of a bank without loading its arrays.

    Attributes:
        name: as the user calls it.
        run_key: FiftyOne's key of the custom run.
        classes: references per class, in the bank's order.
        negatives: negative references in all.
        encoder: identity of the encoder whose features these are.
        models: where the models come from, see `MemoryBank.models`.
        created: when it was saved, UTC.
    """

    name: str
    run_key: str
    classes: dict[str, int]
    negatives: int
    encoder: str
    models: dict[str, str]
    created: datetime


def save_memory_bank(
    samples: foc.SampleCollection,
    bank: MemoryBank,
    name: str | None = None,
    overwrite: bool = False,
) -> BankSummary:
    """Keep a bank on its dataset, from where it is cloned and exported with it.

    Args:
        samples: the dataset, or a view of it.
        bank: of any origin.
        name: the bank's own when None.
        overwrite: replace a bank of that name.

    Raises:
        InputError: no name, or it is taken.

    Example:
        >>> ntt.save_memory_bank(dataset, bank, "copy").classes
        {'fish': 2, 'mushroom': 2}
    """
    dataset = samples._root_dataset
    bank = bank.renamed(bank.name if name is None else name)
    run_key = check_bank_name(dataset, bank.name, overwrite)
    # The key stays what it was, even if a user renamed the run: other things may refer to it.
    config = dataset.init_run(
        method=METHOD,
        name=bank.name,
        # A list of pairs: class names may hold dots and dollars, which MongoDB's keys may not.
        classes=[[label, count] for label, count in bank.class_counts().items()],
        negatives=len(bank.negatives),
        encoder=bank.encoder,
        models=dict(bank.models),
    )
    dataset.register_run(run_key, config, overwrite=True)
    # The very bytes of the bank's file, so that there is one format with one checksum.
    content = np.frombuffer(bank_bytes(bank), dtype=np.uint8)
    results = dataset.init_run_results(run_key, file=fou.serialize_numpy_array(content, ascii=True))
    dataset.save_run_results(run_key, results, cache=False)
    return _summary(dataset, run_key)


def load_memory_bank(samples: foc.SampleCollection, name: str) -> MemoryBank:
    """A bank saved on a dataset.

    Args:
        samples: the dataset, or a view of it.
        name: as given to `save_memory_bank` or `build_memory_bank`.

    Raises:
        InputError: no bank of that name; the message lists the names there are.
        StoreError: the stored bank is damaged or incomplete.

    Example:
        >>> ntt.load_memory_bank(dataset, "shapes").class_counts()
        {'fish': 2, 'mushroom': 2}
    """
    dataset = samples._root_dataset
    run_key = find_bank(dataset, name)
    origin = f"{name!r} on dataset {dataset.name!r}"
    # Uncached, because a cached result would outlive what another process saved over it.
    results = dataset.load_run_results(run_key, cache=False, load_view=False)
    if results is None:
        raise StoreError(
            f"memory bank {origin} has no content: saving it was interrupted. Build and save it "
            "again with overwrite=True, or delete it."
        )
    try:
        content = fou.deserialize_numpy_array(results.file, ascii=True).tobytes()
    except Exception as error:  # zlib, base64 and NumPy each have errors of their own
        raise StoreError(
            f"memory bank {origin} is corrupt: {error}. Build and save it again with "
            "overwrite=True."
        ) from error
    return bank_from_bytes(content, origin).renamed(name)


def resolve_bank(dataset: fo.Dataset, bank: MemoryBank | str) -> MemoryBank:
    """A bank as it is, or the one saved under a name."""
    return load_memory_bank(dataset, bank) if isinstance(bank, str) else bank


def list_memory_banks(samples: foc.SampleCollection) -> list[BankSummary]:
    """Summaries of the banks on a dataset, by name; their arrays are not loaded.

    Example:
        >>> [(bank.name, bank.classes) for bank in ntt.list_memory_banks(dataset)]
        [('shapes', {'fish': 2, 'mushroom': 2})]
    """
    dataset = samples._root_dataset
    summaries = [_summary(dataset, key) for key in dataset.list_runs(method=METHOD)]
    return sorted(summaries, key=lambda summary: summary.name)


def rename_memory_bank(samples: foc.SampleCollection, name: str, new_name: str) -> BankSummary:
    """Give a bank on a dataset another name.

    Raises:
        InputError: no such bank, or the new name is taken.

    Example:
        >>> ntt.rename_memory_bank(dataset, "shapes", "animals and plants").classes
        {'fish': 2, 'mushroom': 2}
        >>> [bank.name for bank in ntt.list_memory_banks(dataset)]
        ['animals and plants']
    """
    dataset = samples._root_dataset
    run_key = find_bank(dataset, name)
    if new_name == name:
        return _summary(dataset, run_key)
    new_key = run_key
    if key_of_name(new_name) != run_key:
        new_key = check_bank_name(dataset, new_name, overwrite=False)
        dataset.rename_run(run_key, new_key)
    config = dataset.get_run_info(new_key).config
    config.name = new_name
    dataset.update_run_config(new_key, config)
    return _summary(dataset, new_key)


def delete_memory_bank(samples: foc.SampleCollection, name: str) -> None:
    """Remove a bank from a dataset; predictions made with it stay.

    Raises:
        InputError: no such bank.

    Example:
        >>> ntt.delete_memory_bank(dataset, "shapes")
        >>> ntt.list_memory_banks(dataset)
        []
    """
    dataset = samples._root_dataset
    dataset.delete_run(find_bank(dataset, name))


def find_bank(dataset: fo.Dataset, name: str) -> str:
    """Run key of the bank called `name`.

    Raises:
        InputError: no bank of that name; the message lists the names there are.
    """
    banks = list_memory_banks(dataset)
    for bank in banks:
        if bank.name == name:
            return bank.run_key
    known = ", ".join(repr(bank.name) for bank in banks)
    remedy = f"Pass one of: {known}." if known else "Build one with `build_memory_bank`."
    raise InputError(f"dataset {dataset.name!r} has no memory bank {name!r}. {remedy}")


def check_bank_name(dataset: fo.Dataset, name: str, overwrite: bool) -> str:
    """Run key for a bank to be saved as `name`.

    Raises:
        InputError: no name, or it is taken by this or, as a key, by another bank or run.
    """
    new_key = key_of_name(name)
    owners = {bank.run_key: bank.name for bank in list_memory_banks(dataset)}
    for run_key, owner in owners.items():
        if owner == name:
            if overwrite:
                return run_key
            raise InputError(
                f"dataset {dataset.name!r} already has a memory bank {name!r}. Pass "
                "overwrite=True to replace it, or another name."
            )
    if new_key in dataset.list_runs():
        taken_by = f"memory bank {owners[new_key]!r}" if new_key in owners else "another run"
        raise InputError(
            f"memory bank {name!r} would be stored as {new_key!r}, which {taken_by} of dataset "
            f"{dataset.name!r} already uses. Pass a name that differs in its letters or digits."
        )
    return new_key


def memory_bank_name_problem(
    samples: foc.SampleCollection, name: str, overwrite: bool = False
) -> str | None:
    """Why a bank cannot be saved under a name on a dataset, or None where it can.

    Example:
        >>> ntt.memory_bank_name_problem(dataset, "shapes")
        "dataset 'scenes' already has a memory bank 'shapes'. Pass ..."
    """
    try:
        check_bank_name(samples._root_dataset, name, overwrite)
    except InputError as error:
        return str(error)
    return None


def key_of_name(name: str) -> str:
    """A key for FiftyOne made of a name: keys are identifiers, so other characters are replaced."""
    if not isinstance(name, str) or not name.strip():
        raise InputError("a memory bank needs a name to be saved on a dataset. Pass `name`.")
    key = re.sub(r"\W", "_", name.strip())
    return key if key.isidentifier() else f"_{key}"


def _summary(dataset: fo.Dataset, run_key: str) -> BankSummary:
    info: Any = dataset.get_run_info(run_key)
    return BankSummary(
        name=info.config.name,
        run_key=run_key,
        classes=dict(info.config.classes),
        negatives=info.config.negatives,
        encoder=info.config.encoder,
        models=dict(info.config.models),
        created=info.timestamp,
    )
