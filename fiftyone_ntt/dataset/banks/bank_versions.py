"""The versions of a bank of a dataset: it as it is, and the last ones that it replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank, ReferenceSet
from fiftyone_ntt.dataset.banks.saved_banks import (
    EARLIER,
    METHOD,
    BankSummary,
    change_memory_bank,
    earlier_keys,
    find_bank,
    load_earlier_bank,
    load_memory_bank,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.stored_runs import StoredRun, stored_runs
from fiftyone_ntt.errors import InputError, counted


@dataclass(frozen=True)
class BankVersion:
    """What a bank was at some time.

    Attributes:
        number: rises with every change that can be taken back.
        change: what made it of the version before, in words; None of the first.
        created: when, UTC.
        classes: references per class.
        negatives: negative references in all.
        current: whether this is the bank as it is.
        run_key: FiftyOne's key of the custom run that holds it.

    Example:
        >>> [version] = ntt.list_bank_versions(dataset, "shapes")
        >>> isinstance(version, ntt.BankVersion), version.number, version.current
        (True, 1, True)
    """

    number: int
    change: str | None
    created: datetime
    classes: dict[str, int]
    negatives: int
    current: bool
    run_key: str


@dataclass(frozen=True)
class BankComparison:
    """What came and went between two versions of a bank.

    Attributes:
        older, newer: their numbers.
        added: ids of references that came, by class.
        removed: ids of those that went, by the class they had.
        moved: of those in both that have another class, the old and the new one by id.
        added_negatives, removed_negatives: the same of negative references.

    Example:
        >>> print(ntt.BankComparison(1, 2, added={"fish": ("a", "b")}))
        version 2 beside 1: 2 references of fish came
        >>> print(ntt.BankComparison(1, 2))
        version 2 beside 1: nothing
    """

    older: int
    newer: int
    added: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moved: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    added_negatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    removed_negatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [
            f"{counted(len(ids), kind)} of {name} {verb}"
            for kind, verb, by_class in (
                ("reference", "came", self.added),
                ("reference", "went", self.removed),
                ("negative", "came", self.added_negatives),
                ("negative", "went", self.removed_negatives),
            )
            for name, ids in by_class.items()
        ]
        parts += [
            f"{counted(count, 'reference')} of {old} became {new}"
            for (old, new), count in Counter(self.moved.values()).items()
        ]
        return f"version {self.newer} beside {self.older}: {', '.join(parts) or 'nothing'}"


@needs_database
def list_bank_versions(samples: foc.SampleCollection, name: str) -> list[BankVersion]:
    """A bank of a dataset as it is, and the five it replaced last, the latest first.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.

    Raises:
        InputError: no such bank.

    Example:
        >>> first, *_ = ntt.load_memory_bank(dataset, "shapes").references.ids
        >>> _ = ntt.remove_references(dataset, "shapes", [first])
        >>> [(v.number, v.change, v.classes) for v in ntt.list_bank_versions(dataset, "shapes")]
        [(2, '1 reference removed', {'fish': 1, ...}), (1, None, {'fish': 2, ...})]
    """
    dataset = samples._root_dataset
    run_key = find_bank(dataset, name)
    keys = [run_key, *earlier_keys(dataset, run_key)]
    stored = stored_runs(dataset, [METHOD, EARLIER])
    return [
        _version(key, stored[key], len(keys) - place)
        for place, key in enumerate(keys)
        if key in stored  # else gone meanwhile
    ]


@needs_database
def compare_bank_versions(
    samples: foc.SampleCollection, name: str, older: int, newer: int | None = None
) -> BankComparison:
    """What came and what went between two versions of a bank of a dataset.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        older: number of one, see `list_bank_versions`.
        newer: of the other; the bank as it is when None.

    Raises:
        InputError: no such bank, or no such version any more.

    Example:
        >>> first, *_ = ntt.load_memory_bank(dataset, "shapes").references.ids
        >>> _ = ntt.remove_references(dataset, "shapes", [first])
        >>> print(ntt.compare_bank_versions(dataset, "shapes", 1))
        version 2 beside 1: 1 reference of fish went
    """
    versions = list_bank_versions(samples, name)
    before = _find(versions, name, older)
    after = versions[0] if newer is None else _find(versions, name, newer)
    return _comparison(
        _load(samples, name, before), _load(samples, name, after), before.number, after.number
    )


@needs_database
def restore_bank_version(samples: foc.SampleCollection, name: str, number: int) -> BankSummary:
    """Make a bank of a dataset what it was: its latest version is then an old one's equal.

    Nothing in between is lost: `undo_bank_change` takes the restoring back.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        number: of the version, see `list_bank_versions`.

    Raises:
        InputError: no such bank, no such version any more, or it is the bank as it is.

    Example:
        >>> first, second, *_ = ntt.load_memory_bank(dataset, "shapes").references.ids
        >>> _ = ntt.remove_references(dataset, "shapes", [first])
        >>> _ = ntt.change_reference_class(dataset, "shapes", [second], "mushroom")
        >>> ntt.restore_bank_version(dataset, "shapes", 1).classes
        {'fish': 2, 'mushroom': 2}
        >>> ntt.undo_bank_change(dataset, "shapes").classes
        {'mushroom': 3}
    """
    version = _find(list_bank_versions(samples, name), name, number)
    if version.current:
        raise InputError(f"version {number} is what memory bank {name!r} is already.")
    bank = _load(samples, name, version)
    return change_memory_bank(samples, name, lambda _: bank, f"version {number} restored")


def _version(key: str, stored: StoredRun, place: int) -> BankVersion:
    config = stored.config
    return BankVersion(
        number=config.get("version") or place,
        change=config.get("change"),
        created=stored.saved,
        classes=dict(config["classes"]),
        negatives=config["negatives"],
        current=config["method"] == METHOD,
        run_key=key,
    )


def _find(versions: list[BankVersion], name: str, number: int) -> BankVersion:
    for version in versions:
        if version.number == number:
            return version
    known = ", ".join(str(version.number) for version in versions)
    raise InputError(
        f"memory bank {name!r} has no version {number} (any more). Pass one of: {known}."
    )


def _load(samples: foc.SampleCollection, name: str, version: BankVersion) -> MemoryBank:
    if version.current:
        return load_memory_bank(samples, name)
    return load_earlier_bank(samples._root_dataset, version.run_key, name)


def _comparison(before: MemoryBank, after: MemoryBank, older: int, newer: int) -> BankComparison:
    had, has = _classes(before, before.references), _classes(after, after.references)
    refused, refuses = _classes(before, before.negatives), _classes(after, after.negatives)
    return BankComparison(
        older,
        newer,
        added=_by_class(has, had),
        removed=_by_class(had, has),
        moved={
            one: (had[one], label) for one, label in has.items() if one in had and had[one] != label
        },
        added_negatives=_by_class(refuses, refused),
        removed_negatives=_by_class(refused, refuses),
    )


def _classes(bank: MemoryBank, references: ReferenceSet) -> dict[str, str]:
    """The class of each reference by id."""
    labels = references.classes.tolist()
    return {one: bank.classes[k] for one, k in zip(references.ids, labels, strict=True)}


def _by_class(these: Mapping[str, str], others: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Those that the others lack, by class."""
    found: dict[str, tuple[str, ...]] = {}
    for one, label in these.items():
        if one not in others:
            found[label] = (*found.get(label, ()), one)
    return found
