"""LVIS's average precision: COCO's, for annotations that are complete only where they say so.

In LVIS an image is annotated for some categories alone: those it has objects of, and those it is
known not to show (`neg_category_ids`). Results of any other category on it do not count; nor, of a
category not annotated to the last object (`not_exhaustive_category_ids`), results that match none.
Source: Gupta et al., "LVIS", 2019, section 2.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from fiftyone_ntt.coco.average_precision import class_aps, columns, prepared, tables
from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.library import Kind, compared, summarized

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf", "AR300")
"""Names of the figures, as LVIS has them."""
MAX_DETECTIONS = 300
"""Results per image, of all categories together, that take part."""

_CLASS_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


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
    images, categories = tables(truth, *_CLASS_LISTS, "frequency")
    places = {item["id"]: place for place, item in enumerate(truth["categories"], 1)}
    for image in images:
        for name in _CLASS_LISTS:
            image[name] = [places[key] for key in image.get(name, ()) if key in places]
    objects = columns(truth, annotations, results, kind)
    evaluation = compared(kind, images, categories, *objects, federated=True)
    figures = summarized(evaluation)[: len(METRICS)]
    classes = class_aps(evaluation.eval["precision"][..., 0, -1], truth)
    return FederatedScores(dict(zip(METRICS, figures, strict=True)), classes)


def _most_confident(predictions: list[Record]) -> list[Record]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for row in predictions:
        groups[row["image_id"]].append(row)
    return [
        row
        for group in groups.values()
        for row in sorted(group, key=lambda row: -row["score"])[:MAX_DETECTIONS]
    ]
