"""`python -m benchmarks`: each command prints tables and writes their rows as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .report import Report, write_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    from .stopwatch import machine

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
    common.add_argument("--output", type=Path, default=Path("benchmarks.json"), help="JSON file")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("compare", parents=[common], help="against the naive baseline")
    command.add_argument("--models", nargs="+", default=["demo", "small", "paper"])
    command.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("H", "W"))
    command.add_argument("--points-per-side", type=int, default=32)
    command.add_argument("--repeats", type=int, default=3)
    command.add_argument("--naive-batch", type=int, default=16, help="prompts at once, baseline")
    command.add_argument("--precision", nargs="+", default=["float32"], help="and bfloat16")
    command.set_defaults(run=_compare)
    return parser


def _compare(options: argparse.Namespace) -> list[Report]:
    from .compare import compare

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
            )
        )
        for name in (["demo"] if options.quick else options.models)
    ]


def _shown(report: Report) -> Report:
    print(report, flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
