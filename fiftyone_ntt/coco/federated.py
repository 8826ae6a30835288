"""LVIS's average precision: COCO's, for annotations that are complete only where they say so.

In LVIS an image is annotated for some categories alone: those it has objects of, and those it is
known not to show (`neg_category_ids`). Results of any other category on it do not count; nor, of a
category not annotated to the last object (`not_exhaustive_category_ids`), results that match none.
Matching and accumulation are `COCOeval`'s own. Source: Gupta et al., "LVIS", 2019, section 2.
"""

from __future__ import annotations

import contextlib
import copy
import io
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.coco.average_precision import candidate, prepared
from fiftyone_ntt.coco.findings import Findings, Record

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf", "AR300")
"""Names of the figures, as LVIS has them."""
MAX_DETECTIONS = 300
"""Results per image, of all categories together, that take part."""

_FREQUENCIES = {"APr": "r", "APc": "c", "APf": "f"}
_AREAS = {"APs": 1, "APm": 2, "APl": 3}

Kind = Literal["masks", "boxes"]
"""What a detection is compared by."""
Cells = dict[Any, list[tuple[int, list[Any]]]]
"""By category: position of the image, and `COCOeval`'s record of it for each area range."""


@dataclass(frozen=True)
class FederatedScores:
    """LVIS's figures in 0..1 by name (`METRICS`); -1 where no category has a true object.

    Attributes:
        metrics: APr, APc and APf are over the rare, common and frequent categories.
        classes: AP by name of each category that has an object.
    """

    metrics: dict[str, float]
    classes: dict[str, float]


def federated_scores(truth: Record, predictions: list[Record], kind: Kind) -> FederatedScores:
    """Score COCO results against annotations in LVIS's format.

    Args:
        truth: `images` with `neg_category_ids` and `not_exhaustive_category_ids`, `categories` with
            `frequency` (r, c or f), `annotations`.
        predictions: COCO results.
        kind: by mask or box IoU.

    Raises:
        InputError: a segmentation that cannot be read.
    """
    findings = Findings(published=True)
    annotations, results = prepared(truth, _most_confident(predictions), findings)
    evaluation = COCOeval(iouType="segm" if kind == "masks" else "bbox")
    evaluation.params.maxDets = [MAX_DETECTIONS]
    cells = _matched(evaluation, truth, annotations, results, kind)
    precisions, recalls = {}, {}
    for category in truth["categories"]:
        found = _accumulated(evaluation, category["id"], cells[category["id"]])
        if found is not None:
            precisions[category["id"]], recalls[category["id"]] = found
    return _summary(truth, precisions, recalls, evaluation.params.iouThrs)


def _most_confident(predictions: list[Record]) -> list[Record]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for row in predictions:
        groups[row["image_id"]].append(row)
    return [
        row
        for group in groups.values()
        for row in sorted(group, key=lambda row: -row["score"])[:MAX_DETECTIONS]
    ]


def _matched(
    evaluation: Any,
    truth: Record,
    annotations: list[Record],
    results: list[Record],
    kind: Kind,
) -> Cells:
    """`COCOeval`'s matching of the pairs of image and category that count."""
    true_of, found_of = _cell_rows(annotations, kind), _cell_rows(results, kind)
    present = defaultdict(set)
    for image_id, category_id in true_of:
        present[image_id].add(category_id)
    params, cells = evaluation.params, defaultdict(list)
    for position, image in enumerate(sorted(truth["images"], key=lambda image: image["id"])):
        known = present[image["id"]]
        open_ended = set(image.get("not_exhaustive_category_ids", ()))
        for category_id in sorted(known | set(image.get("neg_category_ids", ()))):
            key = image["id"], category_id
            if not (true_of[key] or found_of[key]):
                continue
            evaluation._gts, evaluation._dts = {key: true_of[key]}, {key: found_of[key]}
            evaluation.ious = {key: evaluation.computeIoU(*key)}
            found = [evaluation.evaluateImg(*key, area, MAX_DETECTIONS) for area in params.areaRng]
            if category_id in open_ended:
                for cell in found:
                    cell["dtIgnore"] |= cell["dtMatches"] == 0
            cells[category_id].append((position, found))
    return cells


def _cell_rows(rows: list[Record], kind: Kind) -> dict[tuple[Any, Any], list[Record]]:
    """As `COCOeval` prepares them, by image and category; ids count from 1, 0 being "no match"."""
    cells: dict[tuple[Any, Any], list[Record]] = defaultdict(list)
    for index, row in enumerate(rows, start=1):
        item = candidate(row, kind)
        cells[row["image_id"], row["category_id"]].append(
            {
                "id": index,
                "segmentation": item.rle,
                "bbox": list(item.box),
                "area": item.area,
                "iscrowd": 0,
                "ignore": 0,
                "score": item.score,
            }
        )
    return cells


def _accumulated(
    evaluation: Any, category_id: Any, cells: list[tuple[int, list[Any]]]
) -> tuple[Float64[np.ndarray, "T 101 A"], Float64[np.ndarray, "T A"]] | None:
    """Precision and recall of one category; None without true objects."""
    if not cells:
        return None
    params = evaluation.params
    params.catIds, params.imgIds = [category_id], [position for position, _ in cells]
    evaluation._paramsEval = copy.deepcopy(params)
    evaluation.evalImgs = [cell[area] for area in range(len(params.areaRng)) for _, cell in cells]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    if precision.max() == -1:
        return None
    return precision[:, :, 0, :, 0], recall[:, 0, :, 0]


def _summary(
    truth: Record,
    precisions: dict[Any, Float64[np.ndarray, "T 101 A"]],
    recalls: dict[Any, Float64[np.ndarray, "T A"]],
    thresholds: Float64[np.ndarray, " T"],
) -> FederatedScores:
    whole = {key: _mean([rows[:, :, 0]]) for key, rows in precisions.items()}
    metrics = {"AP": _mean([rows[:, :, 0] for rows in precisions.values()])}
    for name, iou in (("AP50", 0.5), ("AP75", 0.75)):
        row = int(np.abs(thresholds - iou).argmin())
        metrics[name] = _mean([rows[row, :, 0] for rows in precisions.values()])
    for name, area in _AREAS.items():
        metrics[name] = _mean([rows[:, :, area] for rows in precisions.values()])
    for name, frequency in _FREQUENCIES.items():
        keys = [c["id"] for c in truth["categories"] if c.get("frequency") == frequency]
        metrics[name] = _mean([precisions[key][:, :, 0] for key in keys if key in precisions])
    metrics["AR300"] = _mean([rows[:, 0] for rows in recalls.values()])
    names = {category["id"]: category["name"] for category in truth["categories"]}
    return FederatedScores(metrics, {names[key]: value for key, value in whole.items()})


def _mean(parts: list[Float64[np.ndarray, " ..."]]) -> float:
    """Of what is defined; -1 if nothing is."""
    values = np.concatenate([part[part > -1].ravel() for part in parts]) if parts else np.zeros(0)
    return float(values.mean()) if len(values) else -1.0
