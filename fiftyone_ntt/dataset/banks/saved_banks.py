"""Memory banks on a dataset: FiftyOne custom runs that hold the bank's file."""

from __future__ import annotations

import base64
import io
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.utils as fou
import numpy as np
from bson import ObjectId

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.banks.bank_cache import cached_bank, keep_bank
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.stored_runs import (
    StoredRun,
    config_values,
    drop_run,
    move_run,
    put_back,
    put_run,
    remove_run,
    run_ids,
    run_values,
    stored_runs,
)
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.bank_file import bank_bytes, bank_from_bytes
from fiftyone_ntt.store.bank_identity import bank_hash

METHOD = "ntt_memory_bank"
"""What marks a custom run as a memory bank: `dataset.list_runs(method=METHOD)`."""
EARLIER = "ntt_earlier_memory_bank"
"""And what one that was replaced, and can come back."""
_REPLACED = "replaced as a whole"
_KEPT = 5
"""Replaced banks that are kept of each: one of 2,000 references takes about 16 MB."""


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
        change: what was changed last, in words, which `undo_bank_change` takes back; None where
            there is nothing to take back.
        content: what runs with it note of it as their `bank_hash`: with its negatives, and without
            them; empty for banks that earlier versions saved.
        version: its number: 1 when it was built, and one more with every change that can be taken
            back; see `list_bank_versions`.
    """

    name: str
    run_key: str
    classes: dict[str, int]
    negatives: int
    encoder: str
    models: dict[str, str]
    created: datetime
    change: str | None = None
    content: tuple[str, ...] = ()
    version: int = 1

    @property
    def edited(self) -> bool:
        """Whether its last change was of some references, which building it again would lose."""
        return self.change not in (None, _REPLACED)


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
        overwrite: replace a bank of that name, which `undo_bank_change` brings back.

    Raises:
        InputError: no name, or it is taken.

    Example:
        >>> ntt.save_memory_bank(dataset, bank, "copy").classes
        {'fish': 2, 'mushroom': 2}
    """
    return put_memory_bank(samples, bank.renamed(bank.name if name is None else name), overwrite)


def put_memory_bank(
    samples: foc.SampleCollection,
    bank: MemoryBank,
    overwrite: bool,
    source: Mapping[str, Any] | None = None,
) -> BankSummary:
    """Keep a bank under its name; see `save_memory_bank`.

    Args:
        samples: the dataset, or a view of it.
        bank: with a name.
        overwrite: replace a bank of that name.
        source: JSON values, what it was built from; see `bank_source`.

    Raises:
        InputError: no name, or it is taken.
    """
    dataset = samples._root_dataset
    while True:
        known = run_ids(dataset)
        # The key stays what it was, even if a user renamed the run: other things may refer to it.
        run_key = check_bank_name(dataset, bank.name, overwrite)
        replaced = known.get(run_key)
        change = None if replaced is None else _REPLACED
        summary = _put(dataset, bank, run_key, replaced, change, source)
        if summary is not None:
            return summary


def change_memory_bank(
    samples: foc.SampleCollection,
    name: str,
    change: Callable[[MemoryBank], MemoryBank],
    what: str | None = None,
) -> BankSummary:
    """Replace a bank of a dataset by what `change` makes of it.

    Called again with the bank as it is by then, if another process saved it meanwhile: neither
    change is lost.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        change: makes the new bank of the one that is there.
        what: the change in words, for it to be taken back; None for a change of no reference, which
            leaves what can be taken back as it is.

    Raises:
        InputError: no such bank.
    """
    dataset = samples._root_dataset
    while True:
        known = run_ids(dataset)
        run_key, stored = _find(dataset, name)
        before = cached_bank(stored.results, name) or load_memory_bank(dataset, name)
        bank, content = change(before), ObjectId()
        source, replaced = stored.config.get("source"), known.get(run_key)
        summary = _put(dataset, bank, run_key, replaced, what, source, content)
        if summary is not None:
            keep_bank(content, bank)
            return summary


