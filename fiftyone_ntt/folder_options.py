"""What `segment` takes and gives besides labels and results: a folder alone, and pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fiftyone_ntt.cli_options import labels_of
from fiftyone_ntt.command_parser import CommandParser

if TYPE_CHECKING:
    from fiftyone_ntt.coco.findings import Findings
    from fiftyone_ntt.coco.reading import CocoFile
    from fiftyone_ntt.core.settings import Mode
    from fiftyone_ntt.drawing.picture_folder import PictureSettings


def add_folder(parser: CommandParser) -> None:
    """The options that `chosen_folder` reads, and where the results go."""
    parser.group("what").add_argument(
        "--targets", type=Path, help="labels that list the images; default: all below --images"
    )
    parser.group("output").add_argument(
        "--output", type=Path, required=True, help="COCO results, .json"
    )


def chosen_folder(options: argparse.Namespace, findings: Findings) -> tuple[CocoFile | None, Path]:
    """Labels that list the images, None for all below their folder, and that folder."""
    if options.targets is None:
        return None, options.images
    return labels_of(options, options.targets, findings)


def add_pictures(parser: CommandParser) -> None:
    """The options that `chosen_pictures` reads."""
    group = parser.group("output")
    group.add_argument(
        "--pictures",
        type=Path,
        help="folder of pictures of what is found, beside the truth where the targets have any; "
        "open its index.html",
    )
    group.add_argument(
        "--picture-threshold",
        type=float,
        help="least score that is drawn, 0..1; default: 0.4, or 0.25 with --mode best",
    )
    group.add_argument("--every", type=int, help="draw each so manyth image; default: all")


def chosen_pictures(options: argparse.Namespace, mode: Mode) -> PictureSettings | None:
    """Where and what to draw; None without `--pictures`. The folder is made.

    Args:
        options: of the command.
        mode: how scores are made.

    Raises:
        InputError: options that go with `--pictures` alone, or numbers outside of their range.
        StoreError: something is in the way of the pictures.
    """
    from fiftyone_ntt.drawing.picture_folder import PictureSettings, default_picture_threshold
    from fiftyone_ntt.errors import InputError

    if options.pictures is None:
        for name in ("picture_threshold", "every"):
            if getattr(options, name) is not None:
                raise InputError(
                    f"--{name.replace('_', '-')} says which pictures are drawn. Pass --pictures "
                    "FOLDER too."
                )
        return None
    threshold = options.picture_threshold
    chosen = PictureSettings(
        options.pictures,
        default_picture_threshold(mode) if threshold is None else threshold,
        1 if options.every is None else options.every,
    )
    chosen.prepare()
    return chosen


def require_targets(options: argparse.Namespace) -> None:
    """Check that something says which images to segment, and that its list can be written.

    Raises:
        InputError: neither `--targets` nor `--images`.
        StoreError: another's file is where the list of the folder's images goes.
    """
    from fiftyone_ntt.coco.folder_listing import listing_path
    from fiftyone_ntt.errors import InputError
    from fiftyone_ntt.store.atomic import require_writable
    from fiftyone_ntt.store.own_files import COCO_FILE

    if options.targets is not None:
        return
    if options.images is None:
        raise InputError(
            "nothing says which images to segment. Pass --images FOLDER for all below a folder, or "
            "--targets FILE for those that labels list."
        )
    require_writable(listing_path(options.output), COCO_FILE)


def further_outputs(options: argparse.Namespace) -> Iterator[str]:
    """Lines about what a run wrote besides its results."""
    from fiftyone_ntt.coco.folder_listing import listing_path
    from fiftyone_ntt.drawing.picture_folder import INDEX

    if options.targets is None:
        yield f"{listing_path(options.output)}: the images and their ids"
    if options.pictures is not None:
        yield f"{options.pictures / INDEX}: the pictures"
