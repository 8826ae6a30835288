"""The predictions that a person should look at, the most telling first."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from jaxtyping import Float64, Int64
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.calibration import Calibration, score_steps
from fiftyone_ntt.core.review_order import Reviewable, doubts, margin_doubts, score_doubts
from fiftyone_ntt.dataset.banks.bank_memory import kept_bank, kept_review
from fiftyone_ntt.dataset.labels.fields import check_samples, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.review.prediction_rows import Verdict, decision_of, prediction_rows
from fiftyone_ntt.dataset.runs.run_calls import METHODS
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.dataset.work.stored_runs import run_configs
from fiftyone_ntt.errors import InputError

Order = Literal["doubt", "class", "confidence"]
"""Of the queue: the most telling first; class by class, in each the most telling first; or the
most confident first."""

_CONFIG = ("bank", "bank_hash", "mode", "match_settings", "proposal_settings", "scoring")
_TOLD = 0.75
"""Of what scores and margins make of a doubt: the least that people are told of."""
_SAME_PLACE = 0.5
"""Box IoU from which two predictions claim one place; their masks are not read for this."""


@dataclass(frozen=True)
class ReviewItem:
    """A prediction to look at, and why.

    Attributes:
        sample_id: id of the sample that it lies on.
        label_id: its own, which `accept`, `reject` and `relabel_as` take; of labels that share an
            id they take `<label id>@<sample id>` for one of them.
        label: its class.
        confidence: 0..1; None where it has none.
        runner_up: the second-best class, if there is one.
        margin: how much more similar its class is than that; None where nobody noted it.
        nearest_reference: the id of the reference it resembles most; likewise.
        doubt: how much looking at it teaches, 0..1; the first of the queue has the most.
        reasons: why to look at it, in words for people; none where nothing is odd.
        decision: what was decided of it; None of what is open.
        chance: of being right, by the calibration of its bank; None where there is none for it.

    Example:
        >>> first = ntt.review_queue(view, "predictions")[0]
        >>> isinstance(first, ntt.ReviewItem), sorted([first.label, first.runner_up])
        (True, ['fish', 'mushroom'])
    """

    sample_id: str
    label_id: str
    label: str
    confidence: float | None
    runner_up: str | None
    margin: float | None
    nearest_reference: str | None
    doubt: float
    reasons: tuple[str, ...]
    decision: Verdict | None
    chance: float | None = None


@needs_database
def review_queue(
    samples: foc.SampleCollection,
    label_field: str,
    *,
    order: str = "doubt",
    classes: Collection[str] | None = None,
    run: str | None = None,
    include_decided: bool = False,
    limit: int | None = None,
) -> list[ReviewItem]:
    """The predictions of a view that nobody has decided on, the most telling first.

    What tells most is what has a low score for its class (where the bank was calibrated, a low
    chance of being right), what another class resembles nearly as much, what lies where one of
    another class does, and what resembles a reference that is odd itself; predictions that are
    alike take turns. `teach` is what it is chosen for; see `docs/review.md`. No mask is read.

    Args:
        samples: a dataset or view of images, or of patches of the field.
        label_field: Detections that a run wrote; others' predictions will do, but tell less.
        order: `"doubt"`; `"class"`, in each the most telling first; `"confidence"`, highest first.
        classes: only these; all when None.
        run: only what this run wrote (`run_states` lists them); all when None.
        include_decided: those too that were accepted or rejected.
        limit: no more than this many.

    Raises:
        InputError: no such field, or not of Detections; no such order; a limit below 0.

    Example:
        >>> queue = ntt.review_queue(view, "predictions")
        >>> len(queue) == view.count("predictions.detections")
        True
        >>> queue[0].doubt >= queue[-1].doubt
        True
        >>> print(ntt.accept(view, "predictions", [item.label_id for item in queue[:2]]))
        2 accepted
        >>> len(ntt.review_queue(view, "predictions")) == len(queue) - 2
        True
    """
    check_samples(samples, "reviewing")
    label_field_type(samples, label_field, (fol.Detections, fol.Detection))
    if order not in get_args(Order):
        raise InputError(f"there is no order {order!r}. Pass one of: {', '.join(get_args(Order))}.")
    if limit is not None and limit < 0:
        raise InputError(f"limit is {limit}, but it must be at least 0.")
    dataset = samples._root_dataset
    refresh(dataset)
    rows = [
        row for row in prediction_rows(samples, label_field) if run is None or row.get("run") == run
    ]
    if classes is not None:
        wanted = set(classes)
        rows = [row for row in rows if row["label"] in wanted]
    if not include_decided:
        rows = [row for row in rows if decision_of(row) is None]
    found = _ordered(_items(rows, _Known(dataset, rows)), order)
    return found[:limit]


def _ordered(items: list[ReviewItem], order: str) -> list[ReviewItem]:
    """Of equal ones the order of the view."""
    items = sorted(items, key=lambda item: -item.doubt)
    if order == "class":
        return sorted(items, key=lambda item: item.label)
    if order == "confidence":
        return sorted(items, key=lambda item: -(item.confidence or 0.0))
    return items


class _Known:
    """What the banks of some predictions say of them.

    Attributes:
        chances: by run, the calibration that holds for it.
        odd: ids of references that are to be looked at, and why.
    """

    def __init__(self, dataset: fo.Dataset, rows: list[dict[str, Any]]) -> None:
        self.calibrations: dict[str, Calibration] = {}
        self.odd: dict[str, str] = {}
        runs = {row.get("run") for row in rows}
        for key, config in run_configs(dataset, METHODS, _CONFIG).items():
            if key not in runs or not config.get("bank"):
                continue
            try:
                bank = kept_bank(dataset, config["bank"])
            except InputError:  # deleted or renamed, or it never lay on the dataset
                continue
            calibration = _calibration(bank, config)
            if calibration is not None:
                self.calibrations[key] = calibration
            for one in kept_review(dataset, config["bank"]).references:
                if one.verdict == "drop" or "outlying" in one.marks:
                    self.odd[one.id] = one.reason

    def chances(self, rows: list[dict[str, Any]]) -> Float64[np.ndarray, " N"]:
        """Of each being right; NaN where no calibration says."""
        found = np.full(len(rows), np.nan)
        scores = np.array([row.get("confidence") or 0.0 for row in rows], dtype=np.float64)
        steps = score_steps(scores.clip(0, 1))
        for index, row in enumerate(rows):
            known, score = self.calibrations.get(row.get("run") or ""), row.get("confidence")
            if known is not None and score is not None and row["label"] in known.classes:
                found[index] = known.chances[known.classes.index(row["label"]), steps[index]]
        return found


def _calibration(bank: MemoryBank, config: Mapping[str, Any]) -> Calibration | None:
    """That of a run: made for the same content of the bank and the same way of matching."""
    matching = dict(config.get("match_settings") or {})
    matching.pop("confidence_threshold", None)
    if config.get("scoring") is not None:
        matching["scoring"] = config["scoring"]
    wanted = (config.get("bank_hash"), config.get("mode"), config.get("proposal_settings"))
    return next(
        (
            known
            for known in bank.calibrations
            if (known.bank, known.mode, known.proposals) == wanted and known.matching == matching
        ),
        None,
    )


def _items(rows: list[dict[str, Any]], known: _Known) -> list[ReviewItem]:
    labels = _numbers([row["label"] for row in rows])
    samples = _numbers([row["sample"] for row in rows])
    rivals = _rivals(rows, labels, samples)
    about = Reviewable(
        labels=labels,
        scores=np.array([row.get("confidence") or 0.0 for row in rows], dtype=np.float64),
        chances=known.chances(rows),
        margins=np.array([_number(row.get("margin")) for row in rows], dtype=np.float64),
        contested=rivals >= 0,
        odd=np.array([row.get("nearest_reference") in known.odd for row in rows], dtype=bool),
        nearest=_numbers([row.get("nearest_reference") for row in rows]),
        images=samples,
    )
    claims = [rows[rival]["label"] if rival >= 0 else None for rival in rivals.tolist()]
    told = _reasons(about, rows, claims)
    columns = zip(rows, doubts(about).tolist(), about.chances.tolist(), told, strict=True)
    return [_item(*column) for column in columns]


def _item(row: dict[str, Any], doubt: float, chance: float, reasons: tuple[str, ...]) -> ReviewItem:
    return ReviewItem(
        sample_id=str(row["sample"]),
        label_id=str(row["_id"]),
        label=row["label"],
        confidence=row.get("confidence"),
        runner_up=row.get("runner_up"),
        margin=row.get("margin"),
        nearest_reference=row.get("nearest_reference"),
        doubt=doubt,
        reasons=reasons,
        decision=decision_of(row),
        chance=None if math.isnan(chance) else chance,
    )


def _reasons(
    about: Reviewable, rows: list[dict[str, Any]], claims: list[str | None]
) -> list[tuple[str, ...]]:
    """Why to look at each, in words."""
    unsure = (score_doubts(about) >= _TOLD).tolist()
    close = (margin_doubts(about.margins) >= _TOLD).tolist()
    found = []
    for index, row in enumerate(rows):
        chance = about.chances[index]
        low = f"a low score for {row['label']}" if np.isnan(chance) else f"right by {chance:.0%}"
        reasons = [low] * unsure[index]
        if close[index] and row.get("runner_up"):
            reasons.append(f"close to {row['runner_up']}")
        if claims[index] is not None:
            reasons.append(f"overlaps {claims[index]}")
        if about.odd[index]:
            reasons.append("resembles an odd reference")
        found.append(tuple(reasons))
    return found


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _numbers(values: list[Any]) -> Int64[np.ndarray, " N"]:
    """Equal values have equal numbers, in the order they come first."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def _rivals(
    rows: list[dict[str, Any]],
    labels: Int64[np.ndarray, " N"],
    samples: Int64[np.ndarray, " N"],
) -> Int64[np.ndarray, " N"]:
    """Row of a prediction of another class on the same place; -1 where there is none."""
    rivals = np.full(len(rows), -1)
    boxed = np.array([row.get("bounding_box") is not None for row in rows], dtype=bool)
    order = np.argsort(samples, kind="stable")
    for image in np.split(order, np.flatnonzero(np.diff(samples[order])) + 1):
        here = image[boxed[image]]
        if len(here) < 2:
            continue
        boxes = np.array([rows[index]["bounding_box"] for index in here.tolist()])
        overlaps = np.asarray(coco_mask.iou(boxes, boxes, [0] * len(boxes)))
        overlaps[labels[here][:, None] == labels[here]] = 0
        best = overlaps.argmax(axis=1)
        there = overlaps[np.arange(len(here)), best] >= _SAME_PLACE
        rivals[here[there]] = here[best[there]]
    return rivals
