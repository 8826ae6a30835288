"""COCO's evaluation, fed one image at a time.

Matching is hotcoco's, accumulation and summary are pycocotools'. What is done here is what lies
around them: only objects that can be matched are shown to the former, so that each image is read,
scored and forgotten; of its record only what accumulating needs is kept, in columns over all
predictions; and it is said which object was matched with which. Neither library accumulates from
such a record, over several processes, for some of the classes and in another order of the images.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.coco.library import Kind, Objects, image_matches, overlaps
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.errors import InputError

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl")
RECALLS = ("AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""Names of COCO's twelve figures, in its order."""

_ALL_AREAS, _MOST_DETECTIONS = 0, -1
"""Positions in pycocotools' area ranges and detection limits of what AP is about."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A true or predicted object.

    Attributes:
        label: its class; None is matched with None, and is no class to score.
        rle: run lengths at image size, or a function that draws them, called only for an object
            that can be matched; only needed when scoring masks.
        box: x, y, width, height in pixels.
        area: in pixels, for the small, medium and large ranges.
        crowd: of a true object, whether it stands for a group: it counts neither as found nor
            as missed, and predictions on it do not count either.
        score: of a predicted object.
    """

    label: str | None
    rle: RLE | Callable[[], RLE | None] | None
    box: Sequence[float]
    area: float
    crowd: bool = False
    score: float = 0.0


