"""The command `fiftyone-ntt benchmark`: the published few-shot protocols.

(The repository's `benchmarks/`, if you look for speed, is about that alone.)
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiftyone_ntt.cli_options import (
    add_method,
    add_models,
    load_chosen_models,
    progress_bar,
)
from fiftyone_ntt.command_parser import CommandParser, command

if TYPE_CHECKING:
    from fiftyone_ntt.protocols.draws import Draw

_PROTOCOLS = {
    "coco-fewshot": ("COCO's 20 novel classes; references of train2017, targets val2017", None),
    "coco-20i": ("mean IoU of COCO-20i's folds", "fold"),
    "voc": ("PASCAL VOC's three splits of 5 novel classes", "split"),
    "lvis": ("LVIS v1, all classes", None),
    "cd-fsod": ("six sets from other domains", "set"),
    "toy": ("the paper's example of one bird and one boat", None),
}
"""What each is, and what its parts are called; a test compares this with the catalogue, which
costs too much to import for `--help`."""


_LINE = """
fiftyone-ntt benchmark coco-fewshot --data datasets/ --shots 1 5 --seeds 33 34 --device cuda
fiftyone-ntt benchmark compare benchmark-coco-fewshot/ other-benchmark/
"""
_COMPARE = "fiftyone-ntt benchmark compare benchmark-lvis/ mine/benchmark.json"


def add_benchmark(commands: Any) -> None:
    """Add `benchmark` with a sub-command per protocol, and `compare`."""
    text = "run a published few-shot protocol on data you have"
    parser = commands.add_parser("benchmark", help=text, description=text, line=_LINE)
    parser.set_defaults(parser=parser)
    kinds = parser.add_subparsers(required=True, metavar="PROTOCOL")
    for name, (what, part_word) in _PROTOCOLS.items():
        _add_protocol(command(kinds, name, _run, what, _line(name)), name, part_word)
    compare = command(
        kinds, "compare", _compare, "compare two benchmarks, figure by figure", _COMPARE
    )
    compare.add_argument("first", type=Path, help="a benchmark.json, or its folder")
    compare.add_argument("second", type=Path, help="another")


def _add_protocol(parser: CommandParser, name: str, part_word: str | None) -> None:
    parser.set_defaults(protocol=name, parts=None)
    parser.add_argument("--data", type=Path, required=True, help="folder of the datasets")
    parser.add_argument(
        "--output", type=Path, help="folder of the outcome; default: benchmark-<protocol>"
    )
    if name != "toy":
        parser.add_argument("--shots", type=int, nargs="+", help="default: the published ones")
        parser.add_argument("--seeds", type=int, nargs="+", help="default: ten, 33 to 42")
    if part_word is not None:
        parser.add_argument(
            f"--{part_word}", dest="parts", nargs="+", help=f"only these {part_word}s; default: all"
        )
    if name == "coco-20i":
        parser.add_argument(
            "--confidence-threshold",
            type=float,
            help="least score of an instance that counts as found, 0..1; default: 0.5, best 0.3",
        )
    add_models(parser)
    add_method(parser)
    parser.add_argument("--store", type=Path, help="of proposals; default: the one `segment` uses")
    parser.add_argument(
        "--keep-results", action="store_true", help="leave each draw's COCO results, results.json"
    )
    parser.add_argument(
        "--sheets", action="store_true", help="draw each draw's references, references.png"
    )


def _line(name: str) -> str:
    return f"fiftyone-ntt benchmark {name} --data datasets/ --models paper --device cuda"


def _run(options: argparse.Namespace) -> int:
    from fiftyone_ntt.drawing.charts import prepare_chart_folder
    from fiftyone_ntt.protocols.benchmark_charts import save_charts
    from fiftyone_ntt.protocols.benchmark_running import check_request, run_benchmark
    from fiftyone_ntt.protocols.published import SEEDS
    from fiftyone_ntt.protocols.record import FILE
    from fiftyone_ntt.store.proposal_store import ProposalStore

    shots, seeds = getattr(options, "shots", None), getattr(options, "seeds", None) or SEEDS
    # Before models are loaded for nothing.
    check_request(options.protocol, options.data, options.parts, shots, seeds)
    output = options.output or Path(f"benchmark-{options.protocol}")
    prepare_chart_folder(output)
    benchmark = run_benchmark(
        options.protocol,
        options.data,
        output,
        models=load_chosen_models(options),
        shots=shots,
        seeds=seeds,
        parts=options.parts,
        mode=options.mode,
        points_per_side=options.points_per_side,
        crops=options.crops,
        confidence_threshold=getattr(options, "confidence_threshold", None),
        store=None if options.store is None else ProposalStore(options.store),
        keep_results=options.keep_results,
        sheets=options.sheets,
        on_draw=_print_draw,
        progress=progress_bar,
    )
    print(f"\n{benchmark}")
    for path in (output / FILE, *save_charts(benchmark, output)):
        print(path)
    return 0


def _print_draw(draw: Draw) -> None:
    part = "" if draw.part == "all" else f"{draw.part} "
    seed = "published references" if draw.seed is None else f"seed {draw.seed}"
    shown = [n for n in ("mIoU", "boxes AP", "boxes AP50", "masks AP") if n in draw.metrics]
    metrics = ", ".join(f"{name} {100 * draw.metrics[name]:.1f}" for name in shown)
    print(f"{part}{draw.shots}-shot, {seed}: {metrics}", flush=True)


def _compare(options: argparse.Namespace) -> int:
    from fiftyone_ntt.protocols.record import load_benchmark
    from fiftyone_ntt.protocols.summary import compare

    print(compare(load_benchmark(options.first), load_benchmark(options.second)))
    return 0
