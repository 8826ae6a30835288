"""A journal beside an output file: finished work survives a killed run."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.atomic import cannot_write, require_ordinary, write_atomically
from fiftyone_ntt.store.own_files import FileKind

_HEAD = b'{"fiftyone-ntt journal": 1, "run": '
_DELIVERED = {"delivered": True}
"""The record after those that lie in the run's output."""


class Journal:
    """Appends one JSON record per finished item; a later run of the same identity reads them back.

    A killed run or machine may leave its last lines cut short or damaged, which the checksum before
    each tells: from the first such line on they are dropped, and their items done again.

    Args:
        path: the journal's file; made on the first `append`.
        identity: of the run. A journal of another run is refused, not overwritten, unless all it
            holds was delivered.

    Raises:
        StoreError: the file is another run's journal, or no journal.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._head = _HEAD + json.dumps(identity).encode() + b"}\n"
        require_ordinary(path)
        self.records = self._read() if path.exists() else []

    def _read(self) -> list[Any]:
        head, *lines = _lines(self._path)
        records = list(_whole_records(lines))
        delivered = records[-1:] == [_DELIVERED]
        if head.startswith(_HEAD) and head != self._head and delivered:
            self.remove()
            return []
        if head != self._head and not _is_cut_head(head):
            holds = (
                "the unfinished work of a run with other images, references, models or settings. "
                "Repeat that run to finish it, or delete the file to give it up."
                if head.startswith(_HEAD)
                else "something else than the journal of a run. Move it, or choose another output."
            )
            raise StoreError(f"{self._path} holds {holds}")
        # Appending must go on after the last whole line.
        write_atomically(self._path, b"".join([self._head, *lines[: len(records)]]), _JOURNAL)
        return [record for record in records if record != _DELIVERED]

    def append(self, record: Any) -> None:
        """Write one finished item's record, durably.

        Raises:
            StoreError: the file cannot be written.
        """
        self._write(record)
        self.records.append(record)

    def deliver(self) -> None:
        """Say that all of its records lie in the output, where a later run may still want them.

        Raises:
            StoreError: the file cannot be written.
        """
        self._write(_DELIVERED)

    def _write(self, record: Any) -> None:
        try:
            with self._path.open("ab") as file:
                if file.tell() == 0:
                    file.write(self._head)
                file.write(_line(record))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def remove(self) -> None:
        """Delete the file: its content now lies in the output."""
        self._path.unlink(missing_ok=True)


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True) or [b""]
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror or error}. Move it, or choose another output."
        ) from error


def _begins_a_journal(path: Path) -> bool:
    head = _lines(path)[0]
    return head.startswith(_HEAD) or _is_cut_head(head)


_JOURNAL = FileKind("journal", _begins_a_journal)


def _is_cut_head(head: bytes) -> bool:
    """Whether a run was killed while it wrote its head: no record was lost with it."""
    return not head.endswith(b"\n") and (head.startswith(_HEAD) or _HEAD.startswith(head))


def _line(record: Any) -> bytes:
    text = json.dumps(record).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _whole_records(lines: list[bytes]) -> Iterator[Any]:
    for line in lines:
        checksum, _, text = line.partition(b" ")
        if not text.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text[:-1]):
            return
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            return
        yield record
