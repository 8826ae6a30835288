"""An ablation on disk: one file that holds its set-up and every cell; its table and its chart."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fiftyone_ntt.core.settings import Scoring
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.atomic import make_folder, require_writable, write_atomically
from fiftyone_ntt.store.own_files import PICTURE, FileKind
from fiftyone_ntt.store.own_json import read_own_json
from fiftyone_ntt.trials.ablation import Ablation, TrialSetup
from fiftyone_ntt.trials.ablation_charts import ABLATION_CHART, save_ablation_chart
from fiftyone_ntt.trials.ablation_table import markdown_table
from fiftyone_ntt.trials.cells import Cell
from fiftyone_ntt.trials.trial_proposals import ProposalCost
from fiftyone_ntt.trials.variants import Variant

VERSION = 1
FILE, TABLE = "ablation.json", "ablation.md"
_TABLE_MARK = "<!-- fiftyone-ntt ablate -->\n"
"""What the table's file begins with."""


def save_ablation(ablation: Ablation, folder: Path) -> Path:
    """Write `ablation.json`; returns its path.

    Raises:
        StoreError: another's file is there, or it cannot be written.
    """
    content = {"version": VERSION, **asdict(ablation)}
    content["cells"] = [_cell_row(cell) for cell in ablation.cells]
    path = folder / FILE
    write_atomically(path, json.dumps(content, allow_nan=False).encode(), ABLATION)
    return path


def _cell_row(cell: Cell) -> dict[str, Any]:
    """JSON has no NaN."""
    return asdict(cell) | {"without": [None if math.isnan(ap) else ap for ap in cell.without]}


def load_ablation(path: str | Path) -> Ablation:
    """The ablation in a file, or in a folder that holds `ablation.json`.

    Raises:
        StoreError: no such file, or no ablation of this version.
    """
    return read_own_json(path, FILE, VERSION, _ablation, what="an ablation", command="ablate")


def _ablation(content: dict[str, Any]) -> Ablation:
    return Ablation(
        TrialSetup(**content["setup"]),
        {str(name): str(identity) for name, identity in content["data"].items()},
        tuple(_variant(row) for row in content["variants"]),
        tuple(ProposalCost(**row) for row in content["costs"]),
        tuple(_cell(row) for row in content["cells"]),
    )


def _variant(row: dict[str, Any]) -> Variant:
    """Also one whose options another version has: it is then no variant of this one's."""
    known = {name: value for name, value in row["scoring"].items() if name in _OPTIONS}
    name = row["name"] if len(known) == len(row["scoring"]) else f"{row['name']} (other version)"
    return Variant(str(name), Scoring(**known), int(row["crops"]))


_OPTIONS = asdict(Scoring())


def _cell(row: dict[str, Any]) -> Cell:
    without = tuple(math.nan if ap is None else float(ap) for ap in row["without"])
    return Cell(
        *(str(row["data"]), int(row["shots"]), int(row["seed"]), str(row["variant"])),
        *(float(row["ap"]), without, float(row["seconds"])),
    )


def _is_ablation(path: Path) -> bool:
    try:
        load_ablation(path)
    except StoreError:
        return False
    return True


def _is_table(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_TABLE_MARK)) == _TABLE_MARK.encode()


ABLATION = FileKind("ablation", _is_ablation)
_TABLE = FileKind("table of an ablation", _is_table)


def resume_ablation(folder: Path, wanted: Ablation) -> Ablation:
    """What a folder holds of an ablation that is wanted, or that one as it is, without cells.

    Cells of a variant that means something else by now are left out.

    Raises:
        StoreError: it holds another one, or an unreadable file.
    """
    if not (folder / FILE).exists():
        return wanted
    found = load_ablation(folder)
    # The same models may go by another name.
    other = replace(found.setup, models=wanted.setup.models) != wanted.setup
    shared = found.data.keys() & wanted.data.keys()
    if other or any(found.data[name] != wanted.data[name] for name in shared):
        raise StoreError(
            f"{folder} holds another ablation, of other models, images or points per side. Choose "
            "another output, or repeat that one."
        )
    variants = {old.name: old for old in found.variants} | {
        new.name: new for new in wanted.variants
    }
    same = {old.name for old in found.variants if variants[old.name] == old}
    return Ablation(
        wanted.setup,
        found.data | wanted.data,
        tuple(variants.values()),
        found.costs,
        tuple(cell for cell in found.cells if cell.variant in same),
    )


def prepare_ablation_folder(folder: Path) -> None:
    """Make a folder for an ablation, before work is spent on it.

    Raises:
        StoreError: it cannot be made, or another's file has the name of one of its files.
    """
    make_folder(folder)
    require_writable(folder / FILE, ABLATION)
    require_writable(folder / TABLE, _TABLE)
    require_writable(folder / ABLATION_CHART, PICTURE)


def save_all(ablation: Ablation, folder: Path) -> list[Path]:
    """Write `ablation.json`, the table as `ablation.md`, and the chart `ablation.png`.

    Args:
        ablation: with at least one cell.
        folder: of the files.

    Returns:
        Their paths.

    Raises:
        StoreError: another's file is there, or a file cannot be written.
    """
    table = folder / TABLE
    write_atomically(table, (_TABLE_MARK + markdown_table(ablation)).encode(), _TABLE)
    return [save_ablation(ablation, folder), table, save_ablation_chart(ablation, folder)]
