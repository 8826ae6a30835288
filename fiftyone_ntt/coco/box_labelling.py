"""Masks for the annotations of a label file that are boxes alone (method 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.folder_runs import (
    Progress,
    Rows,
    end_journal,
    journal_beside,
    results_here,
    run_over_folder,
)
from fiftyone_ntt.coco.image_files import ImageFolder, file_reading
from fiftyone_ntt.coco.instances import read_instance
from fiftyone_ntt.coco.reading import CocoFile, ImageId
from fiftyone_ntt.core.box_agreement import LOW_AGREEMENT, mean_agreement
from fiftyone_ntt.core.box_masks import BoxMask, masks_from_boxes
from fiftyone_ntt.core.interfaces import Segmenter
from fiftyone_ntt.core.windows import Box
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.own_files import COCO_FILE

OnImage = Callable[[Record, UInt8[np.ndarray, "H W 3"], list[Record], list[BoxMask]], None]
"""Called with an image's entry, its pixels, the annotations that were boxes, and their masks."""


@dataclass(frozen=True)
class BoxFileReport:
    """What `boxes_to_masks_in_file` did.

    Attributes:
        images: how many the file lists.
        resumed: how many of them an earlier, interrupted run had finished.
        annotations: how many were written.
        made: how many of them got a mask; the others had one, could not be used, or their image
            failed.
        agreement: mean IoU of the boxes and their masks' boxes, by class.
        low: annotation id to agreement of the masks that fit least, below 0.5; worst first.
        failures: reason by file name of the images of which the boxes stay boxes.
        seconds: wall-clock time of the loop over the images alone.
    """

    images: int
    resumed: int
    annotations: int
    made: int
    agreement: dict[str, float]
    low: dict[str, float]
    failures: dict[str, str]
    seconds: float = field(default=0.0, compare=False)


def boxes_to_masks_in_file(
    images: str | Path,
    file: CocoFile,
    content: Record,
    segmenter: Segmenter,
    output: str | Path,
    *,
    on_image: OnImage | None = None,
    progress: Progress | None = None,
    findings: Findings | None = None,
    bit_depth: int | None = None,
) -> BoxFileReport:
    """Write a label file again, with a mask for each annotation that is a box alone.

    Ids, order, boxes, areas and everything else stay as they are; masks that are there do too. Can
    be interrupted and called again, and reports images that fail, like `segment_folder`.

    Args:
        images: folder of the images.
        file: what was read of the labels.
        content: of the labels, as they stand; its annotations give way to those of `file`.
        segmenter: makes the masks.
        output: COCO annotations, JSON; replaced only once complete, and only if written here.
        on_image: called for each image with boxes that is done now, before it counts as done.
        progress: called with images done and images in all.
        findings: told of what cannot be used; when None, the first is an error.
        bit_depth: of images of more than 8 bits a sample; what the widest needs when None.

    Raises:
        InputError: no annotation at all, or no such bit depth. A box that cannot be used fails its
            image or, where `findings` skips it, stays a box.
        StoreError: `output` cannot be written or is another's file, or the journal beside it is
            another run's.
    """
    output, findings = Path(output), findings or Findings()
    require_writable(output, COCO_FILE)
    if not file.annotations:
        raise InputError(
            f"{file.path} has no annotations, so there are no boxes. Pass labels that have some."
        )
    lookup = ImageFolder(images, findings)
    paths = lookup.paths(file)
    reading = file_reading(list(paths.values()), findings, bit_depth)
    where = Path(images).resolve()
    identity = f"masks of boxes by {segmenter.identity} in {where} at {reading.bit_depth} bits"
    boxes = _bare_boxes(file)

    def load(record: Record) -> tuple[UInt8[np.ndarray, "H W 3"], list[Record]] | None:
        """The pixels that the boxes lie on, and those that can be used; None without a box."""
        if record["id"] not in boxes:
            return None
        image, usable = lookup.open(record), []
        for row in boxes[record["id"]]:
            try:
                read_instance(row, image.size)
                usable.append(row)
            except RecordError as error:
                findings.leave_out(error)
        return replace(reading, oriented=image.oriented).read(image.path), usable

    def compute(
        record: Record, loaded: tuple[UInt8[np.ndarray, "H W 3"], list[Record]] | None
    ) -> Rows:
        if loaded is None:
            return []
        pixels, usable = loaded
        made = masks_from_boxes(pixels, [_box(row) for row in usable], segmenter)
        if on_image:
            on_image(record, pixels, usable, made)
        by_row = {id(row): mask for row, mask in zip(usable, made, strict=True)}
        return [_made_row(row, by_row.get(id(row))) for row in boxes[record["id"]]]

    def keeps(record: Record, rows: Rows) -> bool:
        """Whether an earlier run's masks are of the boxes that the file has now."""
        return [row.get("bbox") for row in rows] == [
            row["bbox"] for row in boxes.get(record["id"], [])
        ]

    journal = journal_beside(output, identity)
    results = partial(results_here, paths=paths, load=load, compute=compute)
    found = run_over_folder(file, paths, journal, results, progress, keeps)
    annotations, made = _with_masks(file, boxes, found.rows)
    write_atomically(output, COCO_FILE.content({**content, "annotations": annotations}), COCO_FILE)
    end_journal(journal, found.failures)
    agreement, low = _agreements(file, made)
    counts = len(file.images), found.resumed, len(annotations), len(made)
    return BoxFileReport(*counts, agreement, low, found.failures, found.seconds)


def _bare_boxes(file: CocoFile) -> dict[ImageId, list[Record]]:
    """The annotations that are boxes alone, by image."""
    found: dict[ImageId, list[Record]] = defaultdict(list)
    for row in file.annotations:
        if not row.get("segmentation"):
            found[row["image_id"]].append(row)
    return dict(found)


def _box(row: Record) -> Box:
    x, y, width, height = (float(value) for value in row["bbox"])
    return x, y, width, height


def _made_row(row: Record, made: BoxMask | None) -> dict[str, Any]:
    """What the journal keeps of a box; of one that was left out, the box alone."""
    if made is None:
        return {"bbox": row["bbox"]}
    counts = made.rle["counts"].decode("ascii")
    return {
        "bbox": row["bbox"],
        "segmentation": {"size": list(made.rle["size"]), "counts": counts},
        "agreement": made.agreement,
    }


def _with_masks(
    file: CocoFile, boxes: dict[ImageId, list[Record]], done: dict[ImageId, Rows]
) -> tuple[list[Record], list[tuple[Record, float]]]:
    """All annotations in their order, with the masks that were made; and those, with how well they
    fit."""
    made = {
        id(row): mask
        for key, rows in boxes.items()
        for row, mask in zip(rows, done.get(key, []), strict=False)  # a failed image has none
        if "segmentation" in mask
    }
    annotations: list[Record] = []
    fits: list[tuple[Record, float]] = []
    for row in file.annotations:
        mask = made.get(id(row))
        if mask is None:
            annotations.append(row)
        else:
            fits.append((row, mask["agreement"]))
            annotations.append({**row, "segmentation": mask["segmentation"]})
    return annotations, fits


def _agreements(
    file: CocoFile, made: Sequence[tuple[Record, float]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Means by class, and the annotations that fit least."""
    means = mean_agreement((file.categories[row["category_id"]], value) for row, value in made)
    ordered = sorted(made, key=lambda pair: pair[1])
    return means, {str(row.get("id")): fit for row, fit in ordered if fit < LOW_AGREEMENT}
