"""Labels that were written for annotation tools, as the tools read them, draw them and save them.

`make compare-prelabels` runs it; `--tools labelme cvat` runs some. Writes the scenes of the tests,
with masks that overlap, have holes and several parts, in every format; each tool, in its own
environment (see `compare_formats`), says which pixels it draws, and saves them again where it has a
writer. Prints the tables of `docs/prelabels.md`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.prelabels.prelabel import PrelabelledImage, Writing
from fiftyone_ntt.prelabels.prelabel_formats import PRELABEL_FORMATS
from fiftyone_ntt.prelabels.returned_labels import is_redrawn, paired, returned_images
from scripts.compare_formats import CHECKOUT, WORK, Row, count_pairs, environment
from scripts.format_tools.drawing import Case, load_cases
from scripts.format_tools.prelabel_reading import READERS
from tests.prelabels.prelabelled import all_prelabelled, shown, written


@dataclass
class Back:
    """What came back of what a tool saved.

    Attributes:
        case: read and saved by the tool.
        by_id: labels that came back with their ids.
        by_place: those that were found by what they show.
        missing: labels that were not found.
        new: objects that are none of the labels.
        redrawn: labels whose masks are others.
    """

    case: Case
    by_id: int = 0
    by_place: int = 0
    missing: int = 0
    new: int = 0
    redrawn: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--work", type=Path, default=WORK)
    given = parser.parse_args()
    folder = given.work / "prelabels"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    images = all_prelabelled(folder / "photos", given.scenes)
    writings = {
        known.name: written(known, images, folder / "photos", folder / known.name)
        for known in PRELABEL_FORMATS
    }
    rows, backs = [], []
    for tool in given.tools:
        read(environment(given.work / "environments" / tool, tool), tool, folder)
        for case in load_cases(folder, f"read-{tool}"):
            rows.append(drawn(case, images, writings[case.format]))
            if case.path:
                backs.append(returned(folder, case, images, writings[case.format]))
    print_drawn(rows)
    print_returned(backs)


def read(python: Path, tool: str, folder: Path) -> None:
    settings = {"PYTHONPATH": str(CHECKOUT), "QT_QPA_PLATFORM": "offscreen"}
    with (folder / f"read-{tool}.txt").open("w") as log:
        subprocess.run(
            [python, "-m", "scripts.format_tools.prelabel_reading", tool, folder],
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
            check=True,
        )


def drawn(case: Case, images: list[PrelabelledImage], writing: Writing) -> Row:
    """The pixels that a tool draws, and those that are meant."""
    theirs: dict[tuple[str, str], list[np.ndarray]] = {}
    for key, mask in zip(case.objects, case.masks, strict=True):
        theirs.setdefault(key, []).append(mask)
    row = Row(case, objects=len(case.objects))
    ours: dict[tuple[str, str], list[np.ndarray]] = {}
    for image in images:
        for item in shown(image, writing):
            if item.rle is not None:
                ours.setdefault((image.name, item.label), []).append(decode_mask(item.rle))
    for key in theirs.keys() | ours.keys():
        count_pairs(row, theirs.get(key, []), ours.get(key, []))
    return row


def returned(folder: Path, case: Case, images: list[PrelabelledImage], writing: Writing) -> Back:
    path = folder / case.path
    files = open_labels(path, None, folder / "photos")
    by_name = {image.name: image for image in images}
    found = Back(case)
    for where, _, objects in returned_images(path, files, Findings("skip")):
        pairs = paired(shown(by_name[where.name], writing), objects)
        for item, back in pairs.back:
            found.by_id += back.id == item.id
            found.by_place += back.id != item.id
            found.redrawn += is_redrawn(item, back)
        found.missing += len(pairs.missing)
        found.new += len(pairs.new)
    return found


def print_drawn(rows: list[Row]) -> None:
    print("| format | read by | labels | equal | pixels here | there | differing |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        lost = f" ({row.missing} more there, {row.more} missing)" if row.missing or row.more else ""
        cells = [f"`{row.case.format}`", f"{row.case.writer}, {row.case.drawer}"]
        cells += [f"{row.objects}{lost}", f"{row.equal:,}", f"{row.our_pixels:,}"]
        print(f"| {' | '.join(cells)} | {row.tool_pixels:,} | {row.differing:,} |")
    for row in rows:
        if row.case.why:
            print(f"\n`{row.case.format}`, {row.case.writer}: {row.case.why}.")


def print_returned(backs: list[Back]) -> None:
    print("\n| format | saved by | found by id | by place | missing | new | masks redrawn |")
    print("|---|---|---|---|---|---|---|")
    for back in backs:
        counts = (back.by_id, back.by_place, back.missing, back.new, back.redrawn)
        cells = [f"`{back.case.format}`", back.case.writer, *map(str, counts)]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