@needs_database
def undo_bank_change(samples: foc.SampleCollection, name: str) -> BankSummary:
    """Take back the last change of a bank of a dataset: the bank before it is kept, and comes back.

    Called again it takes back the change before, of the last five. What was renamed stays renamed,
    and predictions stay what they are. `restore_bank_version` goes back further at once, and can be
    taken back itself.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.

    Returns:
        The bank as it is again; its `change` is what the next call would take back.

    Raises:
        InputError: no such bank, or nothing to take back.

    Example:
        >>> first, *_ = ntt.load_memory_bank(dataset, "shapes").references.ids
        >>> ntt.remove_references(dataset, "shapes", [first]).classes
        {'fish': 1, 'mushroom': 2}
        >>> ntt.undo_bank_change(dataset, "shapes").classes
        {'fish': 2, 'mushroom': 2}
    """
    dataset = samples._root_dataset
    while True:
        known = run_ids(dataset)
        run_key, stored = _find(dataset, name)
        before: str = stored.config.get("before") or ""
        kept = stored_runs(dataset, [EARLIER]).get(before)
        if before not in known or kept is None:
            raise InputError(f"nothing was changed in memory bank {name!r} that could be undone.")
        values = {**config_values(kept.config), "method": METHOD, "name": name}
        if values.get("before") not in known:  # too long ago
            values |= {"before": None, "change": None}
        config = dataset.init_run(**values)
        ids = {"replacing": known.get(run_key), "kept": known[before]}
        if put_back(dataset, run_key, before, config, **ids):
            return _summary(run_key, values, kept.saved)


def bank_source(dataset: fo.Dataset, name: str) -> dict[str, Any] | None:
    """What a bank was built from, as `put_memory_bank` was told; None where it was not.

    Raises:
        InputError: no such bank.
    """
    source = _find(dataset, name)[1].config.get("source")
    return None if source is None else dict(source)


def _put(
    dataset: fo.Dataset,
    bank: MemoryBank,
    run_key: str,
    replacing: ObjectId | None,
    change: str | None,
    source: Mapping[str, Any] | None,
    content: ObjectId | None = None,
) -> BankSummary | None:
    """Write a bank under a key; None if that holds something else than `replacing` by now.

    What it replaces is kept if `change` says what it is that could be taken back. `content` is the
    new id of what is written.
    """
    stored = None if replacing is None else stored_runs(dataset, [METHOD]).get(run_key)
    earlier = {} if stored is None else config_values(stored.config)
    keep_as = None
    before, said = earlier.get("before"), earlier.get("change")
    version = _version(dataset, run_key, earlier) if replacing is not None else 1
    if replacing is not None and change is not None:
        before, said, version = f"{run_key}_{replacing}", change, version + 1
        keep_as = (before, dataset.init_run(**{**earlier, "method": EARLIER}))
    values = {
        "method": METHOD,
        "name": bank.name,
        # A list of pairs: class names may hold dots and dollars, which MongoDB's keys may not.
        "classes": [[label, count] for label, count in bank.class_counts().items()],
        "negatives": len(bank.negatives),
        "encoder": bank.encoder,
        "models": dict(bank.models),
        "before": before,
        "change": said,
        "version": version,
        "source": source,
        "content": [bank_hash(one) for one in _with_and_without_negatives(bank)],
    }
    saved = put_run(
        dataset,
        run_key,
        dataset.init_run(**values),
        {"file": _text(bank)},
        replacing=replacing,
        keep_as=keep_as,
        results=content,
    )
    if saved is None:
        return None
    for key in earlier_keys(dataset, run_key)[_KEPT:]:
        drop_run(dataset, key)
    return _summary(run_key, values, saved)


def _text(bank: MemoryBank) -> str:
    """The very bytes of the bank's file, so that there is one format with one checksum.

    As FiftyOne writes arrays, which is how they are read; but features don't get smaller by
    compressing, which takes longer than all else.
    """
    array = io.BytesIO()
    np.save(array, np.frombuffer(bank_bytes(bank), dtype=np.uint8), allow_pickle=False)
    return base64.b64encode(zlib.compress(array.getbuffer(), level=0)).decode("ascii")