_Hits = dict[int, tuple[int, float, bool]]
"""Position of a prediction to that of the true object it was matched with, their IoU, and whether
that is a crowd."""


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
        precision: at IoU threshold, class and recall.
        thresholds: the scores there.
        recall: the highest, at IoU threshold and class.
    """

    metrics: dict[str, float]
    classes: tuple[str, ...]
    precision: Float64[np.ndarray, "T K 101"]
    thresholds: Float64[np.ndarray, "T K 101"]
    recall: Float64[np.ndarray, "T K"]


@dataclass(frozen=True, eq=False)
class ClassOutcomes:
    """What AP needs of a class: `D` predictions by falling score, at `T` IoU thresholds.

    Attributes:
        objects: the image of each true object that counts.
        image: of each prediction.
        right: matched with one of them.
        counted: right or wrong, and not ignored.
    """

    objects: Int64[np.ndarray, " O"]
    image: Int64[np.ndarray, " D"]
    right: Bool[np.ndarray, "T D"]
    counted: Bool[np.ndarray, "T D"]


@dataclass(frozen=True, eq=False)
class _Columns:
    """What accumulating needs of `D` predictions, `T` IoU thresholds and `A` area ranges.

    Attributes:
        image: in the order of images added.
        label: index of the class.
        rank: among the predictions of its image and class, by falling score.
        score: in 0..1.
        matched: with a true object.
        ignored: counts neither way.
    """

    image: Int64[np.ndarray, " D"]
    label: Int64[np.ndarray, " D"]
    rank: Int64[np.ndarray, " D"]
    score: Float64[np.ndarray, " D"]
    matched: Bool[np.ndarray, "A T D"]
    ignored: Bool[np.ndarray, "A T D"]

    @staticmethod
    def joined(parts: Sequence[_Columns]) -> _Columns:
        """Those of one part after the other."""
        names = ("image", "label", "rank", "score", "matched", "ignored")
        return _Columns(
            *(np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names)
        )

    def select(self, index: Bool[np.ndarray, " D"] | Int64[np.ndarray, " S"]) -> _Columns:
        """Some of the predictions, by a mask over them or by their places."""
        return _Columns(
            self.image[index],
            self.label[index],
            self.rank[index],
            self.score[index],
            self.matched[..., index],
            self.ignored[..., index],
        )


@dataclass
class _Record:
    """What is kept of the images added.

    Attributes:
        images: how many.
        labels: index by class.
        parts: one after the other.
        positives: true objects that count in each area range, by class index.
        objects: image and class index of each true object that counts whatever its size, in parts.
    """

    images: int = 0
    labels: dict[str | None, int] = field(default_factory=dict)
    parts: list[_Columns] = field(default_factory=list)
    positives: dict[int, Int64[np.ndarray, " A"]] = field(default_factory=dict)
    objects: list[Int64[np.ndarray, "O 2"]] = field(default_factory=list)

    def index(self, label: str | None) -> int:
        """Of a class, known or new."""
        return self.labels.setdefault(label, len(self.labels))

    def count(self, label: int, positives: Int64[np.ndarray, " A"]) -> None:
        """Add true objects of a class."""
        self.positives[label] = self.positives.get(label, np.zeros_like(positives)) + positives


class Scorer:
    """COCO scores of images added one after the other.

    As in COCO, the 100 predictions of highest score per image and class take part. Equal
    scores rank in the order given: of images, then of objects.

    A scorer can be sent to another process; `extend` joins what several have scored.

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

    def __init__(self, kind: Kind, iou: float = 0.5, sweep: bool = True) -> None:
        self._kind: Kind = kind
        params = _coco_eval(kind).params
        near = np.flatnonzero(np.abs(params.iouThrs - iou) < 1e-9)
        if not len(near):
            raise InputError(
                f"iou is {iou}, which is not one of COCO's thresholds. Pass 0.5, 0.55, ... or 0.95."
            )
        self._sweep = sweep
        self._row = int(near[0]) if sweep else 0
        self._thresholds = params.iouThrs if sweep else params.iouThrs[near]
        self._areas = params.areaRng if sweep else params.areaRng[:1]
        self._limit = params.maxDets[_MOST_DETECTIONS]
        self._record = _Record()

    def add(self, truth: Sequence[Candidate], predictions: Sequence[Candidate]) -> list[Pair]:
        """Match the objects of one more image.

        Returns:
            A pair for each prediction that takes part and each true object that is no crowd, class
            by class.
        """
        true, found = _by_label(truth), _by_label(predictions)
        # As COCOeval ranks them: the sort is stable.
        ranked = {
            label: sorted(rows, key=lambda row: -predictions[row].score)[: self._limit]
            for label, rows in sorted(found.items(), key=lambda item: str(item[0]))
        }
        outside, skipped = self._outside(predictions), self._outside(truth)
        skipped |= np.array([item.crowd for item in truth], dtype=bool)
        order = [row for rows in ranked.values() for row in rows]
        ignored = np.repeat(outside[:, None, order], len(self._thresholds), axis=1)
        matched = np.zeros_like(ignored)
        shared = [label for label in ranked if label in true]
        columns = [position for label in shared for position in true[label]]
        rows = [row for label in shared for row in ranked[label]]
        hits: _Hits = {}
        if shared:
            objects = (
                self._objects([truth[c] for c in columns], [true[label] for label in shared]),
                self._objects([predictions[r] for r in rows], [ranked[label] for label in shared]),
            )
            own = np.isin(order, rows)
            matched[..., own], ignored[..., own], hits = self._match(*objects, columns, rows)
        pairs: list[Pair] = []
        for label in sorted({*true, *ranked}, key=str):
            pairs += _class_pairs(
                ranked.get(label, []), true.get(label, []), hits, skipped[_ALL_AREAS]
            )
        if self._sweep:
            self._keep(ranked, order, predictions, matched, ignored)
            for label, columns in true.items():
                key, counting = self._record.index(label), ~skipped[:, columns]
                self._record.count(key, counting.sum(axis=1))
                here = [[self._record.images, key]] * int(counting[_ALL_AREAS].sum())
                self._record.objects.append(np.array(here, dtype=np.int64).reshape(-1, 2))
        self._record.images += 1
        return pairs

    def _outside(
        self, objects: Sequence[Candidate]
    ) -> Bool[np.ndarray, "{len(self._areas)} {len(objects)}"]:
        """Whether an object is of another size than an area range."""
        areas = np.array([item.area for item in objects], dtype=np.float64)
        low, high = np.asarray(self._areas, dtype=np.float64).T[:, :, None]
        return (areas < low) | (areas > high)

    def _objects(self, items: list[Candidate], groups: list[list[int]]) -> Objects:
        """In columns, a class's after another's."""
        count = len(items)
        category = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        masks, box = None, np.zeros((count, 4))
        if self._kind == "masks":
            masks = [_drawn(item) for item in items]  # whose boxes nobody looks at
        else:
            box = np.array([item.box for item in items], dtype=np.float64)
        return Objects(
            image=np.zeros(count, dtype=np.int64),
            category=category,
            box=box,
            area=np.array([item.area for item in items], dtype=np.float64),
            masks=masks,
            crowd=np.array([item.crowd for item in items], dtype=bool),
            score=np.array([item.score for item in items], dtype=np.float64),
        )

    def _match(
        self, truth: Objects, found: Objects, columns: list[int], rows: list[int]
    ) -> tuple[Bool[np.ndarray, "A T D"], Bool[np.ndarray, "A T D"], _Hits]:
        """What of the predictions is matched and ignored, and with what at the own threshold.

        Args:
            truth: in classes that also have predictions.
            found: likewise.
            columns: their positions among those given.
            rows: likewise.
        """
        matches = image_matches(
            self._kind,
            truth,
            found,
            thresholds=self._thresholds.tolist(),
            areas=self._areas,
            limit=self._limit,
        )
        partner = matches.partner[_ALL_AREAS, self._row]
        crowd = matches.ignored[_ALL_AREAS, self._row]
        hit = np.flatnonzero(partner >= 0)
        hits: _Hits = {}
        if len(hit):
            wanted, place = np.unique(partner[hit], return_inverse=True)
            ious = overlaps(self._kind, truth.select(wanted), found.select(hit))
            for number, row in enumerate(hit.tolist()):
                iou = float(ious[number, place[number]])
                hits[rows[row]] = (columns[partner[row]], iou, bool(crowd[row]))
        return matches.partner >= 0, matches.ignored, hits

    def _keep(
        self,
        ranked: dict[str | None, list[int]],
        order: list[int],
        predictions: Sequence[Candidate],
        matched: Bool[np.ndarray, "A T D"],
        ignored: Bool[np.ndarray, "A T D"],
    ) -> None:
        if not order:
            return
        counts = [len(rows) for rows in ranked.values()]
        labels = [self._record.index(label) for label in ranked]
        columns = _Columns(
            image=np.full(len(order), self._record.images),
            label=np.repeat(labels, counts),
            rank=np.concatenate([np.arange(count) for count in counts]),
            score=np.array([predictions[row].score for row in order], dtype=np.float64),
            matched=matched,
            ignored=ignored,
        )
        self._record.parts.append(columns)

    def compact(self) -> None:
        """Join what was kept of single images, which takes less memory, and less time to send."""
        if self._record.parts:
            self._record.parts = [_Columns.joined(self._record.parts)]
        if self._record.objects:
            self._record.objects = [np.concatenate(self._record.objects)]

    def extend(self, other: Scorer) -> None:
        """Add the images of another scorer, made with the same arguments, after the own ones."""
        record, added = self._record, other._record
        new = np.array([record.index(label) for label in added.labels], dtype=np.int64)
        for part in added.parts:
            record.parts.append(
                _Columns(
                    part.image + record.images,
                    new[part.label],
                    part.rank,
                    part.score,
                    part.matched,
                    part.ignored,
                )
            )
        for key, positives in added.positives.items():
            record.count(int(new[key]), positives)
        for rows in added.objects:
            shifted = np.stack([rows[:, 0] + record.images, new[rows[:, 1]]], axis=1)
            record.objects.append(shifted)
        record.images += added.images

    def outcomes(self) -> list[ClassOutcomes]:
        """What became of the predictions of every class that has a true object, class by class."""
        self.compact()
        objects = np.concatenate([np.zeros((0, 2), np.int64), *self._record.objects])
        found = []
        for name in sorted(name for name in self._record.labels if name is not None):
            images = objects[objects[:, 1] == self._record.labels[name], 0]
            cell = self._ranked(name, None)
            if len(images) and cell is not None:
                columns = cell[0].select(np.argsort(-cell[0].score, kind="stable"))
                matched, ignored = columns.matched[_ALL_AREAS], columns.ignored[_ALL_AREAS]
                found.append(ClassOutcomes(images, columns.image, matched & ~ignored, ~ignored))
        return found

    @property
    def images(self) -> int:
        """How many were added."""
        return self._record.images

    def scores(
        self, classes: Sequence[str] | None = None, order: Sequence[int] | None = None
    ) -> Scores:
        """Scores of the images added so far.

        Args:
            classes: only these, in this order; all by name when None.
            order: of the images, which decides between equal scores; as added when None.
        """
        known = sorted(name for name in self._record.labels if name is not None)
        names = tuple(known if classes is None else dict.fromkeys(classes))
        self.compact()
        cells = [self._ranked(name, order) for name in names]
        evaluation = _coco_eval(self._kind)
        limits = evaluation.params.maxDets
        found = [
            self._accumulated(cells, limit, self._areas if limit == limits[-1] else self._areas[:1])
            for limit in limits
        ]
        evaluation.eval = {
            name: np.concatenate([_all_ranges(part[name], len(self._areas)) for part in found], -1)
            for name in ("precision", "recall", "scores")
        }
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.summarize()
        curves = {
            name: evaluation.eval[name][..., _ALL_AREAS, _MOST_DETECTIONS]
            for name in evaluation.eval
        }
        return Scores(
            dict(zip((*METRICS, *RECALLS), map(float, evaluation.stats), strict=True)),
            names,
            curves["precision"].transpose(0, 2, 1),
            curves["scores"].transpose(0, 2, 1),
            curves["recall"],
        )

    def _ranked(
        self, name: str, order: Sequence[int] | None
    ) -> tuple[_Columns, Int64[np.ndarray, " A"]] | None:
        """A class's predictions in the order of images and ranks, and its positives."""
        record = self._record
        key = record.labels.get(name)
        if key is None:
            return None
        positives = record.positives.get(key, np.zeros(len(self._areas), dtype=np.int64))
        if not record.parts:
            shape = (len(self._areas), len(self._thresholds), 0)
            none, flags = np.zeros(0, dtype=np.int64), np.zeros(shape, dtype=bool)
            return _Columns(none, none, none, np.zeros(0), flags, flags), positives
        [columns] = record.parts
        own = columns.select(columns.label == key)
        place = np.arange(record.images)
        if order is not None:
            place[np.asarray(order, dtype=np.int64)] = np.arange(record.images)
        return own.select(np.lexsort((own.rank, place[own.image]))), positives

    def _accumulated(
        self,
        cells: list[tuple[_Columns, Int64[np.ndarray, " A"]] | None],
        limit: int,
        areas: Any,
    ) -> dict[str, Any]:
        """COCOeval's accumulation of classes at one limit of predictions per image and class.

        To it each class is one image, in which the limit has been kept already.
        """
        evaluation = _coco_eval(self._kind)
        params = evaluation.params
        params.iouThrs, params.areaRng = self._thresholds, areas
        params.imgIds, params.catIds = [0], list(range(len(cells)))
        kept = [
            None if cell is None else (cell[0].select(cell[0].rank < limit), cell[1])
            for cell in cells
        ]
        params.maxDets = [max((len(cell[0].score) for cell in kept if cell), default=0) + 1]
        evaluation.evalImgs = [
            None if cell is None else _cell(*cell, area)
            for cell in kept
            for area in range(len(areas))
        ]
        evaluation._paramsEval = params
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.accumulate()
        accumulated: dict[str, Any] = evaluation.eval
        return accumulated


