"""A memory bank as one safetensors file: arrays, and everything else as JSON in its header."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from fiftyone_ntt.core.bank import (
    MemoryBank,
    PatchStatistics,
    ReferenceSet,
    register_bank_file_format,
)
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.atomic import write_atomically
from fiftyone_ntt.store.bank_calibrations import calibration_content, calibrations_from
from fiftyone_ntt.store.bank_checks import require_sound
from fiftyone_ntt.store.own_files import FileKind
from fiftyone_ntt.store.sealed import Arrays, SealedFormat

# The bank itself too: whoever takes it from here can save and load it.
__all__ = ["BANK_FILE", "MemoryBank", "bank_bytes", "bank_from_bytes", "load_bank", "save_bank"]

_FORMAT = SealedFormat(
    "memory bank",
    version=1,
    source="`MemoryBank.save`",
    remedy="Copy it again from where it came from, or rebuild it.",
)
BANK_FILE = FileKind(_FORMAT.name, _FORMAT.wrote)

_MOST_BYTES = 16 * 2**30
"""Of a bank's file: a million references of the widest encoder have 14 GB."""


def save_bank(bank: MemoryBank, path: str | Path, *, overwrite: bool = True) -> Path:
    """Write a bank to `path`, replacing the file only once it is complete.

    Args:
        bank: of any origin.
        path: in a folder that is there. A file that is no memory bank is not replaced.
        overwrite: replace a bank that is there.

    Raises:
        StoreError: another file is there, or the file cannot be written.
    """
    path = Path(path)
    write_atomically(path, bank_bytes(bank), BANK_FILE, overwrite=overwrite)
    return path


def load_bank(path: str | Path) -> MemoryBank:
    """The bank in the file at `path`.

    Raises:
        StoreError: no such file, not a bank, corrupt, or of another format version.
    """
    path = Path(path)
    try:
        require_regular_file(path, _MOST_BYTES)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise StoreError(f"memory bank {path}: no such file. Check the path.") from error
    except OSError as error:
        raise StoreError(
            f"memory bank {path} cannot be read: {error.strerror or error}. Check the path and "
            "its permissions."
        ) from error
    return bank_from_bytes(data, str(path))


def bank_bytes(bank: MemoryBank) -> bytes:
    """The content of a bank's file; equal banks give equal bytes."""
    content: dict[str, Any] = {
        "classes": bank.classes,
        "references": bank.references.ids,
        "negatives": bank.negatives.ids,
        "encoder": bank.encoder,
        "models": bank.models,
        "name": bank.name,
        "notes": bank.notes,
    }
    # Left out where unknown: banks of earlier versions keep their bytes, and so their hashes, and
    # earlier versions, which pass over what they don't know, read new files.
    parts = {"references": bank.references, "negatives": bank.negatives}
    names = {part: rows.image_names for part, rows in parts.items() if any(rows.image_names)}
    content |= {"image_names": names} if names else {}
    content |= {"versions": bank.versions} if bank.versions else {}
    calibrations, tables = calibration_content(bank.calibrations)
    content |= {"calibrations": calibrations} if calibrations else {}
    return _FORMAT.seal(content, {**_arrays(bank), **tables})


def bank_from_bytes(data: bytes, origin: str) -> MemoryBank:
    """The bank whose file's content is `data`.

    Args:
        data: as made by `bank_bytes`.
        origin: where the bytes come from, for messages.

    Raises:
        StoreError: not a bank, corrupt, or of another format version.
    """
    content, arrays = _FORMAT.unseal(data, origin)
    try:
        bank = MemoryBank(
            classes=tuple(content["classes"]),
            references=_reference_set("references", content, arrays),
            negatives=_reference_set("negatives", content, arrays),
            statistics=PatchStatistics(
                **{name: arrays[f"statistics.{name}"] for name in _fields(PatchStatistics)}
            ),
            encoder=content["encoder"],
            models=content["models"],
            name=content["name"],
            notes=tuple(content["notes"]),
            versions=_texts_by_name(content.get("versions", {})),
            calibrations=calibrations_from(
                content.get("calibrations", ()), arrays, tuple(content["classes"])
            ),
        )
        require_sound(bank)
    except (KeyError, TypeError, AttributeError, ValueError, InputError) as error:
        reason = f"its content does not fit together ({_clause(error)})"
        raise _FORMAT.corrupt(origin, reason) from error
    return bank


def _clause(error: Exception) -> str:
    """What is wrong, in words where the error has any."""
    missing = f"{error} is missing" if isinstance(error, KeyError) else ""
    return missing or str(error) or type(error).__name__


def _fields(kind: type) -> list[str]:
    texts = ("ids", "image_names")
    return [field.name for field in dataclasses.fields(kind) if field.name not in texts]


def _arrays(bank: MemoryBank) -> Arrays:
    parts = {
        "references": bank.references,
        "negatives": bank.negatives,
        "statistics": bank.statistics,
    }
    return {
        f"{part}.{name}": np.ascontiguousarray(getattr(rows, name))
        for part, rows in parts.items()
        for name in _fields(type(rows))
    }


def _reference_set(part: str, content: dict[str, Any], arrays: Arrays) -> ReferenceSet:
    columns = {name: arrays[f"{part}.{name}"] for name in _fields(ReferenceSet)}
    names = dict(content.get("image_names", {})).get(part, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError("image names must be a list of texts")
    return ReferenceSet(ids=tuple(content[part]), image_names=tuple(names), **columns)


def _texts_by_name(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise TypeError("versions must be texts by name")
    return found


class _SealedFiles:
    """What `MemoryBank.save` and `MemoryBank.load` do once this module is there."""

    save = staticmethod(save_bank)
    load = staticmethod(load_bank)


register_bank_file_format(_SealedFiles())
