"""COCO average precision of a results file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, OnError, Record, RecordError
from fiftyone_ntt.coco.instances import Size, drawn, read_instance, require_near
from fiftyone_ntt.coco.library import Kind, Objects, compared, summarized
from fiftyone_ntt.coco.reading import CocoFile, Crowds, read_coco, require_some_objects
from fiftyone_ntt.coco.result_files import read_results
from fiftyone_ntt.coco.scorer import METRICS, RECALLS
from fiftyone_ntt.core.foreign_masks import UnreadableMask, checked_rles, encoding_size
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.errors import InputError

_UNKNOWN_SIZE = (2**15, 2**15)
"""Of an image whose entry states none, with boxes alone: no border to hold them against."""


@dataclass(frozen=True)
class CocoScores:
    """Average precision and recall in 0..1 by name (`METRICS` and `RECALLS`).

    -1 where no object of that size exists, and for masks if not every annotation and every result
    has one.

    Attributes:
        masks: by mask IoU.
        boxes: by box IoU.
        class_masks: AP by mask IoU of each class that has an object, by name.
        class_boxes: AP by box IoU, likewise.
        notes: lines about what was left out or read otherwise than it stands, and why there are no
            figures by masks.
    """

    masks: dict[str, float]
    boxes: dict[str, float]
    class_masks: dict[str, float] = field(default_factory=dict)
    class_boxes: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [" ".join(["      ", *(f"{name:>6}" for name in METRICS)])]
        for kind, scores in (("masks ", self.masks), ("boxes ", self.boxes)):
            rows.append(" ".join([kind, *(f"{scores[name]:6.3f}" for name in METRICS)]))
        return "\n".join([*rows, *self.notes])


def evaluate_results(
    results: str | Path,
    targets: str | Path,
    *,
    on_error: OnError = "raise",
    crowds: Crowds = "ignore",
    published: bool = False,
) -> CocoScores:
    """Score a COCO results file against annotations.

    Only categories that have an annotation count, as in COCO.

    Args:
        results: as written by `segment_folder`, or of another tool: boxes, masks, or both.
        targets: COCO file with annotations.
        on_error: `"raise"` at the first record that cannot be used, or `"skip"` it.
        crowds: `"objects"` scores crowds as objects; see `read_coco`.
        published: of a benchmark whose figures are compared; see `Findings`.

    Raises:
        InputError: a malformed file, no annotations, or truth that is all crowds.
        RecordError: an annotation or result that cannot be used.
    """
    findings = Findings(on_error, as_it_stands=True, published=published)
    return score_results(results, read_coco(targets, findings, crowds=crowds), findings)


def score_results(results: str | Path, file: CocoFile, findings: Findings) -> CocoScores:
    """Score a COCO results file against annotations that are read already.

    Args:
        results: see `evaluate_results`.
        file: holds the truth; labels of any format are read as one.
        findings: that it was read with.

    Raises:
        InputError: see `evaluate_results`.
    """
    found = score(*_pair(results, file, findings), findings)
    return replace(found, notes=(*found.notes, *findings.lines()))


def read_pair(
    results: str | Path, targets: str | Path, findings: Findings | None = None
) -> tuple[Record, list[Record]]:
    """The truth and the predictions that `score` compares, out of their files; raises likewise."""
    findings = findings or Findings(as_it_stands=True)
    return _pair(results, read_coco(targets, findings), findings)


def _pair(results: str | Path, file: CocoFile, findings: Findings) -> tuple[Record, list[Record]]:
    if not file.annotations:
        raise InputError(
            f"{file.path} has no annotations to evaluate against. Pass the file that holds the "
            "ground truth."
        )
    require_some_objects(file)
    predictions = read_results(Path(results), file, findings)
    truth = {
        "images": list(file.images.values()),
        "categories": file.category_records,
        "annotations": file.annotations,
    }
    return truth, predictions


def score(truth: Record, predictions: list[Record], findings: Findings | None = None) -> CocoScores:
    """Average precision of COCO results against the content of a COCO annotation file.

    Args:
        truth: `images`, `categories` and `annotations`; crowds are ignored regions.
        predictions: COCO results.
        findings: told of what cannot be used; decides whether that is an error.

    Raises:
        InputError: a segmentation that cannot be read.
    """
    annotations, results = prepared(truth, predictions, findings)
    reason = _no_masks_because(annotations, results)
    masks = dict.fromkeys((*METRICS, *RECALLS), -1.0)
    class_masks: dict[str, float] = {}
    if reason is None:
        masks, class_masks = _scores(truth, annotations, results, "masks")
    boxes, class_boxes = _scores(truth, annotations, results, "boxes")
    return CocoScores(masks, boxes, class_masks, class_boxes, (reason,) if reason else ())


def _no_masks_because(annotations: list[Record], results: list[Record]) -> str | None:
    """Why masks cannot be scored, if they cannot."""
    for name, rows in (("annotations", annotations), ("results", results)):
        bare = [row for row in rows if row.get("segmentation") is None]
        if bare:
            first = f"image {bare[0]['image_id']}"
            if bare[0].get("id") is not None:
                first = f"annotation {bare[0]['id']} of {first}"
            return (
                f"no figures by masks: {len(bare)} of {len(rows)} {name} are boxes alone, the "
                f"first {first}"
            )
    return None


def prepared(
    truth: Record, predictions: list[Record], findings: Findings | None = None
) -> tuple[list[Record], list[Record]]:
    """Annotations and results with run lengths, box and crowd flag, whatever they leave out.

    Run lengths are None for a box alone. What cannot be used is left out, if `findings` says so.

    Raises:
        InputError: a segmentation that cannot be read.
    """
    findings = findings or Findings(as_it_stands=True)
    sizes = {image["id"]: _stated_size(image) for image in truth["images"]}
    for row in truth["annotations"]:
        if sizes[row["image_id"]] is None:
            sizes[row["image_id"]] = _own_size(row)
    annotations, results = [], []
    masks = checked_rles([row.get("segmentation") for row in truth["annotations"]])
    for row, mask in zip(truth["annotations"], masks, strict=True):
        try:
            annotations.append(_truth_row(row, mask, sizes[row["image_id"]], findings))
        except RecordError as error:
            findings.leave_out(error)
    masks = checked_rles([row.get("segmentation") for row in predictions])
    for index, (row, mask) in enumerate(zip(predictions, masks, strict=True), start=1):
        try:
            results.append(_result_row(row, mask, index, sizes[row["image_id"]], findings))
        except RecordError as error:
            findings.leave_out(error)
    return annotations, results


def class_aps(precision: Float64[np.ndarray, "T R K"], truth: Record) -> dict[str, float]:
    """In the order of the categories."""
    return {
        str(category.get("name", category["id"])): float(curve.mean())
        for category, curve in zip(truth["categories"], precision.transpose(2, 0, 1), strict=True)
        if curve.max() > -1
    }


def _truth_row(
    annotation: Record, mask: RLE | None, size: Size | None, findings: Findings
) -> Record:
    """With run lengths, box, area and crowd flag, whatever the file leaves out."""
    name = f"annotation {annotation.get('id')}"
    instance = read_instance(annotation, _known(name, annotation, size), findings, mask)
    return {
        **annotation,
        "segmentation": instance.rle,
        "bbox": instance.box,
        "area": instance.area,
        "iscrowd": int(instance.crowd),
    }


def _result_row(
    row: Record, mask: RLE | None, index: int, size: Size | None, findings: Findings
) -> Record:
    name = f"result {index} (of image {row['image_id']})"
    size = _known(name, row, size)
    rle, box = drawn(name, row.get("segmentation"), size, findings, mask), row.get("bbox")
    if box:
        require_near(name, box, size)
    else:
        box = coco_mask.toBbox(rle).tolist()
    if min(box[2:]) < 0:
        raise RecordError(
            "malformed entry",
            f"{name} has the bbox {box}, whose width or height is negative. A bbox is [x, y, "
            "width, height]; correct or remove it.",
        )
    return {**row, "area": None, "iscrowd": 0, "segmentation": rle, "bbox": box}


def _stated_size(image: Record) -> Size | None:
    return (image["height"], image["width"]) if {"height", "width"} <= set(image) else None


def _own_size(row: Record) -> Size | None:
    """The size that run lengths state, where an image's entry states none."""
    encoding = row.get("segmentation")
    try:
        return encoding_size(encoding) if isinstance(encoding, dict) else None
    except UnreadableMask:
        return None  # which drawing it says


