"""COCO average precision of a results file, by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.coco.reading import Record, read_coco, segmentation_rle
from fiftyone_ntt.errors import InputError

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl")


@dataclass(frozen=True)
class CocoScores:
    """Average precision in 0..1 by metric name (`METRICS`).

    -1 where no object of that size exists, and for masks if not every annotation has one.
    """

    masks: dict[str, float]
    boxes: dict[str, float]

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
        "categories": [{"id": key, "name": name} for key, name in file.categories.items()],
        "annotations": file.annotations,
    }
    return score(truth, predictions)


def score(truth: Record, predictions: list[Record]) -> CocoScores:
    """Average precision of COCO results against the content of a COCO annotation file.

    Args:
        truth: `images`, `categories` and `annotations`; crowds are ignored regions.
        predictions: COCO results.

    Raises:
        InputError: a segmentation that cannot be read.
    """
    sizes = {image["id"]: image for image in truth["images"]}
    annotations = [
        _truth_row(annotation, index, sizes[annotation["image_id"]])
        for index, annotation in enumerate(truth["annotations"], start=1)
    ]
    results = [_result_row(row, index) for index, row in enumerate(predictions, start=1)]
    drawn = all("segmentation" in annotation for annotation in annotations)
    return CocoScores(
        masks=_scores(truth, annotations, results, "segm")
        if drawn
        else dict.fromkeys(METRICS, -1.0),
        boxes=_scores(truth, annotations, results, "bbox"),
    )


def _truth_row(annotation: Record, index: int, image: Record) -> Record:
    """With all that pycocotools asks for; ids count from 1, as it takes 0 for "not found"."""
    row = {"iscrowd": 0, **annotation, "id": index}
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
    return {**row, "id": index, "iscrowd": 0, "segmentation": rle}


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
    truth: Record, annotations: list[Record], results: list[Record], kind: Literal["segm", "bbox"]
) -> dict[str, float]:
    # Not `loadRes`: it fails on no results, and sizes masks by the area of their boxes.
    for row in results:
        box_area = row["bbox"][2] * row["bbox"][3]
        row["area"] = float(coco_mask.area(row["segmentation"])) if kind == "segm" else box_area
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_index(truth, annotations), _index(truth, results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(value) for name, value in zip(METRICS, evaluation.stats, strict=False)}


def _index(truth: Record, rows: list[Record]) -> COCO:
    index = COCO()
    # Copies: pycocotools writes into the rows.
    index.dataset = {**truth, "annotations": [dict(row) for row in rows]}
    index.createIndex()
    return index
