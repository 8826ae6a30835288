"""pycocotools' evaluation, fed one image at a time.

Matching, accumulation and summary are `COCOeval`'s own; here it only gets its images one by
one, so that each can be read, scored and forgotten, and says which object was matched with which.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.errors import InputError

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl")
RECALLS = ("AR1", "AR10", "AR100", "ARs", "ARm", "ARl")

_ALL_AREAS, _MOST_DETECTIONS = 0, -1
"""Positions in pycocotools' area ranges and detection limits of what AP is about."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A true or predicted object.

    Attributes:
        label: its class.
        rle: run lengths at image size; only needed when scoring masks.
        box: x, y, width, height in pixels.
        area: in pixels, for the small, medium and large ranges.
        crowd: of a true object, whether it stands for a group: it counts neither as found nor
            as missed, and predictions on it do not count either.
        score: of a predicted object.
    """

    label: str
    rle: RLE | None
    box: Sequence[float]
    area: float
    crowd: bool = False
    score: float = 0.0


@dataclass(frozen=True)
class Pair:
    """What became of an object, or of two that were matched; positions among those given.

    Attributes:
        truth: the true object, or None: a false positive.
        prediction: the predicted object, or None: a false negative.
        iou: of the two, or None.
        ignored: the true object is a crowd, so the match does not count.
    """

    truth: int | None
    prediction: int | None
    iou: float | None
    ignored: bool = False


@dataclass(frozen=True, eq=False)
class Scores:
    """Outcome over all images; -1 where there is no true object.

    Attributes:
        metrics: by name (`METRICS` and `RECALLS`), in 0..1.
        classes: the `K` classes.
        precision: `[T, K, 101]`, at IoU threshold, class and recall.
        thresholds: `[T, K, 101]`, the scores there.
        recall: `[T, K]`, the highest recall.
    """

    metrics: dict[str, float]
    classes: tuple[str, ...]
    precision: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    recall: NDArray[np.float64]


class Scorer:
    """COCO scores of images added one after the other.

    As in COCO, the 100 predictions of highest score per image and class take part. Equal
    scores rank in the order given: of images, then of objects.

    Args:
        kind: by mask or box IoU.
        iou: the threshold of the pairs that `add` returns: 0.5, 0.55, ... or 0.95.
        sweep: compute what `scores` needs; without it only the pairs.

    Example:
        >>> scorer = Scorer("boxes")
        >>> boat = Candidate("boat", None, (0, 0, 40, 40), 1600, score=0.9)
        >>> scorer.add([boat], [boat])
        [Pair(truth=0, prediction=0, iou=1.0, ignored=False)]
        >>> scorer.scores().metrics["APm"] > 0.999
        True
    """

    def __init__(
        self, kind: Literal["masks", "boxes"], iou: float = 0.5, sweep: bool = True
    ) -> None:
        self._kind: Literal["segm", "bbox"] = "segm" if kind == "masks" else "bbox"
        params = COCOeval(iouType=self._kind).params
        near = np.flatnonzero(np.abs(params.iouThrs - iou) < 1e-9)
        if not len(near):
            raise InputError(
                f"iou is {iou}, which is not one of COCO's thresholds. Pass 0.5, 0.55, ... or 0.95."
            )
        self._sweep = sweep
        self._row = int(near[0]) if sweep else 0
        self._thresholds = params.iouThrs if sweep else params.iouThrs[near]
        self._areas = params.areaRng if sweep else params.areaRng[:1]
        self._labels: dict[str, int] = {}
        self._images: list[dict[tuple[int, int], Any]] = []

    def add(self, truth: Sequence[Candidate], predictions: Sequence[Candidate]) -> list[Pair]:
        """Match the objects of one more image.

        Returns:
            A pair for each prediction that takes part and each true object that is no crowd.
        """
        evaluation = self._evaluation()
        rows = self._rows(truth), self._rows(predictions)
        labels = sorted({row["category_id"] for part in rows for row in part})
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.cocoGt, evaluation.cocoDt = (_index(part, labels) for part in rows)
            evaluation.params.imgIds, evaluation.params.catIds = [0], labels
            evaluation.evaluate()
        found = iter(evaluation.evalImgs)
        cells = {(label, area): next(found) for label in labels for area in range(len(self._areas))}
        if self._sweep:
            self._images.append(cells)
        pairs: list[Pair] = []
        for label in labels:
            cell = cells[label, _ALL_AREAS]
            own = [row["id"] for row in rows[0] if row["category_id"] == label]
            pairs.extend(_pairs(cell, self._row, own, evaluation.ious[0, label]))
        return pairs

    def _evaluation(self) -> Any:
        evaluation = COCOeval(iouType=self._kind)
        evaluation.params.iouThrs = self._thresholds
        evaluation.params.areaRng = self._areas
        return evaluation

    def _rows(self, objects: Sequence[Candidate]) -> list[dict[str, Any]]:
        """As pycocotools takes them; ids count from 1, because it takes 0 for "no match"."""
        return [
            {
                "id": position,
                "image_id": 0,
                "category_id": self._labels.setdefault(item.label, len(self._labels)),
                "segmentation": item.rle,
                "bbox": list(item.box),
                "area": item.area,
                "iscrowd": int(item.crowd),
                "score": item.score,
            }
            for position, item in enumerate(objects, start=1)
        ]

    def scores(
        self, classes: Sequence[str] | None = None, order: Sequence[int] | None = None
    ) -> Scores:
        """Scores of the images added so far.

        Args:
            classes: only these, in this order; all by name when None.
            order: of the images, which decides between equal scores; as added when None.
        """
        names = tuple(sorted(self._labels) if classes is None else dict.fromkeys(classes))
        images = [self._images[i] for i in (range(len(self._images)) if order is None else order)]
        evaluation = self._evaluation()
        evaluation.params.imgIds = list(range(len(images)))
        evaluation.params.catIds = list(range(len(names)))
        evaluation.evalImgs = [
            image.get((self._labels.get(name, -1), area))
            for name in names
            for area in range(len(self._areas))
            for image in images
        ]
        evaluation._paramsEval = evaluation.params
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.accumulate()
            evaluation.summarize()
        found = evaluation.eval
        return Scores(
            dict(zip((*METRICS, *RECALLS), map(float, evaluation.stats), strict=True)),
            names,
            found["precision"][:, :, :, _ALL_AREAS, _MOST_DETECTIONS].transpose(0, 2, 1),
            found["scores"][:, :, :, _ALL_AREAS, _MOST_DETECTIONS].transpose(0, 2, 1),
            found["recall"][:, :, _ALL_AREAS, _MOST_DETECTIONS],
        )


def _index(rows: list[dict[str, Any]], labels: list[int]) -> COCO:
    index = COCO()
    index.dataset = {
        "images": [{"id": 0, "height": 0, "width": 0}],  # asked for, not used: masks are drawn
        "categories": [{"id": label} for label in labels],
        "annotations": rows,
    }
    index.createIndex()
    return index


def _pairs(cell: Any, row: int, truth_ids: list[int], ious: Any) -> Iterator[Pair]:
    """The pairs of one class of an image, out of pycocotools' own record of it.

    Args:
        cell: one of `COCOeval.evalImgs`.
        row: of the IoU threshold.
        truth_ids: ids of the true objects in the order of `ious`' columns.
        ious: `[D, G]`, predictions by falling score.
    """
    column = {key: position for position, key in enumerate(truth_ids)}
    for position, key in enumerate(cell["dtIds"]):
        matched = int(cell["dtMatches"][row, position])
        if matched:
            iou = float(ious[position, column[matched]])
            yield Pair(matched - 1, key - 1, iou, bool(cell["dtIgnore"][row, position]))
        else:
            yield Pair(None, key - 1, None)
    for position, key in enumerate(cell["gtIds"]):
        if not cell["gtMatches"][row, position] and not cell["gtIgnore"][position]:
            yield Pair(key - 1, None, None)
