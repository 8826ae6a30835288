"""Teaching a bank what a person decided: accepted predictions become references, rejected ones
negatives."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.bank import (
    MemoryBank,
    ReferenceSet,
    join_reference_sets,
    negative_id,
    negative_source,
)
from fiftyone_ntt.core.candidate_encoding import encode_candidates
from fiftyone_ntt.core.prototypes import build_bank, with_negatives
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.dataset.banks.reference_adding import joined_bank
from fiftyone_ntt.dataset.banks.saved_banks import (
    BankSummary,
    change_memory_bank,
    list_memory_banks,
    load_memory_bank,
)
from fiftyone_ntt.dataset.labels.fields import check_samples, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.label_names import LabelNames
from fiftyone_ntt.dataset.references.reference_reading import ClassReferences, read_references
from fiftyone_ntt.dataset.review.prediction_rows import decision_of, prediction_rows
from fiftyone_ntt.dataset.work.even_choice import spread_rows
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import DeferredStep, Progress, progress_steps
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError, counted
from fiftyone_ntt.models.loading import Models

PER_CLASS = 10
"""References, and negatives, that a class gets at most of one call."""
_POOL = 50
"""Of each, the most that are looked at to choose from: each costs two runs of the encoder."""
_SAME_PLACE = 0.5
"""Box IoU from which a rejected prediction lies where one of its class was accepted: its mask was
wrong, not its class."""
_ORIGIN = "rejected"

Row = dict[str, Any]


@dataclass(frozen=True)
class TeachReport:
    """What a bank learned.

    Attributes:
        bank: as it is now.
        references: accepted predictions that became references, by class.
        negatives: rejected predictions that became negatives, by the class that they are not.
        left_out: decided predictions that it did without, because others of their class tell more.
        withdrawn: references and negatives that it lost or whose class it changed, because
            something else was decided of them since.

    Example:
        >>> [bank] = ntt.list_memory_banks(dataset)
        >>> print(ntt.TeachReport(bank, {"fish": 3}, {"kite": 1}, left_out=2))
        shapes: 3 references and 1 negative learned, 2 left out; version 1
    """

    bank: BankSummary
    references: Mapping[str, int] = field(default_factory=dict)
    negatives: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0
    withdrawn: int = 0

    def __str__(self) -> str:
        learned = [
            counted(count, noun)
            for count, noun in (
                (sum(self.references.values()), "reference"),
                (sum(self.negatives.values()), "negative"),
            )
            if count
        ]
        parts = [f"{' and '.join(learned) or 'nothing'} learned"]
        parts += [f"{self.left_out} left out"] if self.left_out else []
        parts += [f"{self.withdrawn} withdrawn"] if self.withdrawn else []
        return f"{self.bank.name}: {', '.join(parts)}; version {self.bank.version}"


@needs_database
def teach(
    samples: foc.SampleCollection,
    name: str,
    label_field: str,
    *,
    per_class: int = PER_CLASS,
    models: str | Models | None = None,
    device: str = "cpu",
    progress: Progress = None,
) -> TeachReport:
    """Teach a bank of a dataset what was decided of predictions; `relabel` then uses it.

    Accepted predictions that the bank does not have become references of their class, rejected ones
    negatives; where there are more than `per_class` of one, those that tell best what was accepted
    from what was rejected and from other classes. A rejected prediction at whose place one of its
    class was accepted is none: its mask was wrong. What was decided otherwise since an earlier call
    is withdrawn. The bank gets a new version, see `list_bank_versions`; `undo_bank_change` takes it
    back. Predictions stay as they are.

    Args:
        samples: a dataset or view of images: decisions on it count.
        name: of the bank.
        label_field: Detections that `accept`, `reject` and `relabel_as` were called with.
        per_class: most new references of each class, and most new negatives.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        What it learned; where nothing is new, the bank stays as it is.

    Raises:
        InputError: no such bank or field, nothing was decided, or an image cannot be read.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> first, second, *_ = ntt.review_queue(view, "predictions", order="confidence")
        >>> _ = ntt.accept(view, "predictions", [first.label_id])
        >>> _ = ntt.reject(view, "predictions", [second.label_id])
        >>> print(ntt.teach(view, "shapes", "predictions"))
        shapes: 1 reference and 1 negative learned; version 2
        >>> print(ntt.relabel(view, "shapes", "predictions", overwrite=True))
        predictions: ... 2 ... kept...
    """
    check_samples(samples, "teaching")
    label_field_type(samples, label_field, (fol.Detections, fol.Detection))
    if per_class < 1:
        raise InputError(f"per_class is {per_class}: let a class learn of 1 prediction at least.")
    refresh(samples._root_dataset)
    bank = load_memory_bank(samples, name)
    decided = _Decided.read(samples, label_field)
    accepted, rejected = decided.new_to(bank)
    changes = decided.withdrawn_from(bank)
    if not accepted and not rejected and not changes:
        return TeachReport(_summary(samples, name))
    lessons = _Lessons(samples, label_field, bank, per_class)
    if accepted or rejected:
        lessons.learn(accepted, rejected, models_of_bank(bank, models, device), progress)

    def taught(current: MemoryBank) -> MemoryBank:
        return lessons.added_to(decided.applied_to(current))

    counts = lessons.references, lessons.negatives
    what = f"taught: {sum(counts[0].values())} accepted, {sum(counts[1].values())} rejected"
    summary = change_memory_bank(samples, name, taught, what)
    return TeachReport(summary, *counts, left_out=lessons.left_out, withdrawn=changes)


class _Decided:
    """The decided predictions of a view, by what a bank may call them."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self.rows = rows

    @classmethod
    def read(cls, samples: foc.SampleCollection, field: str) -> _Decided:
        found = [row for row in prediction_rows(samples, field) if decision_of(row) is not None]
        if not found:
            raise InputError(
                f"nothing was decided of the predictions in field {field!r} of this view. Accept "
                "or reject some first: `review_queue` says which tell most."
            )
        names = LabelNames(samples._root_dataset, field, {str(row["_id"]) for row in found})
        return cls({names.of(str(row["_id"]), str(row["sample"])): row for row in found})

    def of(self, verdict: str) -> dict[str, Row]:
        return {name: row for name, row in self.rows.items() if decision_of(row) == verdict}

    def new_to(self, bank: MemoryBank) -> tuple[dict[str, Row], dict[str, Row]]:
        """Accepted and rejected ones that a bank should learn of."""
        known, refused = set(bank.references.ids), set(bank.negatives.ids)
        accepted, rejected = self.of("accepted"), self.of("rejected")
        places = defaultdict(list)
        for row in accepted.values():
            places[row["sample"], row["label"]].append(row.get("bounding_box"))
        return (
            {name: row for name, row in accepted.items() if name not in known},
            {
                name: row
                for name, row in rejected.items()
                if negative_id(_ORIGIN, name) not in refused
                and row["label"] in bank.classes
                and not _overlaps_one(row, places[row["sample"], row["label"]])
            },
        )

    def withdrawn_from(self, bank: MemoryBank) -> int:
        """How many of a bank's references and negatives were decided otherwise since."""
        rejected, moved, negatives = self._changes(bank)
        return len(rejected) + sum(map(len, moved.values())) + len(negatives)

    def applied_to(self, bank: MemoryBank) -> MemoryBank:
        """A bank without what was decided otherwise, or of the class that it was given."""
        _, moved, negatives = self._changes(bank)
        for label, rows in moved.items():
            bank = bank.with_class(rows, label)
        bank = bank.without_negatives(ids=negatives) if negatives else bank
        rejected, *_ = self._changes(bank)
        return bank.without_references(rejected) if rejected else bank

    def _changes(self, bank: MemoryBank) -> tuple[list[int], dict[str, list[int]], list[str]]:
        """Rows of references that were rejected, by new class of those that were given one; and
        names of negatives that are none any more."""
        rejected, moved = [], defaultdict(list)
        classes = [bank.classes[k] for k in bank.references.classes.tolist()]
        for row, (name, label) in enumerate(zip(bank.references.ids, classes, strict=True)):
            now = self.rows.get(name)
            if now is not None and decision_of(now) == "rejected":
                rejected.append(row)
            elif now is not None and now["label"] != label:
                moved[now["label"]].append(row)
        refused = zip(bank.negatives.ids, bank.negative_origins, strict=True)
        gone = [
            name
            for name, origin in refused
            if origin == _ORIGIN
            and (now := self.rows.get(negative_source(name))) is not None
            and decision_of(now) != "rejected"
        ]
        return rejected, dict(moved), gone


