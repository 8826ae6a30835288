"""The command `fiftyone-ntt`: a thin layer over the package's functions.

Imports of torch and FiftyOne stay inside the sub-commands, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import fiftyone_ntt
from fiftyone_ntt.ablate_command import add_ablate
from fiftyone_ntt.benchmark_command import add_benchmark
from fiftyone_ntt.cli_options import (
    add_method,
    add_models,
    add_reading,
    add_skip_errors,
    add_workers,
    chosen_reading,
    command,
    load_chosen_models,
    on_error,
    progress_bar,
)
from fiftyone_ntt.errors import NttError

if TYPE_CHECKING:
    from fiftyone_ntt.coco.findings import Findings
    from fiftyone_ntt.coco.reading import CocoFile
    from fiftyone_ntt.core.bank import MemoryBank
    from fiftyone_ntt.models.loading import Models

SOME_IMAGES_FAILED = 3
"""Exit status of a run that finished, but could not read every image."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status (0 done, 2 the user's error, 3 images failed)."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except NttError as error:
        print(f"fiftyone-ntt: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fiftyone-ntt: interrupted; run the same command to go on", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fiftyone-ntt",
        description="Instance masks of your classes from a few reference images, no training.",
    )
    parser.add_argument("--version", action="version", version=fiftyone_ntt.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(command(commands, "demo", _demo, "run the whole flow on generated scenes"))
    _add_build(command(commands, "build", _build, "build a memory bank from references"))
    _add_segment(command(commands, "segment", _segment, "segment the images of a label file"))
    _add_evaluate(command(commands, "evaluate", _evaluate, "COCO AP of COCO results"))
    _add_import(command(commands, "import", _import_labels, "labels of any format to FiftyOne"))
    _add_import_coco(command(commands, "import-coco", _import_coco, "COCO annotations to FiftyOne"))
    _add_export(command(commands, "export-coco", _export_coco, "FiftyOne labels to a COCO file"))
    add_benchmark(commands)
    add_ablate(commands)
    _add_store(command(commands, "store", _store, "look after the stored proposals"))
    command(commands, "models", _models, "list the named models and which are downloaded")
    _add_install(
        command(commands, "install-plugin", _install_plugin, "make the FiftyOne App see the plugin")
    )
    return parser


def _add_references(parser: argparse.ArgumentParser, *, required: bool) -> None:
    add_reading(parser)
    parser.add_argument(
        "--references", type=Path, required=required, help="labels of reference instances"
    )
    parser.add_argument("--negatives", type=Path, help="labels of negative references")
    parser.add_argument(
        "--bit-depth",
        type=int,
        help="bits in use in images of more than 8 a sample: 8, 10, 12, 14, 16 or 32; default: "
        "what the widest image needs",
    )
    add_skip_errors(parser)


def _add_crowds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--crowds",
        choices=["ignore", "objects"],
        default="ignore",
        help="what annotations with iscrowd = 1 are; some tools mark every mask so",
    )


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shots", type=int, default=5, help="references per class, 1 to 10")
    parser.add_argument("--seed", type=int, default=0, help="which references are drawn")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder of the pictures")
    parser.add_argument("--no-app", action="store_true", help="do not open the FiftyOne App")
    parser.add_argument(
        "--curve",
        action="store_true",
        help="print and draw AP for 1, 3, 5 and 10 shots over 3 seeds instead",
    )


def _add_build(parser: argparse.ArgumentParser) -> None:
    _add_references(parser, required=True)
    add_models(parser)
    parser.add_argument("--output", type=Path, required=True, help="the bank, .safetensors")
    parser.add_argument("--sheet", type=Path, help="also draw the references into this PNG")


def _add_segment(parser: argparse.ArgumentParser) -> None:
    _add_references(parser, required=False)
    parser.add_argument("--bank", type=Path, help="a bank from `build`, instead of --references")
    parser.add_argument("--targets", type=Path, required=True, help="labels that list the images")
    add_models(parser)
    add_method(parser)
    parser.add_argument(
        "--confidence-threshold", type=float, default=0.0, help="leave out instances below it, 0..1"
    )
    parser.add_argument(
        "--one-per-object",
        action="store_true",
        help="of instances of one object, whatever their classes, only the best",
    )
    parser.add_argument(
        "--least-island",
        type=float,
        default=0.0,
        help="drop pieces of a mask with less than this share of it, 0..1",
    )
    parser.add_argument("--fill-holes", action="store_true", help="fill the holes of masks")
    add_workers(parser)
    parser.add_argument("--output", type=Path, required=True, help="COCO results, .json")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, required=True, help="output of `segment`")
    parser.add_argument(
        "--targets", type=Path, required=True, help="labels that are the ground truth"
    )
    add_reading(parser)
    _add_crowds(parser)
    add_skip_errors(parser)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="file or folder of the labels")
    parser.add_argument("--dataset", help="name of the new FiftyOne dataset; default: the path's")
    add_reading(parser)
    parser.add_argument("--field", default="ground_truth", help="of the labels")
    _add_crowds(parser)
    add_skip_errors(parser)


