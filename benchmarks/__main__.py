"""`python -m benchmarks`: each command prints tables and writes their rows as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Report, write_json
from fiftyone_ntt.store.atomic import require_writable
from fiftyone_ntt.store.own_files import REPORT_FILE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    require_writable(options.output, REPORT_FILE)
    from benchmarks.stopwatch import count_processor_time, machine

    if options.processor_time:
        count_processor_time()
    facts = machine(options.device)
    print(", ".join(f"{name}: {value}" for name, value in facts.items()), flush=True)
    reports: list[Report] = options.run(options)
    write_json(options.output, facts, reports)
    print(f"\n{options.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    common.add_argument("--quick", action="store_true", help="tiny, to see that it runs")
    common.add_argument(
        "--processor-time", action="store_true", help="CPU seconds, on a machine that others use"
    )
    common.add_argument("--output", type=Path, default=Path("benchmarks.json"), help="JSON file")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_compare(commands.add_parser("compare", parents=[common], help="with a naive baseline"))
    _add_memory(commands.add_parser("memory", parents=[common], help="large images, many images"))
    _add_scale(commands.add_parser("scale", parents=[common], help="size, classes, references"))
    _add_relabel(commands.add_parser("relabel", parents=[common], help="views of stored images"))
    _add_modes(commands.add_parser("modes", parents=[common], help="best beside paper"))
    _add_workers(commands.add_parser("workers", parents=[common], help="one process, several"))
    _add_writing(commands.add_parser("writing", parents=[common], help="predictions, safely"))
    _add_labels(commands.add_parser("labels", parents=[common], help="memory of many labels"))
    _add_imports(commands.add_parser("imports", parents=[common], help="labels of many images"))
    _add_panel(
        commands.add_parser("panel", parents=[common], help="the App's panel, on the server")
    )
    _add_accuracy(commands.add_parser("accuracy", parents=[common], help="AP by precision"))
    _add_calibration(
        commands.add_parser("calibration", parents=[common], help="what scores mean, on worlds")
    )
    _add_review(
        commands.add_parser("review", parents=[common], help="a simulated reviewer teaches banks")
    )
    _add_references(
        commands.add_parser("references", parents=[common], help="chosen beside random ones")
    )
    return parser


def _add_compare(command: argparse.ArgumentParser) -> None:
    command.add_argument("--models", nargs="+", default=["demo", "small", "paper"])
    command.add_argument("--precision", nargs="+", default=["float32"], help="and bfloat16")
    command.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("H", "W"))
    command.add_argument("--points-per-side", type=int, default=32)
    command.add_argument("--repeats", type=int, default=3)
    command.add_argument(
        "--naive-every", type=int, default=1, help="the baseline decodes one prompt in this many"
    )
    command.add_argument("--naive-batch", type=int, default=16, help="prompts at once, baseline")
    command.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> list[Report]:
    from benchmarks.compare import compare

    return [
        _shown(
            compare(
                name,
                options.device,
                precisions=tuple(options.precision),
                size=(96, 128) if options.quick else tuple(options.size),
                points_per_side=4 if options.quick else options.points_per_side,
                repeats=1 if options.quick else options.repeats,
                batch=options.naive_batch,
                naive_every=options.naive_every,
            )
        )
        for name in (["demo"] if options.quick else options.models)
    ]


def _add_memory(command: argparse.ArgumentParser) -> None:
    command.add_argument("--models", nargs="+", default=["small", "paper"])
    command.add_argument("--points-per-side", type=int, default=32)
    command.add_argument("--images", type=int, default=2000, help="in a row, demo models")
    command.set_defaults(run=_memory)


def _memory(options: argparse.Namespace) -> list[Report]:
    from benchmarks.memory import in_a_row, peaks

    if options.quick:
        options.models, options.points_per_side, options.images = ["demo"], 4, 20
    reports = [
        _shown(peaks(name, options.device, options.points_per_side)) for name in options.models
    ]
    return [*reports, _shown(in_a_row(options.images, options.device))]


def _add_scale(command: argparse.ArgumentParser) -> None:
    command.add_argument("--models", default="demo", help="for the image size")
    command.add_argument("--points-per-side", type=int, default=32)
    command.add_argument("--proposals", type=int, default=300, help="an image, for the matching")
    command.set_defaults(run=_scale)


def _scale(options: argparse.Namespace) -> list[Report]:
    from benchmarks.scaling import by_classes, by_image_size, by_references

    sizes = [(480, 640), (1080, 1920), (3000, 4000)]
    per_side, proposals, images = options.points_per_side, options.proposals, 20
    if options.quick:
        sizes, per_side, proposals, images = [(48, 64), (96, 128)], 4, 20, 2
    return [
        _shown(by_image_size(options.models, options.device, sizes, per_side)),
        _shown(by_classes([20, 1, 80, 1203], 10, proposals, images)),
        _shown(by_references([1, 10, 100], 20, proposals, images)),
    ]


def _add_relabel(command: argparse.ArgumentParser) -> None:
    command.add_argument("--images", type=int, nargs="+", default=[100, 1000])
    command.add_argument("--proposals", type=int, default=300, help="an image")
    command.add_argument("--classes", type=int, default=20)
    command.set_defaults(run=_relabel)


def _relabel(options: argparse.Namespace) -> list[Report]:
    from benchmarks.scaling import by_view_size

    images, proposals = options.images, options.proposals
    if options.quick:
        images, proposals = [2, 4], 20
    return [_shown(by_view_size(images, options.classes, proposals))]


def _add_modes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--models", nargs="+", default=["demo", "small"])
    command.add_argument("--points-per-side", type=int, default=32)
    command.add_argument("--images", type=int, default=20, help="of stored proposals")
    command.add_argument("--proposals", type=int, default=300, help="an image")
    command.add_argument("--classes", type=int, default=20)
    command.add_argument("--repeats", type=int, default=9)
    command.set_defaults(run=_modes)


def _modes(options: argparse.Namespace) -> list[Report]:
    from benchmarks.modes import stored, whole_images

    names, per_side = options.models, options.points_per_side
    images, proposals, repeats = options.images, options.proposals, options.repeats
    if options.quick:
        names, per_side, images, proposals, repeats = ["demo"], 4, 2, 20, 1
    reports = [_shown(whole_images(name, options.device, per_side, repeats)) for name in names]
    return [*reports, _shown(stored(images, options.classes, proposals, repeats))]


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--models", default="demo", help="bundled or downloaded ones")
    command.add_argument("--counts", type=int, nargs="+", default=[1, 2], help="of workers")
    command.add_argument("--images", type=int, default=30)
    command.add_argument("--points-per-side", type=int, default=32)
    command.add_argument("--repeats", type=int, default=3)
    command.set_defaults(run=_workers)


def _workers(options: argparse.Namespace) -> list[Report]:
    from benchmarks.workers import workers

    counts, per_side = options.counts, options.points_per_side
    images, repeats = options.images, options.repeats
    if options.quick:  # another process takes longer to start than all of this
        counts, images, per_side, repeats = [1], 3, 4, 1
    return [_shown(workers(options.models, counts, images, per_side, repeats))]


def _add_writing(command: argparse.ArgumentParser) -> None:
    command.add_argument("--images", type=int, default=640)
    command.add_argument("--detections", type=int, default=100, help="an image")
    command.set_defaults(run=_writing)


def _writing(options: argparse.Namespace) -> list[Report]:
    from benchmarks.writing import writing

    return [_shown(writing(32 if options.quick else options.images, options.detections))]


def _add_labels(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_labels)


def _labels(options: argparse.Namespace) -> list[Report]:
    from benchmarks.label_memory import CASES, QUICK, label_memory

    return [_shown(label_memory(QUICK if options.quick else CASES))]


def _add_imports(command: argparse.ArgumentParser) -> None:
    from benchmarks.label_import import FIFTYONE
    from benchmarks.label_sets import FORMATS

    names = [FIFTYONE, *FORMATS]
    command.add_argument("--images", type=int, nargs="+", default=[500, 2000, 5000])
    command.add_argument("--objects", type=int, default=50, help="polygons an image")
    command.add_argument("--formats", nargs="+", choices=names, default=names)
    command.set_defaults(run=_imports)


def _imports(options: argparse.Namespace) -> list[Report]:
    from benchmarks.label_import import label_import

    images, objects = ([3], 4) if options.quick else (options.images, options.objects)
    return [_shown(label_import(images, objects, options.formats))]


def _add_panel(command: argparse.ArgumentParser) -> None:
    command.add_argument("--classes", type=int, nargs="+", default=[200, 1203])
    command.add_argument("--shots", type=int, default=10, help="references per class")
    command.add_argument("--samples", type=int, default=10_000)
    command.set_defaults(run=_panel)


def _panel(options: argparse.Namespace) -> list[Report]:
    from tempfile import TemporaryDirectory

    from benchmarks.panel_events import panel_events

    reports = []
    for classes in [12] if options.quick else options.classes:
        with TemporaryDirectory() as folder:
            shots, samples = (2, 20) if options.quick else (options.shots, options.samples)
            found = panel_events(Path(folder), classes=classes, shots=shots, samples=samples)
            reports.append(_shown(found))
    return reports


def _add_accuracy(command: argparse.ArgumentParser) -> None:
    command.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    command.set_defaults(run=_accuracy)


def _accuracy(options: argparse.Namespace) -> list[Report]:
    from benchmarks.accuracy import accuracy

    few = {"seeds": 1, "targets": 2} if options.quick else {}
    return [_shown(accuracy(tuple(options.precision), **few))]


def _add_calibration(command: argparse.ArgumentParser) -> None:
    from fiftyone_ntt.demo.worlds import WORLDS

    command.add_argument("--worlds", nargs="+", default=list(WORLDS))
    command.add_argument("--split", choices=("develop", "judge"), default="develop")
    command.add_argument("--shots", nargs="+", type=int, default=[5, 10])
    command.add_argument("--draws", type=int, default=3)
    command.add_argument("--first", type=int, default=0, help="number of the first scene")
    command.add_argument("--labelled", type=int, default=100, help="scenes to calibrate on")
    command.add_argument("--targets", type=int, default=160, help="held-out scenes")
    command.add_argument("--store", type=Path, help="folder to keep the proposals in")
    command.set_defaults(run=_calibration)


def _calibration(options: argparse.Namespace) -> list[Report]:
    from benchmarks.calibration import Amounts, calibration

    if options.quick:
        options.worlds, options.shots, options.draws = options.worlds[:1], [5], 1
    report = calibration(
        options.worlds,
        options.split,
        shots=options.shots,
        draws=options.draws,
        amounts=Amounts(80, *((8, 8) if options.quick else (options.labelled, options.targets))),
        first=options.first,
        store=options.store,
    )
    return [_shown(report)]


def _add_review(command: argparse.ArgumentParser) -> None:
    command.add_argument("--worlds", nargs="+", default=["demo", "appearances", "look-alikes"])
    command.add_argument("--split", choices=("develop", "judge"), default="develop")
    command.add_argument("--modes", nargs="+", choices=("paper", "best"), default=["best"])
    command.add_argument("--shots", type=int, default=1, help="references before the review")
    command.add_argument("--seeds", type=int, default=5, help="draws of them")
    command.add_argument("--orders", type=int, default=4, help="random ones for each draw")
    command.add_argument("--store", type=Path, help="folder to keep the proposals in")
    command.set_defaults(run=_review)


def _review(options: argparse.Namespace) -> list[Report]:
    from benchmarks.review import ReviewAmounts, review

    amounts = ReviewAmounts(shots=options.shots, seeds=options.seeds, orders=options.orders)
    if options.quick:
        options.worlds = options.worlds[:1]
        amounts = ReviewAmounts(24, 3, 2, shots=1, rounds=1, decisions=4, seeds=1, orders=1)
    return [_shown(review(options.worlds, options.split, options.modes, amounts, options.store))]


def _add_references(command: argparse.ArgumentParser) -> None:
    worlds = ["demo", "appearances", "look-alikes"]
    command.add_argument("--worlds", nargs="+", default=worlds)
    command.add_argument("--split", choices=["develop", "judge"], default="judge")
    command.add_argument("--draws", type=int, default=20, help="random ones to compare with")
    command.add_argument("--targets", type=int, default=40, help="scenes to segment")
    command.add_argument("--candidates", type=int, default=60, help="scenes to choose from")
    command.set_defaults(run=_references)


def _references(options: argparse.Namespace) -> list[Report]:
    from benchmarks.reference_choice import chosen_beside_random

    worlds, sizes = options.worlds, (options.candidates, options.targets, options.draws)
    if options.quick:
        worlds, sizes = ["look-alikes"], (20, 2, 2)
    return [_shown(chosen_beside_random(name, options.split, *sizes)) for name in worlds]


def _shown(report: Report) -> Report:
    print(report, flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
