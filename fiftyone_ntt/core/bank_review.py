"""A look at a memory bank: weak, outlying and duplicate references, and confused classes.

Works on the arrays of the bank alone; no model is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64

from fiftyone_ntt.core.bank import MemoryBank, negative_source
from fiftyone_ntt.core.leave_one_out import LeftOut, leave_one_out
from fiftyone_ntt.core.plane import fit_plane

WEAK = 0.75
"""References agreeing less than this with the others of their class, 0..1, are weak: 0.5 is no
agreement at all."""
DUPLICATE = 0.99
"""References of one class with a higher cosine are near-duplicates: one of them is enough."""
OUTLYING = 3.5
"""Robust z-score below the class's median from which a reference is an outlier."""
SPREAD = 0.04
"""Spread of a class, at least: of few references it is easily measured too small."""
# Chosen with the demo's encoder by `pytest -s tests/demo/test_review_marks.py`, which prints what
# other values would mark. Of 5 / 10 references per class, any mark is on 7 / 3 % of the good ones
# and on 99 / 100 % of those of another class, 98 / 98 % with a misplaced mask, 88 / 87 % blurred,
# 80 / 75 % of tiny ones, 100 % of copies, and 59 / 56 % of objects labelled twice.
HARMFUL = 0.1
"""A reference that resembles another class more than its own is dropped if its absence gives more
than this of another reference back to its class. Of 5 / 10 references per class of the worlds for
developing that is 0 to 1 / 0 % of the good ones, and 60 to 93 / 93 to 100 % of those whose label
was made wrong; resembling another class alone would drop 14 % of the good ones of several
appearances."""

Verdict = Literal["drop", "keep"]


@dataclass(frozen=True)
class ReferenceReview:
    """One reference.

    Attributes:
        id: its label's id.
        label: its class.
        agreement: with the other references of its class, 0..1; NaN for the only one.
        nearest_class: the class whose prototype it resembles most.
        marks: what to look at: `weak`, `outlying`, `closer to <class>`, `near-duplicate of <id>`.
        margin: similarity to the others of its class minus that to the most similar other class;
            NaN where there is no such class or no other of its own.
        verdict: whether the bank is better with or without it.
        reason: of the verdict, a sentence without a full stop.
        image_name: file name of the image it lies on; "" where unknown.
        twin: the id of the reference that it nearly duplicates, if any.
    """

    id: str
    label: str
    agreement: float
    nearest_class: str
    marks: tuple[str, ...]
    margin: float
    verdict: Verdict
    reason: str
    image_name: str = ""
    twin: str | None = None


@dataclass(frozen=True)
class NegativeReview:
    """One negative reference.

    Attributes:
        id: in the bank.
        label: the class that it is not.
        origin: `mined`, `tagged`, `background`, `rejected` or `given`.
        source: what it was made of: a label's id or, of a mined one, its sample's, class's index
            and rank.
        image_name: file name of the image it lies on; "" where unknown.
    """

    id: str
    label: str
    origin: str
    source: str
    image_name: str = ""


@dataclass(frozen=True, eq=False)
class BankReview:
    """A bank, looked at.

    Attributes:
        classes: of the bank.
        similarity: cosines between class prototypes.
        confused: pairs of classes by falling cosine, most alike first.
        references: one each, in the bank's order.
        negatives: the negative references, in the bank's order.
        points: the references in the plane of their two principal components.
    """

    classes: tuple[str, ...]
    similarity: Float32[np.ndarray, "K K"]
    confused: tuple[tuple[str, str, float], ...]
    references: tuple[ReferenceReview, ...]
    negatives: tuple[NegativeReview, ...]
    points: Float32[np.ndarray, "R 2"]


def review_bank(bank: MemoryBank) -> BankReview:
    """Look at a bank; see `BankReview`."""
    similarity = bank.prototypes @ bank.prototypes.T
    return BankReview(
        classes=bank.classes,
        similarity=similarity,
        confused=_class_pairs(bank.classes, similarity),
        references=_review_references(bank),
        negatives=tuple(
            NegativeReview(name, bank.classes[index], origin, negative_source(name), image_name)
            for name, index, origin, image_name in zip(
                bank.negatives.ids,
                bank.negatives.classes,
                bank.negative_origins,
                bank.negatives.image_names,
                strict=True,
            )
        ),
        points=fit_plane(bank.unit_references).project(bank.unit_references),
    )


