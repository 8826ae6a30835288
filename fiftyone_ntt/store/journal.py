"""A journal beside an output file: finished work survives a killed run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fiftyone_ntt.errors import StoreError


class Journal:
    """Appends one JSON record per finished item; a later run of the same identity reads them back.

    The last line of a killed run may be cut short: it is dropped, and its item done again.

    Args:
        path: the journal's file; made on the first `append`.
        identity: of the run. A journal of another run is refused, not overwritten.

    Raises:
        StoreError: the file is another run's journal, or no journal.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._head = json.dumps({"fiftyone-ntt journal": 1, "run": identity}) + "\n"
        self.records = list(self._read()) if path.exists() else []

    def _read(self) -> Iterator[Any]:
        head, *lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        if head != self._head and head.endswith("\n"):
            raise StoreError(
                f"{self._path} holds the unfinished work of a run with other references, models "
                "or settings. Repeat that run to finish it, or delete the file to give it up."
            )
        whole = [line for line in lines if line.endswith("\n")]
        # Appending must go on after the last whole line.
        self._rewrite([self._head, *whole])
        return map(json.loads, whole)

    def _rewrite(self, lines: list[str]) -> None:
        draft = self._path.with_name(self._path.name + ".part")
        draft.write_text("".join(lines), encoding="utf-8")
        os.replace(draft, self._path)

    def append(self, record: Any) -> None:
        """Write one finished item's record, durably."""
        with self._path.open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write(self._head)
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.records.append(record)

    def remove(self) -> None:
        """Delete the file: its content now lies in the output."""
        self._path.unlink(missing_ok=True)
