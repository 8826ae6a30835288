"""Memory banks on a dataset: FiftyOne custom runs that hold the bank's file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.utils as fou
import numpy as np
from bson import ObjectId

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.dataset.work.stored_runs import (
    move_run,
    put_run,
    remove_run,
    run_ids,
    run_values,
)
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


@needs_database
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
    while True:
        known = run_ids(dataset)
        # The key stays what it was, even if a user renamed the run: other things may refer to it.
        run_key = check_bank_name(dataset, bank.name, overwrite)
        summary = _put(dataset, bank, run_key, known.get(run_key))
        if summary is not None:
            return summary


def change_memory_bank(
    samples: foc.SampleCollection, name: str, change: Callable[[MemoryBank], MemoryBank]
) -> BankSummary:
    """Replace a bank of a dataset by what `change` makes of it.

    Called again with the bank as it is by then, if another process saved it meanwhile: neither
    change is lost.

    Raises:
        InputError: no such bank.
    """
    dataset = samples._root_dataset
    while True:
        known = run_ids(dataset)
        run_key = find_bank(dataset, name)
        bank = change(load_memory_bank(dataset, name))
        summary = _put(dataset, bank, run_key, known.get(run_key))
        if summary is not None:
            return summary


def _put(
    dataset: fo.Dataset, bank: MemoryBank, run_key: str, replacing: ObjectId | None
) -> BankSummary | None:
    """Write a bank under a key; None if that holds something else than `replacing` by now."""
    config = dataset.init_run(
        method=METHOD,
        name=bank.name,
        # A list of pairs: class names may hold dots and dollars, which MongoDB's keys may not.
        classes=[[label, count] for label, count in bank.class_counts().items()],
        negatives=len(bank.negatives),
        encoder=bank.encoder,
        models=dict(bank.models),
    )
    # The very bytes of the bank's file, so that there is one format with one checksum.
    content = np.frombuffer(bank_bytes(bank), dtype=np.uint8)
    values = {"file": fou.serialize_numpy_array(content, ascii=True)}
    saved = put_run(dataset, run_key, config, values, replacing=replacing)
    return None if saved is None else _summary(run_key, config, saved)


@needs_database
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
    results = run_values(dataset, run_key)
    if results is None and find_bank(dataset, name) != run_key:  # renamed twice meanwhile
        return load_memory_bank(samples, name)
    if results is None:
        raise StoreError(
            f"memory bank {origin} has no content: saving it was interrupted. Build and save it "
            "again with overwrite=True, or delete it."
        )
    try:
        content = fou.deserialize_numpy_array(results["file"], ascii=True).tobytes()
    except Exception as error:  # zlib, base64 and NumPy each have errors of their own
        raise StoreError(
            f"memory bank {origin} is corrupt: {error}. Build and save it again with "
            "overwrite=True."
        ) from error
    return bank_from_bytes(content, origin).renamed(name)


def resolve_bank(dataset: fo.Dataset, bank: MemoryBank | str) -> MemoryBank:
    """A bank as it is, or the one saved under a name."""
    return load_memory_bank(dataset, bank) if isinstance(bank, str) else bank


@needs_database
def list_memory_banks(samples: foc.SampleCollection) -> list[BankSummary]:
    """Summaries of the banks on a dataset, by name; their arrays are not loaded.

    Example:
        >>> [(bank.name, bank.classes) for bank in ntt.list_memory_banks(dataset)]
        [('shapes', {'fish': 2, 'mushroom': 2})]
    """
    dataset = samples._root_dataset
    refresh(dataset, runs=True)
    found = {key: dataset.get_run_info(key) for key in dataset.list_runs(method=METHOD)}
    summaries = [_summary(key, info.config, info.timestamp) for key, info in found.items()]
    return sorted(summaries, key=lambda summary: summary.name)


@needs_database
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
    while True:
        known = run_ids(dataset)
        run_key = new_key = find_bank(dataset, name)
        info: Any = dataset.get_run_info(run_key)
        config = info.config
        if new_name == name:
            return _summary(run_key, config, info.timestamp)
        if key_of_name(new_name) != run_key:
            new_key = check_bank_name(dataset, new_name, overwrite=False)
        config.name = new_name
        if move_run(dataset, run_key, new_key, config, replacing=known.get(run_key)):
            return _summary(new_key, config, info.timestamp)


@needs_database
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
    while True:
        known = run_ids(dataset)
        run_key = find_bank(dataset, name)
        if remove_run(dataset, run_key, replacing=known.get(run_key)):
            return


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


@needs_database
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


def _summary(run_key: str, config: Any, created: datetime) -> BankSummary:
    return BankSummary(
        name=config.name,
        run_key=run_key,
        classes=dict(config.classes),
        negatives=config.negatives,
        encoder=config.encoder,
        models=dict(config.models),
        created=created,
    )