def _class_pairs(
    classes: tuple[str, ...], similarity: Float32[np.ndarray, "K K"]
) -> tuple[tuple[str, str, float], ...]:
    """All pairs of classes with their cosine, most alike first."""
    firsts, seconds = np.triu_indices(len(classes), k=1)
    cosines = similarity[firsts, seconds]
    order = np.argsort(-cosines, kind="stable")
    ranked = (part[order].tolist() for part in (firsts, seconds, cosines))
    return tuple((classes[i], classes[j], cosine) for i, j, cosine in zip(*ranked, strict=True))


def _review_references(bank: MemoryBank) -> tuple[ReferenceReview, ...]:
    """A review of each reference, with what to look at."""
    units = bank.unit_references
    nearest = (units @ bank.prototypes.T).argmax(axis=1)
    agreement = bank.leave_one_out
    outliers = _outliers(agreement, bank.references.classes)
    originals = _near_duplicates(units, bank.references.classes)
    left_out = leave_one_out(bank)
    reviews = []
    for row, label_id in enumerate(bank.references.ids):
        own = int(bank.references.classes[row])
        marks = ["weak"] if agreement[row] < WEAK else []
        marks += ["outlying"] if outliers[row] else []
        marks += [f"closer to {bank.classes[nearest[row]]}"] if nearest[row] != own else []
        original = bank.references.ids[originals[row]] if row in originals else None
        marks += [f"near-duplicate of {original}"] if original is not None else []
        verdict, reason = _verdict(bank, left_out, row, original)
        reviews.append(
            ReferenceReview(
                id=label_id,
                label=bank.classes[own],
                agreement=float(agreement[row]),
                nearest_class=bank.classes[nearest[row]],
                marks=tuple(marks),
                margin=float(left_out.margins[row]),
                verdict=verdict,
                reason=reason,
                image_name=bank.references.image_names[row],
                twin=original,
            )
        )
    return tuple(reviews)


def _verdict(
    bank: MemoryBank, left_out: LeftOut, row: int, original: str | None
) -> tuple[Verdict, str]:
    """Whether to drop a reference, and why; `original` is what it duplicates."""
    if original is not None and original != bank.references.ids[row]:  # which may be repeated
        return "drop", f"it nearly equals {original}, and one of them is enough"
    margin = left_out.margins[row]
    if np.isnan(margin):
        alone = (bank.references.classes == bank.references.classes[row]).sum() == 1
        return "keep", f"there is no other {'reference of its class' if alone else 'class'}"
    rival = bank.classes[left_out.rivals[row]]
    if margin >= 0:
        return "keep", f"it resembles its class more than any other, {rival} by {margin:.2f} less"
    if left_out.harms[row] > HARMFUL:
        return "drop", f"it resembles {rival} more than its class, and references of others suffer"
    return "keep", (
        f"it resembles {rival} more than its class, but no other reference suffers: it may be the "
        "only one that looks so, or its label is wrong"
    )


def _outliers(
    agreement: Float32[np.ndarray, " R"], classes: Int64[np.ndarray, " R"]
) -> Bool[np.ndarray, " R"]:
    """References far below the others of their class; of fewer than 4, none can be told."""
    found = np.zeros(len(agreement), dtype=bool)
    for index in np.unique(classes):
        rows = np.flatnonzero(classes == index)
        if len(rows) < 4:
            continue
        values = agreement[rows]
        median = np.median(values)
        # 1.4826: the median deviation of a normal distribution in its standard deviations.
        spread = 1.4826 * np.median(np.abs(values - median))
        found[rows] = median - values > OUTLYING * max(float(spread), SPREAD)
    return found


def _near_duplicates(
    units: Float32[np.ndarray, "R C"], classes: Int64[np.ndarray, " R"]
) -> dict[int, int]:
    """Row of each near-duplicate to the first of the rows it duplicates."""
    originals: dict[int, int] = {}
    for index in np.unique(classes):
        rows = np.flatnonzero(classes == index)
        alike = np.triu(units[rows] @ units[rows].T > DUPLICATE, k=1)
        for position, row in enumerate(rows.tolist()):
            earlier = np.flatnonzero(alike[:, position])
            if len(earlier):
                originals[row] = int(rows[earlier[0]])
    return originals
