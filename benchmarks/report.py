"""Tables for people and JSON for programs, from the same rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fiftyone_ntt.store.atomic import write_atomically
from fiftyone_ntt.store.own_files import REPORT_FILE

Row = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """One measurement.

    Attributes:
        title: what was measured.
        rows: all with the same keys, which head the table's columns.
        notes: sentences printed under it.
    """

    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        heads = list(self.rows[0])
        cells = [heads, *([_text(row[head]) for head in heads] for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
        lines = [_line(line, widths) for line in cells]
        return "\n".join(["", self.title, *lines, *self.notes])


def _line(cells: list[str], widths: list[int]) -> str:
    first, *others = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  " + "  ".join([first, *others])


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write_json(path: Path, machine: Row, reports: list[Report]) -> None:
    """Write reports with what they depend on."""
    content = {"machine": machine, "reports": [asdict(report) for report in reports]}
    write_atomically(path, REPORT_FILE.content(content, indent=1) + b"\n", REPORT_FILE)
