"""The command `fiftyone-ntt ablate`: what each option of scoring and crops brings and costs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fiftyone_ntt.cli_options import add_models, load_chosen_models
from fiftyone_ntt.command_parser import command

_WORLDS = ("demo", "appearances", "look-alikes", "small")
"""A test compares these with the worlds themselves, which cost too much to import for `--help`."""
_POINTS_PER_SIDE = 16
"""As the demo has it."""


def add_ablate(commands: Any) -> None:
    """Add `ablate`."""
    text = "what each option of scoring and crops brings and costs, on generated scenes"
    line = "fiftyone-ntt ablate --worlds demo small --shots 1 5 --output ablation/"
    parser = command(commands, "ablate", _ablate, text, line)
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the outcome; a call goes on there"
    )
    parser.add_argument("--worlds", nargs="+", default=_WORLDS, help="kinds of scenes; default all")
    parser.add_argument(
        "--split",
        choices=["develop", "judge"],
        default="develop",
        help="scenes to try anything on, or those for what is reported",
    )
    parser.add_argument("--shots", type=int, nargs="+", default=(1, 3, 5, 10))
    parser.add_argument("--draws", type=int, default=5, help="of the references")
    parser.add_argument("--targets", type=int, default=60, help="scenes to segment in each world")
    parser.add_argument(
        "--variants", nargs="+", help='such as "best" or "paper + quality"; default all'
    )
    parser.add_argument("--store", type=Path, help="of proposals; default: the one `segment` uses")
    parser.add_argument(
        "--points-per-side", type=int, default=_POINTS_PER_SIDE, help="prompts per row of the grid"
    )
    add_models(parser)
    parser.set_defaults(models="demo")


def _ablate(options: argparse.Namespace) -> int:
    from fiftyone_ntt.demo.world_trials import world_trial
    from fiftyone_ntt.demo.worlds import find_world
    from fiftyone_ntt.store.proposal_store import ProposalStore, default_store
    from fiftyone_ntt.trials.ablation_files import prepare_ablation_folder, save_all
    from fiftyone_ntt.trials.ablation_running import Plan, run_ablation
    from fiftyone_ntt.trials.ablation_table import text_table
    from fiftyone_ntt.trials.variants import find_variants

    worlds = [find_world(name) for name in dict.fromkeys(options.worlds)]
    variants = find_variants(options.variants)
    plan = Plan(variants, options.shots, range(options.draws), options.points_per_side)
    prepare_ablation_folder(options.output)
    models = load_chosen_models(options)
    ablation = run_ablation(
        [world_trial(world, options.split, models, targets=options.targets) for world in worlds],
        models,
        plan,
        default_store() if options.store is None else ProposalStore(options.store),
        output=options.output,
        advance=_Lines(options.targets),
    )
    print(text_table(ablation))
    for path in save_all(ablation, options.output):
        print(path)
    return 0


class _Lines:
    """Says in a line what is done: of steps of single images, when all are."""

    def __init__(self, images: int) -> None:
        self._images, self._done = images, dict[str, int]()

    def __call__(self, what: str, images: int) -> None:
        self._done[what] = self._done.get(what, 0) + images
        if self._done[what] >= self._images:
            print(what, flush=True)
