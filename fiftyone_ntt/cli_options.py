"""What the sub-commands share: options in their groups, what they stand for, and progress."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiftyone_ntt.command_parser import CommandParser
from fiftyone_ntt.run_summary import tell

if TYPE_CHECKING:
    from fiftyone_ntt.coco.findings import Findings, OnError
    from fiftyone_ntt.coco.folder_runs import Progress
    from fiftyone_ntt.coco.reading import CocoFile
    from fiftyone_ntt.core.bank import MemoryBank
    from fiftyone_ntt.core.settings import MatchSettings
    from fiftyone_ntt.models.loading import Models

_SECONDS_PER_LINE = 60.0
"""Between lines of progress where there is no terminal."""


def add_models(parser: CommandParser) -> None:
    """The options that `load_chosen_models` reads."""
    group = parser.group("models")
    group.add_argument("--models", default="paper", help="a named set of models (see `models`)")
    help_text = "a named model, a transformers folder, or one of Meta's files; overrides --models"
    group.add_argument("--encoder", help=help_text)
    group.add_argument("--segmenter", help=help_text)
    group.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... or auto")
    group.add_argument(
        "--precision", default="float32", help="bfloat16 is faster where the hardware has it"
    )


def add_method(parser: CommandParser) -> None:
    """How proposals are made and matched: `--mode`, `--points-per-side`, `--crops`."""
    group = parser.group("method")
    group.add_argument(
        "--mode",
        default="paper",
        help="`paper` is the published method, `best` a more accurate one on the same proposals, "
        "`adaptive` a faster one that is not exact",
    )
    group.add_argument(
        "--points-per-side", type=int, default=32, help="prompts per row of the grid"
    )
    group.add_argument(
        "--crops",
        type=int,
        default=0,
        help="parts of half the side that are looked at besides the whole picture, for small "
        "objects: 0, 4 or 9; each costs what the whole picture does",
    )


def add_matching(parser: CommandParser) -> None:
    """The options that `chosen_match_settings` reads."""
    group = parser.group("method")
    group.add_argument(
        "--confidence-threshold", type=float, default=0.0, help="leave out instances below it, 0..1"
    )
    group.add_argument(
        "--one-per-object",
        action="store_true",
        help="of instances of one object, whatever their classes, only the best",
    )
    group.add_argument(
        "--least-island",
        type=float,
        default=0.0,
        help="drop pieces of a mask with less than this share of it, 0..1",
    )
    group.add_argument("--fill-holes", action="store_true", help="fill the holes of masks")


def chosen_match_settings(options: argparse.Namespace) -> MatchSettings:
    """What `add_matching` made options of.

    Raises:
        InputError: a number is outside of its range.
    """
    from fiftyone_ntt.core.settings import MatchSettings

    return MatchSettings(
        confidence_threshold=options.confidence_threshold,
        one_per_object=options.one_per_object,
        least_island=options.least_island,
        fill_holes=options.fill_holes,
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


def load_bank(path: Path) -> MemoryBank:
    """The bank of a file."""
    from fiftyone_ntt.core.bank import MemoryBank

    return MemoryBank.load(path)


def add_reading(parser: CommandParser) -> None:
    """The options that `chosen_reading` reads."""
    group = parser.group("what")
    group.add_argument(
        "--images", type=Path, help="folder of the images; default: where the labels have them"
    )
    group.add_argument("--format", help="of the labels; default: it is recognised")
    group.add_argument("--class-name", help="class of objects of which the labels name none")
    group.add_argument("--class-attribute", help="the attribute that is the class, of VIA")


def chosen_reading(options: argparse.Namespace) -> dict[str, Any]:
    """How labels are to be read, as `open_labels` and `import_labels` take it."""
    return {name: getattr(options, name) for name in _READING}


_READING = ("images", "format", "class_name", "class_attribute")


def add_workers(parser: CommandParser, what: str) -> None:
    """Over how many processes the images are spread.

    Args:
        parser: of the command.
        what: they do.
    """
    parser.group("method").add_argument(
        "--workers", type=int, default=1, help=f"processes that {what}; default: this one"
    )


def labels_of(
    options: argparse.Namespace, path: Path, findings: Findings, images: Path | None = None
) -> tuple[CocoFile, Path]:
    """Labels of any format, and the folder of their images: `images`, else what the options say."""
    from fiftyone_ntt.formats.opened_labels import read_labels

    given = chosen_reading(options)
    return read_labels(path, findings, **given | {"images": images or given["images"]})


def add_bit_depth(parser: CommandParser) -> None:
    """How many bits of wide images are in use."""
    parser.group("what").add_argument(
        "--bit-depth",
        type=int,
        help="bits in use in images of more than 8 a sample: 8, 10, 12, 14, 16 or 32; default: "
        "what the widest image needs",
    )


def add_skip_errors(parser: CommandParser) -> None:
    """The option that `on_error` reads."""
    parser.group("what").add_argument(
        "--skip-errors", action="store_true", help="leave out and list what cannot be used"
    )


def on_error(options: argparse.Namespace) -> OnError:
    """What is done with a record that cannot be used."""
    return "skip" if options.skip_errors else "raise"


def new_findings(options: argparse.Namespace) -> Findings:
    """To be told of what cannot be used."""
    from fiftyone_ntt.coco.findings import Findings

    return Findings(on_error(options))


def progress_bar(title: str) -> Progress:
    """A function that shows the images done and in all, images/s and the time left: as a bar or,
    where stderr is no terminal, in a line per minute."""
    return _bar(title) if sys.stderr.isatty() else _lines(title)


def _bar(title: str) -> Progress:
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


def _lines(title: str) -> Progress:
    from tqdm import tqdm

    begun = told = time.monotonic()
    first: int | None = None

    def update(done: int, total: int) -> None:
        """Say where the run is, if a minute is over, and at its end."""
        nonlocal told, first
        first = done - 1 if first is None else first
        now = time.monotonic()
        if done < total and now - told < _SECONDS_PER_LINE:
            return
        told = now
        meter = tqdm.format_meter(
            done, total, now - begun, ncols=0, initial=first, unit="image", prefix=title
        )
        tell([meter])

    return update
