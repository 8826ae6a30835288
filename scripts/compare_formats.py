"""Labels as their own tools write and draw them, against what our readers make of them.

`make compare-formats` runs it; `--tools labelme lvis` runs some. Each tool is installed, pinned, in an
environment of its own (kept in `build/format-tools`), writes the scenes of the tests, and says which
pixels it draws. Prints the table of `docs/formats.md`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.format_tools.drawing import Case, load_cases
from tests.formats.reading_back import Found, read_back

CHECKOUT = Path(__file__).resolve().parents[1]
WORK = CHECKOUT / "build" / "format-tools"
TOOLS: dict[str, list[list[str]]] = {
    "datumaro": [["datumaro==1.13.12"]],
}
"""Arguments of `pip install`, in order, for the script of that name in `scripts/format_tools`."""
COMMON = ["jaxtyping", "pillow", "numpy"]
"""What the scenes need."""


@dataclass
class Row:
    """A line of the table."""

    case: Case
    objects: int = 0
    missing: int = 0
    more: int = 0
    tool_pixels: int = 0
    our_pixels: int = 0
    differing: int = 0
    equal: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--work", type=Path, default=WORK)
    given = parser.parse_args()
    cases = []
    for tool in given.tools:
        folder = given.work / "cases" / tool
        folder.mkdir(parents=True, exist_ok=True)
        python = environment(given.work / "environments" / tool, tool)
        run_tool(python, tool, folder, given.scenes)
        cases += [(folder, case) for case in load_cases(folder, tool)]
    rows = [compared(folder, case) for folder, case in cases]
    print_table(sorted(rows, key=lambda row: row.case.format))


def environment(folder: Path, tool: str) -> Path:
    """The Python of a tool's own environment, made on first use."""
    python, done = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(" ".join(line) for line in [*TOOLS[tool], COMMON])
    if not done.exists() or done.read_text() != wanted:
        print(f"installing {tool} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        for line in [*TOOLS[tool], COMMON]:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *line], check=True)
        done.write_text(wanted)
    return python


def run_tool(python: Path, tool: str, folder: Path, scenes: int) -> None:
    settings = {"PYTHONPATH": str(CHECKOUT), "QT_QPA_PLATFORM": "offscreen", "YOLO_OFFLINE": "1"}
    with (folder / "log.txt").open("w") as log:
        subprocess.run(
            [python, "-m", f"scripts.format_tools.{tool}", folder, str(scenes)],
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
            check=True,
        )


def compared(folder: Path, case: Case) -> Row:
    """Each object of the tool with the one of ours that fits it best, of its image and class."""
    images = folder / case.images if case.images else None
    found = read_back(folder / case.path, images, case.format)
    theirs: dict[tuple[str, str], list[np.ndarray]] = {}
    for (image, label), mask in zip(case.objects, case.masks, strict=True):
        theirs.setdefault((image, label), []).append(mask)
    ours: dict[tuple[str, str], list[np.ndarray]] = {}
    for image, items in found.items():
        for item in items:
            size = next(mask.shape for (name, _), mask in _flat(theirs) if name == image)
            ours.setdefault((image, item.label), []).append(pixels(item, size))
    row = Row(case, objects=len(case.objects))
    for key in theirs.keys() | ours.keys():
        count_pairs(row, theirs.get(key, []), ours.get(key, []))
    return row


def _flat(
    groups: dict[tuple[str, str], list[np.ndarray]],
) -> Iterable[tuple[tuple[str, str], np.ndarray]]:
    return ((key, mask) for key, masks in groups.items() for mask in masks)


def pixels(item: Found, size: tuple[int, ...]) -> np.ndarray:
    """Of an object; a box is the pixels that it covers by half at least."""
    if item.mask is not None:
        return item.mask
    x, y, width, height = item.box
    mask = np.zeros(size, dtype=bool)
    mask[round(y) : round(y + height), round(x) : round(x + width)] = True
    return mask


def count_pairs(row: Row, theirs: list[np.ndarray], ours: list[np.ndarray]) -> None:
    left = list(ours)
    for mask in theirs:
        if not left:
            row.missing += 1
            continue
        apart = [np.count_nonzero(mask ^ other) for other in left]
        best = int(np.argmin(apart))
        other = left.pop(best)
        row.tool_pixels += np.count_nonzero(mask)
        row.our_pixels += np.count_nonzero(other)
        row.differing += apart[best]
        row.equal += apart[best] == 0
    row.more += len(left)


def print_table(rows: list[Row]) -> None:
    print("| format | written by | drawn by | objects | equal | pixels there | here | differing |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        case = row.case
        lost = f" ({row.missing} not read, {row.more} more)" if row.missing or row.more else ""
        print(
            f"| `{case.format}` | {case.writer} | {case.drawer} | {row.objects}{lost} | {row.equal} "
            f"| {row.tool_pixels:,} | {row.our_pixels:,} | {row.differing:,} |"
        )
    for why in dict.fromkeys(
        f"`{row.case.format}`, {row.case.writer}: {row.case.why}" for row in rows if row.case.why
    ):
        print(f"\n{why}")


if __name__ == "__main__":
    main()
