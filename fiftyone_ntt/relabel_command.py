"""The command `fiftyone-ntt relabel`, and what it shares with `segment`: the store, the report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiftyone_ntt.cli_options import (
    add_bit_depth,
    add_matching,
    add_method,
    add_reading,
    add_skip_errors,
    add_workers,
    chosen_match_settings,
    load_bank,
    new_findings,
    progress_bar,
)
from fiftyone_ntt.command_parser import CommandParser, command
from fiftyone_ntt.folder_options import (
    add_folder,
    add_pictures,
    chosen_folder,
    chosen_pictures,
    further_outputs,
    require_targets,
)
from fiftyone_ntt.run_summary import Summary, add_json, tell, tell_failures

if TYPE_CHECKING:
    from fiftyone_ntt.coco.findings import Findings
    from fiftyone_ntt.coco.labelling import FolderReport
    from fiftyone_ntt.store.proposal_store import ProposalStore

_LINE = """
fiftyone-ntt segment --images photos/ --bank bank.safetensors --store --output results.json
fiftyone-ntt relabel --images photos/ --bank better.safetensors --mode best --output better.json
"""


def add_relabel(commands: Any) -> None:
    """Add `relabel`."""
    text = "segment again with another bank, mode or threshold, from stored proposals, in seconds"
    parser = command(commands, "relabel", _run, text, _LINE)
    what = parser.group("what")
    what.add_argument("--bank", type=Path, required=True, help="a bank from `build`")
    add_folder(parser)
    add_reading(parser)
    add_bit_depth(parser)
    add_skip_errors(parser)
    what.add_argument(
        "--store", type=Path, help="that `segment --store` filled; default: the one it uses"
    )
    add_method(parser)
    add_matching(parser)
    add_workers(parser, "match")
    add_pictures(parser)
    add_json(parser)


def add_store_option(parser: CommandParser) -> None:
    """The option that `chosen_store` reads."""
    parser.group("output").add_argument(
        "--store",
        type=Path,
        nargs="?",
        const=True,
        metavar="FOLDER",
        help="keep the proposals, so that `relabel` needs no network, and take those that are; "
        "without a folder: the default store (see `store info`)",
    )


def chosen_store(options: argparse.Namespace) -> ProposalStore | None:
    """The store of `--store`; None without."""
    from fiftyone_ntt.store.proposal_store import ProposalStore, default_store

    if options.store is None:
        return None
    return default_store() if options.store is True else ProposalStore(options.store)


def report_folder(options: argparse.Namespace, report: FolderReport, findings: Findings) -> int:
    """Say what a run over a folder did; returns the exit status."""
    summary: Summary = options.summary
    tell(findings.lines())
    done = report.images - len(report.failures)
    summary.say(
        f"{options.output}: {report.detections} instances in {done} of {report.images} images"
    )
    if options.store is not None:
        summary.say(f"{report.not_run} of them did not have to be run: their proposals were stored")
    summary.say(*further_outputs(options))
    summary.note(
        counts={
            "images": report.images,
            "done": done,
            "resumed": report.resumed,
            "instances": report.detections,
            "not_run": report.not_run,
        },
        failures=report.failures,
        notes=findings.lines(),
    )
    summary.time_images(report.seconds, report.images - report.resumed)
    return tell_failures(report.failures)


def _run(options: argparse.Namespace) -> int:
    from fiftyone_ntt.coco.labelling import relabel_folder
    from fiftyone_ntt.core.bit_depth import check_bit_depth
    from fiftyone_ntt.core.pipeline import Matcher
    from fiftyone_ntt.core.settings import check_stored_mode
    from fiftyone_ntt.store.atomic import require_writable
    from fiftyone_ntt.store.own_files import COCO_FILE
    from fiftyone_ntt.store.stored_images import stored_setup
    from fiftyone_ntt.workers.processes import check_workers

    require_writable(options.output, COCO_FILE)
    check_bit_depth(options.bit_depth)
    check_workers(options.workers)
    mode = check_stored_mode(options.mode)
    settings, bank = chosen_match_settings(options), load_bank(options.bank)
    pictures = chosen_pictures(options, mode)
    require_targets(options)
    options.store = options.store or True
    store = chosen_store(options)
    assert store is not None
    setup = stored_setup(store, bank, options.points_per_side, options.crops)
    findings = new_findings(options)
    targets, images = chosen_folder(options, findings)
    report = relabel_folder(
        images,
        targets,
        Matcher(bank, setup, mode, settings),
        options.output,
        store=store,
        progress=progress_bar("relabelling"),
        findings=findings,
        bit_depth=options.bit_depth,
        pictures=pictures,
        workers=options.workers,
    )
    return report_folder(options, report, findings)