def _class_pairs(
    rows: list[int], columns: list[int], hits: _Hits, skipped: Bool[np.ndarray, " G"]
) -> list[Pair]:
    """The pairs of one class of an image.

    Args:
        rows: positions of its predictions, by falling score.
        columns: positions of its true objects.
        hits: of the image.
        skipped: by position, whether a true object does not count.
    """
    pairs = [
        Pair(hits[row][0], row, *hits[row][1:]) if row in hits else Pair(None, row, None)
        for row in rows
    ]
    found = {hits[row][0] for row in rows if row in hits}
    pairs += [
        Pair(position, None, None)
        for position in columns
        if position not in found and not skipped[position]
    ]
    return pairs


def _coco_eval(kind: Kind) -> Any:
    return COCOeval(iouType="segm" if kind == "masks" else "bbox")


def _drawn(item: Candidate) -> RLE:
    rle = item.rle() if callable(item.rle) else item.rle
    assert rle is not None  # scorers of masks are given them
    return rle


def _by_label(objects: Sequence[Candidate]) -> dict[str | None, list[int]]:
    groups: dict[str | None, list[int]] = {}
    for position, item in enumerate(objects):
        groups.setdefault(item.label, []).append(position)
    return groups


def _cell(columns: _Columns, positives: Int64[np.ndarray, " A"], area: int) -> dict[str, Any]:
    """One of `COCOeval.evalImgs`, as far as accumulating looks at it."""
    return {
        "dtScores": columns.score,
        "dtMatches": columns.matched[area],
        "dtIgnore": columns.ignored[area],
        "gtIgnore": np.zeros(int(positives[area])),
    }


def _all_ranges(
    values: Float64[np.ndarray, "*axes _ M"], areas: int
) -> Float64[np.ndarray, "*axes {areas} M"]:
    """At all area ranges: -1 for those that COCO's summary leaves out."""
    missing = areas - values.shape[-2]
    widths = [(0, 0)] * values.ndim
    widths[-2] = (0, missing)
    return np.pad(values, widths, constant_values=-1)
