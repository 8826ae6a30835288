"""COCO average precision of a results file, by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.coco.reading import read_coco
from fiftyone_ntt.errors import InputError

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl")


@dataclass(frozen=True)
class CocoScores:
    """Average precision in 0..1 by metric name (`METRICS`).

    -1 where no object of that size exists.
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
        InputError: a malformed file, no annotations, or results of images not in `targets`.
    """
    file = read_coco(targets)
    if not file.annotations:
        raise InputError(
            f"{targets} has no annotations to evaluate against. Pass the file that holds the "
            "ground truth."
        )
    predictions = _read_results(Path(results))
    strangers = {row["image_id"] for row in predictions} - set(file.images)
    if strangers:
        raise InputError(
            f"{results} has results for images that {targets} does not list: "
            f"{sorted(strangers)[:5]}. Evaluate against the targets the results were made for."
        )
    return score(json.loads(Path(targets).read_text(encoding="utf-8")), predictions)


def score(truth: dict[str, Any], predictions: list[dict[str, Any]]) -> CocoScores:
    """Average precision of COCO results against the content of a COCO annotation file."""
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = truth
        index.createIndex()
        return CocoScores(_scores(index, predictions, "segm"), _scores(index, predictions, "bbox"))


def _read_results(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for row in content:
            row["image_id"], row["category_id"], row["score"], row["bbox"], row["segmentation"]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file. Check the path.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} is not a COCO results file: {error!r}. Pass the output of `segment`."
        ) from error
    return list(content)


def _scores(
    truth: COCO, predictions: list[dict[str, Any]], kind: Literal["segm", "bbox"]
) -> dict[str, float]:
    if not predictions:  # pycocotools cannot load an empty result
        return dict.fromkeys(METRICS, 0.0)
    evaluation = COCOeval(truth, truth.loadRes(predictions), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return {name: float(value) for name, value in zip(METRICS, evaluation.stats, strict=False)}