def _add_import_coco(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO file")
    parser.add_argument("--dataset", required=True, help="name of the new FiftyOne dataset")
    parser.add_argument("--field", default="ground_truth", help="of the labels")
    _add_crowds(parser)
    add_skip_errors(parser)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, help="name of a FiftyOne dataset")
    parser.add_argument("--field", default="ground_truth", help="of the labels")
    parser.add_argument("--results", action="store_true", help="write COCO results, with scores")
    parser.add_argument("--output", type=Path, required=True, help="COCO file, .json")


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["info", "verify", "prune"],
        help="what it holds; delete damaged files; delete the least recently used ones",
    )
    parser.add_argument("--folder", type=Path, help="default: the store that `segment` uses")
    parser.add_argument("--limit-gb", type=float, help="what `prune` leaves, in GB")


def _add_install(parser: argparse.ArgumentParser) -> None:
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
    bank = _bank_from_references(options, load_chosen_models(options))
    path = bank.save(options.output)
    counts = ", ".join(f"{name} x {count}" for name, count in bank.class_counts().items())
    print(f"{path}: {counts}")
    if options.sheet is not None:
        from fiftyone_ntt.coco.references import references_by_class
        from fiftyone_ntt.drawing.sheet_drawing import save_reference_sheet

        findings = _findings(options)  # what they say is printed already
        file, images = _labels(options, options.references, findings)
        references = references_by_class(file, images, findings, options.bit_depth)
        print(save_reference_sheet(references, options.sheet))
    return 0


def _segment(options: argparse.Namespace) -> int:
    from fiftyone_ntt.coco.labelling import segment_folder
    from fiftyone_ntt.core.bit_depth import check_bit_depth
    from fiftyone_ntt.core.pipeline import Pipeline
    from fiftyone_ntt.core.settings import MatchSettings, ProposalSettings, check_mode
    from fiftyone_ntt.store.atomic import require_writable
    from fiftyone_ntt.store.own_files import COCO_FILE
    from fiftyone_ntt.workers.processes import check_workers

    require_writable(options.output, COCO_FILE)
    check_bit_depth(options.bit_depth)
    check_workers(options.workers)
    bank = _bank_from_file(options)
    mode = check_mode(options.mode)
    proposal_settings = ProposalSettings(
        points_per_side=options.points_per_side, crops=options.crops
    )
    match_settings = MatchSettings(
        confidence_threshold=options.confidence_threshold,
        one_per_object=options.one_per_object,
        least_island=options.least_island,
        fill_holes=options.fill_holes,
    )
    models = load_chosen_models(options)
    pipeline = Pipeline(
        bank or _bank_from_references(options, models),
        models.encoder,
        models.segmenter,
        mode,
        proposal_settings,
        match_settings,
    )
    findings = _findings(options)
    targets, images = _labels(options, options.targets, findings)
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
    )
    _tell(findings.lines())
    done = report.images - len(report.failures)
    print(f"{options.output}: {report.detections} instances in {done} of {report.images} images")
    for reason in report.failures.values():
        print(f"fiftyone-ntt: skipped {reason}", file=sys.stderr)
    if report.failures:
        _tell(["run the same command to try these images alone: the others are not done again"])
    return SOME_IMAGES_FAILED if report.failures else 0


def _bank_from_file(options: argparse.Namespace) -> MemoryBank | None:
    """The bank of `--bank`, None with `--references`; before models are loaded for nothing."""
    from fiftyone_ntt.core.bank import MemoryBank
    from fiftyone_ntt.errors import InputError

    if (options.bank is None) == (options.references is None):
        raise InputError(
            "segmenting needs either --references FILE or --bank FILE, and not both. Pass one."
        )
    if options.bank is None:
        return None
    if options.negatives is not None:
        raise InputError(
            "--negatives goes with --references: a bank holds its negatives already. Pass "
            "--negatives to `build`."
        )
    return MemoryBank.load(options.bank)


def _bank_from_references(options: argparse.Namespace, models: Models) -> MemoryBank:
    from fiftyone_ntt.coco.labelling import build_bank_from_coco

    findings = _findings(options)
    references, images = _labels(options, options.references, findings)
    negatives = _labels(options, options.negatives, findings)[0] if options.negatives else None
    bank = build_bank_from_coco(images, references, models, negatives, findings, options.bit_depth)
    _tell([*findings.lines(), *bank.notes])
    return bank


def _labels(options: argparse.Namespace, path: Path, findings: Findings) -> tuple[CocoFile, Path]:
    """Labels of any format, and the folder of their images."""
    from fiftyone_ntt.formats.opened_labels import read_labels

    return read_labels(path, findings, **chosen_reading(options))


def _findings(options: argparse.Namespace) -> Findings:
    from fiftyone_ntt.coco.findings import Findings

    return Findings(on_error(options))


def _tell(lines: Sequence[str]) -> None:
    for line in lines:
        print(f"fiftyone-ntt: {line}", file=sys.stderr)


def _evaluate(options: argparse.Namespace) -> int:
    from fiftyone_ntt.coco.average_precision import score_results
    from fiftyone_ntt.coco.findings import Findings
    from fiftyone_ntt.formats.opened_labels import read_truth

    findings = Findings(on_error(options), as_it_stands=True)
    given = chosen_reading(options)
    targets = read_truth(options.targets, findings, crowds=options.crowds, **given)
    print(score_results(options.results, targets, findings))
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
