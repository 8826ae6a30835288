"""The command `fiftyone-ntt boxes-to-masks`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiftyone_ntt.cli_options import (
    add_bit_depth,
    add_models,
    add_reading,
    add_skip_errors,
    chosen_reading,
    new_findings,
    progress_bar,
)
from fiftyone_ntt.command_parser import command
from fiftyone_ntt.run_summary import Summary, add_json, tell, tell_failures

if TYPE_CHECKING:
    from fiftyone_ntt.coco.box_labelling import OnImage
    from fiftyone_ntt.coco.reading import CocoFile

_LINE = """
fiftyone-ntt boxes-to-masks boxes.json --images photos/ --output masks.json --pictures drawn/
"""


def add_boxes(commands: Any) -> None:
    """Add `boxes-to-masks`."""
    text = "give the boxes of a label file masks"
    parser = command(commands, "boxes-to-masks", _run, text, _LINE)
    what, output = parser.group("what"), parser.group("output")
    what.add_argument("labels", type=Path, help="COCO file, or labels of another format")
    add_reading(parser)
    add_bit_depth(parser)
    add_skip_errors(parser)
    add_models(parser)
    output.add_argument(
        "--output",
        type=Path,
        required=True,
        help="the same labels with masks, COCO .json: ids, order, boxes and areas stay",
    )
    output.add_argument(
        "--pictures", type=Path, help="folder of a picture of each image with boxes and masks"
    )
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from fiftyone_ntt.coco.box_labelling import boxes_to_masks_in_file
    from fiftyone_ntt.coco.reading import coco_file
    from fiftyone_ntt.core.bit_depth import check_bit_depth
    from fiftyone_ntt.core.box_agreement import agreement_lines
    from fiftyone_ntt.formats.opened_labels import read_label_content
    from fiftyone_ntt.store.atomic import make_folder, require_writable
    from fiftyone_ntt.store.own_files import COCO_FILE

    summary: Summary = options.summary
    # Before models are loaded for nothing.
    require_writable(options.output, COCO_FILE)
    check_bit_depth(options.bit_depth)
    findings = new_findings(options)
    content, images = read_label_content(options.labels, findings, **chosen_reading(options))
    file = coco_file(options.labels, content, findings)
    if options.pictures is not None:
        make_folder(options.pictures)
    report = boxes_to_masks_in_file(
        images,
        file,
        content,
        _load_segmenter(options),
        options.output,
        on_image=_drawing(file, options.pictures) if options.pictures is not None else None,
        progress=progress_bar("making masks"),
        findings=findings,
        bit_depth=options.bit_depth,
    )
    tell(findings.lines())
    summary.say(
        f"{options.output}: {report.made} masks made, {report.annotations} annotations",
        *agreement_lines(report.agreement, report.low),
    )
    summary.note(
        counts={
            "images": report.images,
            "resumed": report.resumed,
            "annotations": report.annotations,
            "masks_made": report.made,
        },
        agreement=report.agreement,
        low=report.low,
        failures=report.failures,
        notes=findings.lines(),
    )
    summary.time_images(report.seconds, report.images - report.resumed)
    return tell_failures(report.failures)


def _load_segmenter(options: argparse.Namespace) -> Any:
    """The segmenter alone: of `--segmenter`, or of the set."""
    from fiftyone_ntt.models.loading import load_segmenter
    from fiftyone_ntt.models.model_registry import find_model_set

    if options.encoder is not None:
        tell(["--encoder changes nothing here: a segmenter alone makes masks of boxes"])
    spec = options.segmenter or find_model_set(options.models).segmenter
    return load_segmenter(spec, options.device, precision=options.precision)


def _drawing(file: CocoFile, folder: Path) -> OnImage:
    """What draws an image's boxes and masks."""
    from fiftyone_ntt.drawing.box_drawing import BoxWithMask, save_box_picture
    from fiftyone_ntt.drawing.overlays import class_colours

    colours = class_colours(tuple(file.categories.values()))

    def draw(record: Any, pixels: Any, rows: Any, made: Any) -> None:
        boxes = [
            BoxWithMask(file.categories[row["category_id"]], row["bbox"], mask)
            for row, mask in zip(rows, made, strict=True)
        ]
        save_box_picture(folder, record["file_name"], pixels, boxes, colours)

    return draw
