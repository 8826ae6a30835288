"""Labels as their own tools write and draw them, against what our readers make of them.

`make compare-formats` runs it; `--tools labelme cvat` runs some. Each tool is installed, pinned, in
an environment of its own (kept in `build/format-tools`), writes the scenes of the tests, and says
which pixels it draws. Prints the table of `docs/formats.md`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.format_tools.drawing import Case, load_cases
from tests.formats.reading_back import Found, read_back

CHECKOUT = Path(__file__).resolve().parents[1]
WORK = CHECKOUT / "build" / "format-tools"
TOOLS: dict[str, list[list[str]]] = {
    "by_hand": [],
    "cell_masks": [
        ["torch==2.13.0"],
        # Version 4 needs torchvision to save a mask.
        ["--no-deps", "cellpose==3.1.1.3"],
        ["scikit-image==0.26.0", "tifffile==2026.3.3", "opencv-python-headless", "scipy", "numba"],
        ["natsort", "roifile", "fastremap", "fill-voids", "tqdm"],
    ],
    "coco_tools": [["pycocotools==2.0.11", "lvis==0.5.3"]],
    "cvat": [["cvat-sdk==2.80.0"]],
    "datumaro": [["datumaro==1.13.12"]],
    "label_studio": [["label-studio-sdk==2.1.2", "pycocotools==2.0.11"]],
    "labelme": [["labelme==6.3.1"]],
    "supervision": [["supervision==0.31.2"]],
    "ultralytics": [
        ["torch==2.13.0"],
        ["--no-deps", "ultralytics==8.4.190"],
        ["opencv-python-headless", "pyyaml", "requests", "tqdm", "psutil", "matplotlib", "polars"],
        ["scipy", "pycocotools==2.0.11"],
    ],
    "x_anylabeling": [["x-anylabeling-cvhub==4.2.1", "pycocotools==2.0.11"]],
}
"""Arguments of each `pip install`, for the script of that name in `scripts/format_tools`; none
where this package's own environment has all that is needed."""
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
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        python = environment(given.work / "environments" / tool, tool)
        run_tool(python, tool, folder, given.scenes)
        cases += [(folder, case) for case in load_cases(folder, tool)]
    rows = [compared(folder, case) for folder, case in cases]
    print_table(sorted(rows, key=lambda row: row.case.format))


def environment(folder: Path, tool: str) -> Path:
    """The Python of a tool's own environment, made on first use."""
    if not TOOLS[tool]:
        return Path(sys.executable)
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
    theirs: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for key, mask in zip(case.objects, case.masks, strict=True):
        theirs[key].append(mask)
    sizes = {image: mask.shape for (image, _), mask in zip(case.objects, case.masks, strict=True)}
    ours: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for image, items in read_back(folder / case.path, images, case.format).items():
        for item in items:
            ours[image, item.label].append(pixels(item, sizes[image]))
    row = Row(case, objects=len(case.objects))
    for key in theirs.keys() | ours.keys():
        count_pairs(row, theirs[key], ours[key])
    return row


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
        cells = [f"`{case.format}`", case.writer, case.drawer, f"{row.objects}{lost}"]
        cells += [f"{count:,}" for count in (row.equal, row.tool_pixels, row.our_pixels)]
        print(f"| {' | '.join(cells)} | {row.differing:,} |")
    for row in rows:
        if row.case.why:
            print(f"\n`{row.case.format}`, {row.case.writer}: {row.case.why}.")


if __name__ == "__main__":
    main()