def _known(name: str, row: Record, size: Size | None) -> Size:
    size = size or _own_size(row)
    if size is None and row.get("segmentation"):
        raise RecordError(
            "image size",
            f"{name} is a polygon on image {row['image_id']}, whose entry lacks 'height' and "
            "'width'. Add them.",
        )
    return size or _UNKNOWN_SIZE


def _scores(
    truth: Record, annotations: list[Record], results: list[Record], kind: Kind
) -> tuple[dict[str, float], dict[str, float]]:
    """COCO's figures, and AP by class."""
    evaluation = compared(kind, *tables(truth), *columns(truth, annotations, results, kind))
    figures = dict(zip((*METRICS, *RECALLS), summarized(evaluation), strict=True))
    return figures, class_aps(evaluation.eval["precision"][..., 0, -1], truth)


def tables(truth: Record, *kept: str) -> tuple[list[Record], list[Record]]:
    """Images in the order in which they are scored, and categories, with some of their entries."""
    return (
        [{key: image[key] for key in kept if key in image} for image in _in_order(truth)],
        [{key: item[key] for key in kept if key in item} for item in truth["categories"]],
    )


def _in_order(truth: Record) -> list[Record]:
    return sorted(truth["images"], key=lambda image: image["id"])


def columns(
    truth: Record, annotations: list[Record], results: list[Record], kind: Kind
) -> tuple[Objects, Objects]:
    """What `prepared` gives, by places in `tables`; without objects of categories not there."""
    images = {image["id"]: place for place, image in enumerate(_in_order(truth))}
    categories = {item["id"]: place for place, item in enumerate(truth["categories"])}

    def objects(rows: list[Record]) -> Objects:
        rows = [row for row in rows if row["category_id"] in categories]
        box = np.array([row["bbox"] for row in rows], dtype=np.float64).reshape(-1, 4)
        masks = [row["segmentation"] for row in rows] if kind == "masks" else None
        return Objects(
            image=np.array([images[row["image_id"]] for row in rows], dtype=np.int64),
            category=np.array([categories[row["category_id"]] for row in rows], dtype=np.int64),
            box=box,
            area=_areas(rows, box, masks),
            masks=masks,
            crowd=np.array([bool(row["iscrowd"]) for row in rows], dtype=bool),
            score=np.array([row.get("score", 0.0) for row in rows], dtype=np.float64),
        )

    return objects(annotations), objects(results)


def _areas(
    rows: list[Record], box: Float64[np.ndarray, "N 4"], masks: list[RLE] | None
) -> Float64[np.ndarray, " N"]:
    """As stated; of results, which COCO sizes by what they are scored by."""
    if rows and rows[0].get("area") is not None:
        return np.array([row["area"] for row in rows], dtype=np.float64)
    if masks is None:
        return box[:, 2] * box[:, 3]
    # One by one: of 256 masks or more at once, pycocotools 2.0.11 fails with NumPy 2.
    return np.array([coco_mask.area(mask) for mask in masks], dtype=np.float64)