def _version(dataset: fo.Dataset, run_key: str, config: Mapping[str, Any]) -> int:
    """The number of a bank's version; of one that an earlier version of this package saved, as if
    the banks kept before it were all there ever were."""
    return int(config.get("version") or len(earlier_keys(dataset, run_key)) + 1)


def _with_and_without_negatives(bank: MemoryBank) -> list[MemoryBank]:
    return [bank, bank.without_negatives()] if len(bank.negatives) else [bank]


def earlier_keys(dataset: fo.Dataset, run_key: str) -> list[str]:
    """Keys of the banks that one replaced, the latest first."""
    keys: list[str] = []
    known = stored_runs(dataset, [METHOD, EARLIER])
    stored = known.get(run_key)
    while stored is not None:
        before: str = stored.config.get("before") or ""
        stored = known.get(before) if before not in keys else None
        if stored is not None:
            keys.append(before)
    return keys


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
    results = run_values(dataset, run_key)
    if results is None and find_bank(dataset, name) != run_key:  # renamed twice meanwhile
        return load_memory_bank(samples, name)
    return _from_results(results, name, dataset)


def load_earlier_bank(dataset: fo.Dataset, key: str, name: str) -> MemoryBank:
    """A bank that another has replaced, as `earlier_keys` names it.

    Raises:
        StoreError: it is damaged, or gone meanwhile.
    """
    return _from_results(run_values(dataset, key), name, dataset)


def _from_results(results: Mapping[str, Any] | None, name: str, dataset: fo.Dataset) -> MemoryBank:
    origin = f"{name!r} on dataset {dataset.name!r}"
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
    found = stored_runs(samples._root_dataset, [METHOD])
    summaries = [_summary(key, stored.config, stored.saved) for key, stored in found.items()]
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
        run_key, stored = _find(dataset, name)
        new_key = run_key
        if new_name == name:
            return _summary(run_key, stored.config, stored.saved)
        if key_of_name(new_name) != run_key:
            new_key = check_bank_name(dataset, new_name, overwrite=False)
        values = {**config_values(stored.config), "name": new_name}
        config = dataset.init_run(**values)
        if move_run(dataset, run_key, new_key, config, replacing=known.get(run_key)):
            return _summary(new_key, values, stored.saved)


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
        earlier = earlier_keys(dataset, run_key)
        if remove_run(dataset, run_key, replacing=known.get(run_key)):
            for key in earlier:
                drop_run(dataset, key)
            return


def find_bank(dataset: fo.Dataset, name: str) -> str:
    """Run key of the bank called `name`.

    Raises:
        InputError: no bank of that name; the message lists the names there are.
    """
    return _find(dataset, name)[0]


def find_content(dataset: fo.Dataset, name: str) -> ObjectId | None:
    """The id of what a bank holds, which changes with that alone; see `find_bank`."""
    return _find(dataset, name)[1].results


def _find(dataset: fo.Dataset, name: str) -> tuple[str, StoredRun]:
    """A bank's run key, and the run; see `find_bank`."""
    found = stored_runs(dataset, [METHOD])
    for key, stored in found.items():
        if stored.config["name"] == name:
            return key, stored
    known = ", ".join(sorted(repr(stored.config["name"]) for stored in found.values()))
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
    if new_key in stored_runs(dataset):
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


def _summary(run_key: str, config: Mapping[str, Any], created: datetime) -> BankSummary:
    return BankSummary(
        name=config["name"],
        run_key=run_key,
        classes=dict(config["classes"]),
        negatives=config["negatives"],
        encoder=config["encoder"],
        models=dict(config["models"]),
        created=created,
        change=config.get("change"),
        content=tuple(config.get("content") or ()),
        version=config.get("version") or 1,
    )
