"""COCO average precision of a results file."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.reading import Record, read_coco, segmentation_rle
from fiftyone_ntt.coco.scorer import METRICS, RECALLS, Candidate, Scorer, Scores
from fiftyone_ntt.errors import InputError


@dataclass(frozen=True)
class CocoScores:
    """Average precision and recall in 0..1 by name (`METRICS` and `RECALLS`).

    -1 where no object of that size exists, and for masks if not every annotation has one.

    Attributes:
        masks: by mask IoU.
        boxes: by box IoU.
        class_masks: AP by mask IoU of each class that has an object, by name.
        class_boxes: AP by box IoU, likewise.
    """

    masks: dict[str, float]
    boxes: dict[str, float]
    class_masks: dict[str, float] = field(default_factory=dict)
    class_boxes: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        rows = [" ".join(["      ", *(f"{name:>6}" for name in METRICS)])]
        for kind, scores in (("masks ", self.masks), ("boxes ", self.boxes)):
            rows.append(" ".join([kind, *(f"{scores[name]:6.3f}" for name in METRICS)]))
        return "\n".join(rows)


def evaluate_results(results: str | Path, targets: str | Path) -> CocoScores:
    """Score a COCO results file against annotations.

    Only categories that have an annotation count, as in COCO.

    Args:
        results: as written by `segment_folder`.
        targets: COCO file with annotations.

    Raises:
        InputError: a malformed file, no annotations, or results of images or
            categories not in `targets`.
    """
    return score(*read_pair(results, targets))


def read_pair(results: str | Path, targets: str | Path) -> tuple[Record, list[Record]]:
    """The truth and the predictions that `score` compares, out of their files; raises likewise."""
    file = read_coco(targets)
    if not file.annotations:
        raise InputError(
            f"{targets} has no annotations to evaluate against. Pass the file that holds the "
            "ground truth."
        )
    predictions = _read_results(Path(results))
    for key, listed in (("image_id", file.images), ("category_id", file.categories)):
        strangers = {row[key] for row in predictions} - set(listed)
        if strangers:
            raise InputError(
                f"{results} has results of {key} {sorted(strangers)[:5]}, which {targets} does "
                "not list. Evaluate against the targets the results were made for."
            )
    truth = {
        "images": list(file.images.values()),
        "categories": file.category_records,
        "annotations": file.annotations,
    }
    return truth, predictions


def score(truth: Record, predictions: list[Record]) -> CocoScores:
    """Average precision of COCO results against the content of a COCO annotation file.

    Args:
        truth: `images`, `categories` and `annotations`; crowds are ignored regions.
        predictions: COCO results.

    Raises:
        InputError: a segmentation that cannot be read.
    """
    annotations, results = prepared(truth, predictions)
    drawn = all("segmentation" in annotation for annotation in annotations)
    masks = _scores(truth, annotations, results, "masks") if drawn else None
    boxes = _scores(truth, annotations, results, "boxes")
    return CocoScores(
        masks=masks.metrics if masks else dict.fromkeys((*METRICS, *RECALLS), -1.0),
        boxes=boxes.metrics,
        class_masks=_class_aps(masks, truth) if masks else {},
        class_boxes=_class_aps(boxes, truth),
    )


def prepared(truth: Record, predictions: list[Record]) -> tuple[list[Record], list[Record]]:
    """Annotations and results with run lengths, box and crowd flag, whatever they leave out.

    Raises:
        InputError: a segmentation that cannot be read.
    """
    sizes = {image["id"]: image for image in truth["images"]}
    return (
        [
            _truth_row(annotation, sizes[annotation["image_id"]])
            for annotation in truth["annotations"]
        ],
        [_result_row(row, index) for index, row in enumerate(predictions, start=1)],
    )


def _class_aps(scores: Scores, truth: Record) -> dict[str, float]:
    """In the order of the categories."""
    rows = dict(zip(scores.classes, scores.precision.transpose(1, 0, 2), strict=True))
    found = {}
    for category in truth["categories"]:
        precision = rows.get(str(category["id"]))
        if precision is not None and precision.max() > -1:
            found[str(category.get("name", category["id"]))] = float(precision.mean())
    return found


def _truth_row(annotation: Record, image: Record) -> Record:
    """With run lengths, box, area and crowd flag, whatever the file leaves out."""
    row = {"iscrowd": 0, **annotation}
    if not row.get("segmentation"):
        row.pop("segmentation", None)
        return {"area": row["bbox"][2] * row["bbox"][3], **row}
    name = str(annotation.get("id"))
    rle = segmentation_rle(name, row["segmentation"], _size(name, row["segmentation"], image))
    row["segmentation"] = rle
    if not row.get("bbox"):
        row["bbox"] = coco_mask.toBbox(rle).tolist()
    return {"area": float(coco_mask.area(rle)), **row}


def _size(name: str, segmentation: Any, image: Record) -> tuple[int, int]:
    if isinstance(segmentation, dict) and "size" in segmentation:
        height, width = segmentation["size"]
    elif "height" in image and "width" in image:
        height, width = image["height"], image["width"]
    else:
        raise InputError(
            f"annotation {name} is a polygon on image {image['id']}, whose entry lacks 'height' "
            "and 'width'. Add them."
        )
    return int(height), int(width)


def _result_row(row: Record, index: int) -> Record:
    name = f"of result {index}"
    rle = segmentation_rle(name, row["segmentation"], _size(name, row["segmentation"], {"id": 0}))
    return {**row, "area": None, "iscrowd": 0, "segmentation": rle}


def _read_results(path: Path) -> list[Record]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for row in content:
            row["image_id"], row["category_id"], row["score"], row["bbox"]
            row["segmentation"]["size"], row["segmentation"]["counts"]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file. Check the path.") from error
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise InputError(
            f"{path} is not a COCO results file: {error!r}. Pass the output of `segment`."
        ) from error
    return list(content)


def _scores(
    truth: Record, annotations: list[Record], results: list[Record], kind: Literal["masks", "boxes"]
) -> Scores:
    scorer = Scorer(kind)
    rows = _by_image(annotations), _by_image(results)
    for key in sorted(image["id"] for image in truth["images"]):
        true, found = ([candidate(row, kind) for row in part[key]] for part in rows)
        scorer.add(true, found)
    return scorer.scores()


def _by_image(rows: list[Record]) -> dict[Any, list[Record]]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for row in rows:
        groups[row["image_id"]].append(row)
    return groups


def candidate(row: Record, kind: Literal["masks", "boxes"]) -> Candidate:
    """What `prepared` gives, as scorers take it."""
    area = row.get("area")
    if area is None:  # of a result, which COCO sizes by what it is scored by
        box_area = row["bbox"][2] * row["bbox"][3]
        area = float(coco_mask.area(row["segmentation"])) if kind == "masks" else box_area
    return Candidate(
        label=str(row["category_id"]),
        rle=row.get("segmentation"),
        box=row["bbox"],
        area=area,
        crowd=bool(row["iscrowd"]),
        score=row.get("score", 0.0),
    )
