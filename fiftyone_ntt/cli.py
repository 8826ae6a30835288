"""The command `fiftyone-ntt`: a thin layer over the package's functions.

Imports of torch and FiftyOne stay inside the sub-commands, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import fiftyone_ntt
from fiftyone_ntt.ablate_command import add_ablate
from fiftyone_ntt.benchmark_command import add_benchmark
from fiftyone_ntt.boxes_command import add_boxes
from fiftyone_ntt.cli_options import (
    add_bit_depth,
    add_matching,
    add_method,
    add_models,
    add_reading,
    add_skip_errors,
    add_workers,
    chosen_match_settings,
    chosen_reading,
    labels_of,
    load_bank,
    load_chosen_models,
    new_findings,
    on_error,
    progress_bar,
)
from fiftyone_ntt.command_parser import CommandParser, command
from fiftyone_ntt.completion_command import add_completion, complete
from fiftyone_ntt.errors import NttError
from fiftyone_ntt.folder_options import (
    add_folder,
    add_pictures,
    chosen_folder,
    chosen_pictures,
    require_targets,
)
from fiftyone_ntt.pictures_command import add_pictures_command
from fiftyone_ntt.relabel_command import (
    add_relabel,
    add_store_option,
    chosen_store,
    report_folder,
)
from fiftyone_ntt.run_summary import Summary, add_json, tell

if TYPE_CHECKING:
    from fiftyone_ntt.core.bank import MemoryBank
    from fiftyone_ntt.models.loading import Models

_FIRST = """
What one does first:
  fiftyone-ntt demo                    the whole flow on generated scenes, without any file of yours
  fiftyone-ntt build --references refs.json --output bank.safetensors
                                       remember your classes, from a few labelled instances
  fiftyone-ntt segment --images photos/ --bank bank.safetensors --output results.json
                                       find them in every image of a folder