class _Lessons:
    """What a bank is to learn: references and negatives, chosen and encoded."""

    def __init__(
        self, samples: foc.SampleCollection, field: str, bank: MemoryBank, per_class: int
    ) -> None:
        self.samples, self.field, self.bank, self.per_class = samples, field, bank, per_class
        self.references: Counter[str] = Counter()
        self.negatives: Counter[str] = Counter()
        self.left_out = 0
        self._new: MemoryBank | None = None
        self._refused = ReferenceSet.empty(bank.width)

    def learn(
        self,
        accepted: Mapping[str, Row],
        rejected: Mapping[str, Row],
        models: Models,
        progress: Progress,
    ) -> None:
        """Choose among predictions by their names, and encode the chosen."""
        good, bad = self._chosen(accepted, rejected, models)
        self.left_out = len(accepted) + len(rejected) - len(good) - len(bad)
        self.references = Counter(accepted[name]["label"] for name in good)
        self.negatives = Counter(rejected[name]["label"] for name in bad)
        advance = DeferredStep()
        with progress_steps(len(good) + len(bad), progress) as advance.step:
            if good:
                groups = self._read(good, advance)
                self._new = build_bank(groups, models.encoder, models.segmenter)
            if bad:
                named = {key: _Renamed(group) for key, group in self._read(bad, advance).items()}
                plain = self.bank.without_negatives()
                encoded = with_negatives(plain, named, models.encoder, models.segmenter)
                self._refused = encoded.negatives

    def added_to(self, bank: MemoryBank) -> MemoryBank:
        """A bank with the lessons that it does not have yet."""
        known = set(bank.references.ids)
        if self._new is not None:
            there = [row for row, name in enumerate(self._new.references.ids) if name in known]
            if len(there) < len(self._new.references):
                bank = joined_bank(bank, self._new.without_references(there))
        names, refused = self.bank.classes, set(bank.negatives.ids)
        rows = [
            row
            for row, (name, label) in enumerate(
                zip(self._refused.ids, self._refused.classes.tolist(), strict=True)
            )
            if name not in refused and names[label] in bank.classes
        ]
        if not rows:
            return bank
        extra = self._refused.rows(rows)
        numbers = [bank.classes.index(names[label]) for label in extra.classes.tolist()]
        extra = replace(extra, classes=np.array(numbers, dtype=np.int64))
        return replace(bank, negatives=join_reference_sets([bank.negatives, extra]))

    def _chosen(
        self, accepted: Mapping[str, Row], rejected: Mapping[str, Row], models: Models
    ) -> tuple[list[str], list[str]]:
        """Those to learn of; nothing is encoded where all are."""
        rows = {**accepted, **rejected}
        groups: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for name, row in rows.items():
            groups[row["label"], name in accepted].append(name)
        if all(len(group) <= self.per_class for group in groups.values()):
            return list(accepted), list(rejected)
        pooled = [name for group in groups.values() for name in _spread(group, rows)]
        found: dict[str, list[Reference]] = defaultdict(list)
        for group in self._read(pooled).values():
            for reference in group:
                row = rows[reference.id]
                # What was rejected is a class of its own: one that its class is to be told from.
                found[f"{reference.id in accepted} {row['label']}"].append(reference)
        candidates = encode_candidates(found, models.encoder, models.segmenter)
        chosen = {name for ids in candidates.choose(self.per_class).values() for name in ids}
        return [n for n in accepted if n in chosen], [n for n in rejected if n in chosen]

    def _read(
        self, names: Sequence[str], advance: Callable[[], None] = lambda: None
    ) -> dict[str, ClassReferences]:
        return read_references(self.samples, self.field, label_ids=names, on_read=advance)


class _Renamed:
    """Rejected predictions under the names that a bank gives negatives."""

    def __init__(self, group: Iterable[Reference]) -> None:
        self._group = group

    def __iter__(self) -> Iterator[Reference]:
        for reference in self._group:
            yield replace(reference, id=negative_id(_ORIGIN, reference.id))


def _spread(names: Sequence[str], rows: Mapping[str, Row]) -> list[str]:
    """At most `_POOL` of some predictions, from the least confident to the most."""
    ranked = sorted(names, key=lambda name: rows[name].get("confidence") or 0.0)
    return [ranked[place] for place in spread_rows(len(ranked), _POOL)]


def _overlaps_one(row: Row, boxes: Sequence[Any]) -> bool:
    box, others = row.get("bounding_box"), [other for other in boxes if other is not None]
    if box is None or not others:
        return False
    ious = coco_mask.iou(np.array([box]), np.array(others), [0] * len(others))
    return bool(np.max(ious) >= _SAME_PLACE)


def _summary(samples: foc.SampleCollection, name: str) -> BankSummary:
    return next(bank for bank in list_memory_banks(samples) if bank.name == name)
