"""A memory bank as one safetensors file: arrays, and everything else as JSON in its header."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.atomic import write_atomically

FORMAT = "fiftyone-ntt memory bank"
VERSION = 1
_HEADER = "fiftyone_ntt"

Arrays = dict[str, NDArray[Any]]


def save_bank(bank: MemoryBank, path: str | Path) -> Path:
    """Write a bank to `path`, replacing the file only once it is complete.

    Raises:
        StoreError: the file cannot be written.
    """
    path = Path(path)
    write_atomically(path, bank_bytes(bank))
    return path


def load_bank(path: str | Path) -> MemoryBank:
    """The bank in the file at `path`.

    Raises:
        StoreError: no such file, not a bank, corrupt, or of another format version.
    """
    path = Path(path)
    try:
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
    arrays = _arrays(bank)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "classes": bank.classes,
        "references": bank.references.ids,
        "negatives": bank.negatives.ids,
        "encoder": bank.encoder,
        "models": bank.models,
        "name": bank.name,
        "notes": bank.notes,
    }
    header["checksum"] = _checksum(header, arrays)
    return save_tensors(arrays, {_HEADER: json.dumps(header, sort_keys=True)})


def bank_from_bytes(data: bytes, origin: str) -> MemoryBank:
    """The bank whose file's content is `data`.

    Args:
        data: as made by `bank_bytes`.
        origin: where the bytes come from, for messages.

    Raises:
        StoreError: not a bank, corrupt, or of another format version.
    """
    header = _read_header(data, origin)
    try:
        arrays = load_tensors(data)
    except (SafetensorError, ValueError) as error:
        raise _corrupt(origin, str(error)) from error
    if _checksum(header, arrays) != header.get("checksum"):
        raise _corrupt(origin, "its checksum does not match its content")
    try:
        return MemoryBank(
            classes=tuple(header["classes"]),
            references=_reference_set("references", header["references"], arrays),
            negatives=_reference_set("negatives", header["negatives"], arrays),
            statistics=PatchStatistics(
                **{name: arrays[f"statistics.{name}"] for name in _fields(PatchStatistics)}
            ),
            encoder=header["encoder"],
            models=header["models"],
            name=header["name"],
            notes=tuple(header["notes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt(origin, f"its content does not fit together ({error!r})") from error


def _read_header(data: bytes, origin: str) -> dict[str, Any]:
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size])["__metadata__"][_HEADER]
        content: dict[str, Any] = dict(json.loads(header))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{origin} is not a memory bank, or its beginning is damaged. Pass a file written by "
            "`MemoryBank.save`."
        ) from error
    if content.get("format") != FORMAT or content.get("version") != VERSION:
        raise StoreError(
            f"{origin} is {content.get('format')!r} of version {content.get('version')}, but this "
            f"version of fiftyone-ntt reads {FORMAT!r} version {VERSION}. Rebuild the bank, or "
            "use the version of fiftyone-ntt that wrote it."
        )
    return content


def _corrupt(origin: str, reason: str) -> StoreError:
    return StoreError(
        f"memory bank {origin} is corrupt: {reason}. Copy it again from where it came from, or "
        "rebuild it."
    )


def _fields(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind) if field.name != "ids"]


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


def _reference_set(part: str, ids: list[str], arrays: Arrays) -> ReferenceSet:
    columns = {name: arrays[f"{part}.{name}"] for name in _fields(ReferenceSet)}
    return ReferenceSet(ids=tuple(ids), **columns)


def _checksum(header: dict[str, Any], arrays: Arrays) -> str:
    """Of everything in the file but the checksum itself."""
    words = {key: value for key, value in header.items() if key != "checksum"}
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