`fiftyone-ntt COMMAND --help` shows an example of each command.
"""
_STATUSES = """exit status:
  0    done
  2    nothing was done, or not to its end: an option, a file or a model is to be mended; stderr
       says which, and how
  3    done, but for some images or references, which stderr lists; the same command tries those
       alone
  130  interrupted; the same command goes on
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, as the help lists them."""
    parser = _parser()
    complete(parser)
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given:
        print(f"{parser.format_usage()}{_FIRST}", end="", file=sys.stderr)
        return 2
    options, unknown = parser.parse_known_args(given)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    summary = options.summary = Summary(options)
    status, error = _run(options)
    summary.finish(status, error)
    return status


def _run(options: argparse.Namespace) -> tuple[int, str | None]:
    """The exit status of a command, and what went wrong."""
    try:
        return options.run(options), None
    except NttError as error:
        tell([str(error)])
        return 2, str(error)
    except KeyboardInterrupt:
        message = "interrupted; run the same command to go on"
        tell([message])
        return 130, message


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="fiftyone-ntt",
        description="Instance masks of your classes from a few reference images, no training.",
        epilog=_STATUSES,
    )
    parser.add_argument("--version", action="version", version=fiftyone_ntt.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> CommandParser:
        return command(commands, name, run, text, _LINES[name])

    _add_demo(add("demo", _demo, "run the whole flow on generated scenes"))
    add_boxes(commands)
    _add_build(add("build", _build, "build a memory bank from references"))
    add_pictures_command(commands)
    _add_segment(add("segment", _segment, "segment the images of a folder"))
    add_relabel(commands)
    _add_evaluate(add("evaluate", _evaluate, "COCO AP of COCO results"))
    _add_import(add("import", _import_labels, "labels of any format to FiftyOne"))
    _add_import_coco(add("import-coco", _import_coco, "COCO annotations to FiftyOne"))
    _add_export(add("export-coco", _export_coco, "FiftyOne labels to a COCO file"))
    add_benchmark(commands)
    add_ablate(commands)
    _add_store(add("store", _store, "look after the stored proposals"))
    add("models", _models, "list the named models and which are downloaded")
    _add_install(add("install-plugin", _install_plugin, "make the FiftyOne App see the plugin"))
    add_completion(commands)
    return parser


_LINES = {
    "demo": "fiftyone-ntt demo --shots 3 --no-app",
    "build": "fiftyone-ntt build --images photos/ --references refs.json --models small "
    "--output bank.safetensors",
    "segment": "fiftyone-ntt segment --images photos/ --bank bank.safetensors --models small "
    "\\\n    --store --output results.json",
    "evaluate": "fiftyone-ntt evaluate --results results.json --targets truth.json",
    "import": "fiftyone-ntt import labels/ --images photos/ --dataset harbour",
    "import-coco": "fiftyone-ntt import-coco --images photos/ --annotations truth.json "
    "--dataset harbour",
    "export-coco": "fiftyone-ntt export-coco --dataset harbour --field predictions --results "
    "\\\n    --output results.json",
    "store": "fiftyone-ntt store prune --limit-gb 20",
    "models": "fiftyone-ntt models",
    "install-plugin": "fiftyone-ntt install-plugin",
}
"""A realistic line for each command that is not in a file of its own."""


def _add_references(parser: CommandParser, *, required: bool) -> None:
    what = parser.group("what")
    what.add_argument(
        "--references", type=Path, required=required, help="labels of reference instances"
    )
    what.add_argument("--negatives", type=Path, help="labels of negative references")
    add_reading(parser)
    add_bit_depth(parser)
    add_skip_errors(parser)


def _add_crowds(parser: CommandParser) -> None:
    parser.group("what").add_argument(
        "--crowds",
        choices=["ignore", "objects"],
        default="ignore",
        help="what annotations with iscrowd = 1 are; some tools mark every mask so",
    )


def _add_demo(parser: CommandParser) -> None:
    parser.add_argument("--shots", type=int, default=5, help="references per class, 1 to 10")
    parser.add_argument("--seed", type=int, default=0, help="which references are drawn")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder of the pictures")
    parser.add_argument("--no-app", action="store_true", help="do not open the FiftyOne App")
    parser.add_argument(
        "--curve",
        action="store_true",
        help="print and draw AP for 1, 3, 5 and 10 shots over 3 seeds instead",
    )


def _add_build(parser: CommandParser) -> None:
    _add_references(parser, required=True)
    add_models(parser)
    output = parser.group("output")
    output.add_argument("--output", type=Path, required=True, help="the bank, .safetensors")
    output.add_argument("--sheet", type=Path, help="also draw the references into this PNG")
    add_json(parser)


def _add_segment(parser: CommandParser) -> None:
    what = parser.group("what")
    add_folder(parser)
    what.add_argument("--bank", type=Path, help="a bank from `build`, instead of --references")
    _add_references(parser, required=False)
    what.add_argument(
        "--reference-images", type=Path, help="folder of the references' images, if not --images"
    )
    add_models(parser)
    add_method(parser)
    add_matching(parser)
    add_workers(parser, "compute, on the CPU, each with models of its own")
    add_pictures(parser)
    add_store_option(parser)
    add_json(parser)


def _add_evaluate(parser: CommandParser) -> None:
    what = parser.group("what")
    what.add_argument("--results", type=Path, required=True, help="output of `segment`")
    what.add_argument(
        "--targets", type=Path, required=True, help="labels that are the ground truth"
    )
    add_reading(parser)
    _add_crowds(parser)
    add_skip_errors(parser)
    add_json(parser)


def _add_import(parser: CommandParser) -> None:
    parser.add_argument("path", type=Path, help="file or folder of the labels")
    parser.add_argument("--dataset", help="name of the new FiftyOne dataset; default: the path's")
    add_reading(parser)
    parser.add_argument("--field", default="ground_truth", help="of the labels")
    _add_crowds(parser)
    add_skip_errors(parser)


def _add_import_coco(parser: CommandParser) -> None:
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO file")
    parser.add_argument("--dataset", required=True, help="name of the new FiftyOne dataset")
    parser.add_argument("--field", default="ground_truth", help="of the labels")
    _add_crowds(parser)
    add_skip_errors(parser)


def _add_export(parser: CommandParser) -> None:
    parser.add_argument("--dataset", required=True, help="name of a FiftyOne dataset")
    parser.add_argument("--field", default="ground_truth", help="of the labels")
    parser.add_argument("--results", action="store_true", help="write COCO results, with scores")
    parser.add_argument("--output", type=Path, required=True, help="COCO file, .json")


def _add_store(parser: CommandParser) -> None:
    parser.add_argument(
        "action",
        choices=["info", "verify", "prune"],
        help="what it holds; delete damaged files; delete the least recently used ones",
    )
    parser.add_argument("--folder", type=Path, help="default: the store that `segment` uses")
    parser.add_argument("--limit-gb", type=float, help="what `prune` leaves, in GB")


def _add_install(parser: CommandParser) -> None:
    parser.add_argument("--plugins-dir", type=Path, help="default: FiftyOne's own plugins folder")


def _demo(options: argparse.Namespace) -> int:
    if options.curve:
        from fiftyone_ntt.demo.curve import run_curve

        run_curve(options.output)
    else:
        from fiftyone_ntt.demo.run import run_demo

        run_demo(
            shots=options.shots, seed=options.seed, output=options.output, app=not options.no_app
        )
    return 0


def _build(options: argparse.Namespace) -> int:
    from fiftyone_ntt.core.bit_depth import check_bit_depth
    from fiftyone_ntt.store.atomic import require_writable
    from fiftyone_ntt.store.bank_file import BANK_FILE
    from fiftyone_ntt.store.own_files import PICTURE

    # Before models are loaded for nothing.
    check_bit_depth(options.bit_depth)
    require_writable(options.output, BANK_FILE)
    if options.sheet is not None:
        require_writable(options.sheet, PICTURE)
    summary: Summary = options.summary
    bank = _bank_from_references(options, load_chosen_models(options))
    path = bank.save(options.output)
    counts = ", ".join(f"{name} x {count}" for name, count in bank.class_counts().items())
    summary.say(f"{path}: {counts}")
    summary.note(
        counts={"references": bank.class_counts(), "negatives": len(bank.negatives)},
        encoder=bank.encoder,
        notes=bank.notes,
        failures={},
    )
    if options.sheet is not None:
        from fiftyone_ntt.coco.references import references_by_class
        from fiftyone_ntt.drawing.sheet_drawing import save_reference_sheet

        findings = new_findings(options)  # what they say is printed already
        file, images = labels_of(options, options.references, findings)
        references = references_by_class(file, images, findings, options.bit_depth)
        summary.say(save_reference_sheet(references, options.sheet))
    return 0


def _segment(options: argparse.Namespace) -> int:
    from fiftyone_ntt.coco.labelling import segment_folder
    from fiftyone_ntt.core.bit_depth import check_bit_depth
    from fiftyone_ntt.core.pipeline import Pipeline
    from fiftyone_ntt.core.settings import ProposalSettings, check_mode, check_stored_mode
    from fiftyone_ntt.store.atomic import require_writable
    from fiftyone_ntt.store.own_files import COCO_FILE
    from fiftyone_ntt.workers.processes import check_workers

    require_writable(options.output, COCO_FILE)
    check_bit_depth(options.bit_depth)
    check_workers(options.workers)
    bank = _bank_from_file(options)
    mode = check_mode(options.mode)
    pictures = chosen_pictures(options, mode)
    require_targets(options)
    proposal_settings = ProposalSettings(
        points_per_side=options.points_per_side, crops=options.crops
    )
    match_settings, store = chosen_match_settings(options), chosen_store(options)
    if store is not None:
        check_stored_mode(mode)
    models = load_chosen_models(options)
    pipeline = Pipeline(
        bank or _bank_from_references(options, models),
        models.encoder,
        models.segmenter,
        mode,
        proposal_settings,
        match_settings,
    )
    findings = new_findings(options)
    targets, images = chosen_folder(options, findings)
    report = segment_folder(
        images,
        targets,
        pipeline,
        options.output,
        progress=progress_bar("segmenting"),
        findings=findings,
        bit_depth=options.bit_depth,
        workers=options.workers,
        models=models,
        pictures=pictures,
        store=store,
    )
    return report_folder(options, report, findings)


def _bank_from_file(options: argparse.Namespace) -> MemoryBank | None:
    """The bank of `--bank`, None with `--references`; before models are loaded for nothing."""
    from fiftyone_ntt.errors import InputError

    if (options.bank is None) == (options.references is None):
        raise InputError(
            "segmenting needs either --references FILE or --bank FILE, and not both. Pass one."
        )
    if options.bank is None:
        return None
    if options.negatives is not None or options.reference_images is not None:
        raise InputError(
            "--negatives and --reference-images go with --references: a bank holds all of them "
            "already. Pass --negatives to `build`."
        )
    return load_bank(options.bank)


def _bank_from_references(options: argparse.Namespace, models: Models) -> MemoryBank:
    from fiftyone_ntt.coco.labelling import build_bank_from_coco

    findings, folder = new_findings(options), getattr(options, "reference_images", None)
    references, images = labels_of(options, options.references, findings, folder)
    negatives = options.negatives and labels_of(options, options.negatives, findings, folder)[0]
    bank = build_bank_from_coco(images, references, models, negatives, findings, options.bit_depth)
    tell([*findings.lines(), *bank.notes])
    return bank


def _evaluate(options: argparse.Namespace) -> int:
    from fiftyone_ntt.coco.average_precision import score_results
    from fiftyone_ntt.coco.findings import Findings
    from fiftyone_ntt.formats.opened_labels import read_truth

    findings = Findings(on_error(options), as_it_stands=True)
    given = chosen_reading(options)
    targets = read_truth(options.targets, findings, crowds=options.crowds, **given)
    scores = score_results(options.results, targets, findings)
    summary: Summary = options.summary
    summary.say(scores)
    summary.note(
        counts={"images": len(targets.images), "annotations": len(targets.annotations)},
        masks=scores.masks,
        boxes=scores.boxes,
        class_masks=scores.class_masks,
        class_boxes=scores.class_boxes,
        failures={},
        notes=findings.lines(),
    )
    return 0


def _import_labels(options: argparse.Namespace) -> int:
    from fiftyone_ntt.dataset.files.label_import import import_labels

    report = import_labels(
        options.path,
        options.dataset,
        field=options.field,
        on_error=on_error(options),
        crowds=options.crowds,
        **chosen_reading(options),
    )
    print(report)
    return 0


def _import_coco(options: argparse.Namespace) -> int:
    from fiftyone_ntt.dataset.files.coco_import import import_coco

    report = import_coco(
        options.images,
        options.annotations,
        options.dataset,
        options.field,
        on_error=on_error(options),
        crowds=options.crowds,
    )
    print(report)
    return 0


def _export_coco(options: argparse.Namespace) -> int:
    import fiftyone as fo

    from fiftyone_ntt.dataset.files.coco_export import export_coco
    from fiftyone_ntt.errors import InputError

    if not fo.dataset_exists(options.dataset):
        raise InputError(
            f"there is no dataset {options.dataset!r}. FiftyOne knows: "
            f"{', '.join(fo.list_datasets()) or 'none'}."
        )
    dataset = fo.load_dataset(options.dataset)
    print(export_coco(dataset, options.field, options.output, results=options.results))
    return 0


def _store(options: argparse.Namespace) -> int:
    from fiftyone_ntt.errors import InputError, StoreError
    from fiftyone_ntt.store.proposal_store import ProposalStore, default_store, describe
    from fiftyone_ntt.store.stored_setups import is_store

    if options.limit_gb is not None and not 0 <= options.limit_gb < math.inf:
        raise InputError(
            f"--limit-gb is {options.limit_gb:g}. Pass the size to leave in GB, 0 or more."
        )
    store = default_store() if options.folder is None else ProposalStore(options.folder)
    if options.folder is not None and not is_store(store.folder):
        raise StoreError(
            f"there is no proposal store in {store.folder}. Pass the folder that was given to "
            "`segment(store=...)` or `--store`."
        )
    if options.limit_gb is not None:
        store.limit = round(options.limit_gb * 10**9)
    if options.action == "info":
        print(describe(store))
        return 0
    deleted = store.verify() if options.action == "verify" else store.evict()
    print(f"{store.folder}: {len(deleted)} files deleted")
    return 0


def _models(options: argparse.Namespace) -> int:
    from fiftyone_ntt.models.model_registry import describe_models

    print(describe_models())
    return 0


def _install_plugin(options: argparse.Namespace) -> int:
    from fiftyone_ntt.plugin.install import install_plugin

    print(f"installed in {install_plugin(options.plugins_dir)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
