"""The command `fiftyone-ntt pictures`: what a bank sees of its references."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fiftyone_ntt.cli_options import (
    add_bit_depth,
    add_models,
    add_reading,
    add_skip_errors,
    labels_of,
    load_bank,
    load_chosen_models,
    new_findings,
    progress_bar,
)
from fiftyone_ntt.command_parser import command
from fiftyone_ntt.run_summary import SOME_IMAGES_FAILED, Summary, add_json, tell

SHEET = "references.png"
"""The sheet of all references, in the folder of the pictures."""
_LINE = """
fiftyone-ntt pictures --bank bank.safetensors --images photos/ --references refs.json --output seen/
"""


def add_pictures_command(commands: Any) -> None:
    """Add `pictures`."""
    text = "draw what a bank sees of its references, and the references with what a review marks"
    parser = command(commands, "pictures", _run, text, _LINE)
    what = parser.group("what")
    what.add_argument("--bank", type=Path, required=True, help="a bank from `build`")
    what.add_argument(
        "--references", type=Path, required=True, help="the labels that it was built from"
    )
    add_reading(parser)
    add_bit_depth(parser)
    add_skip_errors(parser)
    add_models(parser)
    parser.group("output").add_argument(
        "--output",
        type=Path,
        required=True,
        help=f"folder of a PNG for each reference (window, mask, principal components, clusters) "
        f"and of {SHEET}",
    )
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from fiftyone_ntt.coco.bank_pictures import draw_memory
    from fiftyone_ntt.coco.references import references_by_class
    from fiftyone_ntt.core.bank_review import review_bank
    from fiftyone_ntt.drawing.sheet_drawing import save_reference_sheet
    from fiftyone_ntt.store.atomic import make_folder, require_writable
    from fiftyone_ntt.store.own_files import PICTURE

    summary: Summary = options.summary
    bank, findings = load_bank(options.bank), new_findings(options)
    make_folder(options.output)
    require_writable(options.output / SHEET, PICTURE)
    file, images = labels_of(options, options.references, findings)
    report = draw_memory(
        bank,
        references_by_class(file, images, findings, options.bit_depth),
        load_chosen_models(options),
        options.output,
        progress_bar("drawing"),
    )
    tell(findings.lines())
    marks = {found.id: found.marks for found in review_bank(bank).references}
    quiet = new_findings(options)  # what they say is printed already
    shown = references_by_class(file, images, quiet, options.bit_depth)
    save_reference_sheet(shown, options.output / SHEET, marks=marks)
    flagged = {name: list(found) for name, found in marks.items() if found}
    summary.say(
        f"{options.output}: {len(report.drawn)} of {len(bank.references)} references drawn",
        f"{options.output / SHEET}: {len(flagged)} references to look at again",
        *(f"  {name}: {', '.join(found)}" for name, found in flagged.items()),
    )
    tell([f"reference {name}: {reason}" for name, reason in report.failures.items()])
    summary.note(
        counts={"references": len(bank.references), "drawn": len(report.drawn)},
        flagged=flagged,
        failures=report.failures,
        notes=findings.lines(),
    )
    return SOME_IMAGES_FAILED if report.failures else 0
