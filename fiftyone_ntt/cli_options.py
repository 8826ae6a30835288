"""What the sub-commands share: making one, choosing models, showing progress."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fiftyone_ntt.coco.findings import OnError
    from fiftyone_ntt.coco.labelling import Progress
    from fiftyone_ntt.models.loading import Models


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """A sub-command that calls `run`."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def add_models(parser: argparse.ArgumentParser) -> None:
    """The options that `load_chosen_models` reads."""
    parser.add_argument("--models", default="paper", help="a named set of models (see `models`)")
    help_text = "a named model, a transformers folder, or one of Meta's files; overrides --models"
    parser.add_argument("--encoder", help=help_text)
    parser.add_argument("--segmenter", help=help_text)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... or auto")
    parser.add_argument(
        "--precision", default="float32", help="bfloat16 is faster where the hardware has it"
    )


def add_method(parser: argparse.ArgumentParser) -> None:
    """How proposals are made and matched: `--mode`, `--points-per-side`, `--crops`."""
    parser.add_argument(
        "--mode",
        default="paper",
        help="`paper` is the published method, `best` a more accurate one on the same proposals, "
        "`adaptive` a faster one that is not exact",
    )
    parser.add_argument(
        "--points-per-side", type=int, default=32, help="prompts per row of the grid"
    )
    parser.add_argument(
        "--crops",
        type=int,
        default=0,
        help="parts of half the side that are looked at besides the whole picture, for small "
        "objects: 0, 4 or 9; each costs what the whole picture does",
    )


def load_chosen_models(options: argparse.Namespace) -> Models:
    """The models of the options that `add_models` made."""
    from fiftyone_ntt.models.loading import load_models

    return load_models(
        options.models,
        encoder=options.encoder,
        segmenter=options.segmenter,
        device=options.device,
        precision=options.precision,
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The options that `chosen_reading` reads."""
    parser.add_argument(
        "--images", type=Path, help="folder of the images; default: where the labels have them"
    )
    parser.add_argument("--format", help="of the labels; default: it is recognised")
    parser.add_argument("--class-name", help="class of objects of which the labels name none")
    parser.add_argument("--class-attribute", help="the attribute that is the class, of VIA")


def chosen_reading(options: argparse.Namespace) -> dict[str, Any]:
    """How labels are to be read, as `open_labels` and `import_labels` take it."""
    return {name: getattr(options, name) for name in _READING}


_READING = ("images", "format", "class_name", "class_attribute")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Over how many processes the images are spread."""
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes that compute, on the CPU, each with models of its own",
    )


def add_skip_errors(parser: argparse.ArgumentParser) -> None:
    """The option that `on_error` reads."""
    parser.add_argument(
        "--skip-errors", action="store_true", help="leave out and list what cannot be used"
    )


def on_error(options: argparse.Namespace) -> OnError:
    """What is done with a record that cannot be used."""
    return "skip" if options.skip_errors else "raise"


def progress_bar(title: str) -> Progress:
    """A function that shows the images done and in all."""
    from tqdm import tqdm

    bar = None

    def update(done: int, total: int) -> None:
        """Draw the bar, at `done` of `total`."""
        nonlocal bar
        # Only now: an error before the first image is not mixed with a bar.
        if bar is None:
            bar = tqdm(desc=title, unit="image", total=total, initial=done - 1)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update
