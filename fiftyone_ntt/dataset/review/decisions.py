"""Accepting and rejecting predictions, giving them another class, and taking that back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
from bson import ObjectId

from fiftyone_ntt.dataset.labels.change_journal import begin_change, labels_before
from fiftyone_ntt.dataset.labels.decision_writing import (
    DECISION_FIELDS,
    Decided,
    Decision,
    find_by_id,
    write_decision,
)
from fiftyone_ntt.dataset.labels.detections import PROPOSAL
from fiftyone_ntt.dataset.labels.fields import all_images, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_field_kind, check_writable
from fiftyone_ntt.dataset.labels.stored_labels import value_at
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError


@dataclass(frozen=True)
class DecisionReport:
    """What came of a decision.

    Attributes:
        what: was done with the labels, as in `accepted`.
        decided: labels that bear the decision now.
        unchanged: labels that bore it already.
        followed: those of both whose id another run gave a new label meanwhile: of the same
            proposal, and of the same class.
        changed: ids of labels that a run replaced meanwhile by others: their prediction changed.
        gone: ids of labels that are not there, nor were.
        contested: ids of labels that others kept writing to; they are as they were.

    Example:
        >>> print(ntt.DecisionReport("accepted", 20, unchanged=3))
        20 accepted, 3 were so already
    """

    what: str
    decided: int
    unchanged: int = 0
    followed: int = 0
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.decided} {self.what}"]
        parts += [f"{self.unchanged} were so already"] if self.unchanged else []
        parts += [f"{len(self.changed)} changed meanwhile: look at them again"] * bool(self.changed)
        parts += [f"{len(self.gone)} not there any more"] if self.gone else []
        parts += [f"{len(self.contested)} left, others write to them"] * bool(self.contested)
        return ", ".join(parts)


@needs_database
def accept(
    samples: foc.SampleCollection,
    label_field: str,
    label_ids: Collection[str],
    *,
    reviewer: str | None = None,
) -> DecisionReport:
    """Say that predictions are right: no run replaces them from now on.

    They get the label tag `accepted` and attributes that say when and who (`decided_at`,
    `reviewed_by`). A prediction whose id is gone because a run wrote the field meanwhile is found
    again by its proposal, if it still has the same class; else the report says that it changed.

    All decisions on a field between two other changes are one round, which `undo` takes back;
    `undecide` takes back single ones.

    Args:
        samples: the dataset or a view of it; labels are found by their ids wherever they lie.
        label_field: Detections.
        label_ids: of the predictions. Of labels that share an id all are meant, by
            `<label id>@<sample id>` only one.
        reviewer: who decides, where anybody knows.

    Raises:
        InputError: no such field, a read-only one, or an id that is none.

    Example:
        >>> ids = view.first().predictions.detections[0].id
        >>> print(ntt.accept(dataset, "predictions", [ids]))
        1 accepted
        >>> dataset.count_label_tags("predictions")
        {'accepted': 1}
    """
    return _decide(samples, label_field, label_ids, Decision("accept", None, reviewer), "accepted")


@needs_database
def reject(
    samples: foc.SampleCollection,
    label_field: str,
    label_ids: Collection[str],
    *,
    reviewer: str | None = None,
) -> DecisionReport:
    """Say that predictions are wrong: they stay in the field, tagged `rejected`.

    Runs write no prediction of the same class at their place again. `evaluate`, `export_coco`,
    `confidence_counts` and banks leave them out. All else is as with `accept`, which see.

    Example:
        >>> ids = view.first().predictions.detections[0].id
        >>> print(ntt.reject(dataset, "predictions", [ids]))
        1 rejected
    """
    return _decide(samples, label_field, label_ids, Decision("reject", None, reviewer), "rejected")


@needs_database
def relabel_as(
    samples: foc.SampleCollection,
    label_field: str,
    label_ids: Collection[str],
    label: str,
    *,
    reviewer: str | None = None,
) -> DecisionReport:
    """Give predictions the right class, and accept them so.

    The class that was predicted stays beside it, as `predicted_label`. All else is as with
    `accept`, which see.

    Raises:
        InputError: no class, or as with `accept`.

    Example:
        >>> ids = view.first().predictions.detections[0].id
        >>> print(ntt.relabel_as(dataset, "predictions", [ids], "heron"))
        1 given the class 'heron'
        >>> view.first().predictions.detections[0].label
        'heron'
    """
    if not isinstance(label, str) or not label:
        raise InputError(f"label is {label!r}, but it must be the name of a class.")
    decision = Decision("accept", label, reviewer)
    return _decide(samples, label_field, label_ids, decision, f"given the class {label!r}")


@needs_database
def undecide(
    samples: foc.SampleCollection, label_field: str, label_ids: Collection[str]
) -> DecisionReport:
    """Take back what was decided of predictions; one of another class gets the predicted one back.

    Raises:
        InputError: as with `accept`.

    Example:
        >>> ids = view.first().predictions.detections[0].id
        >>> _ = ntt.reject(dataset, "predictions", [ids])
        >>> print(ntt.undecide(dataset, "predictions", [ids]))
        1 undecided
    """
    return _decide(samples, label_field, label_ids, Decision("none"), "undecided")


def _decide(
    samples: foc.SampleCollection,
    field: str,
    label_ids: Collection[str],
    decision: Decision,
    what: str,
) -> DecisionReport:
    dataset = samples._root_dataset
    refresh(dataset)
    label_field_type(all_images(dataset), field, (fol.Detections,))
    check_writable(dataset, field)
    owners = owners_of(label_ids)
    ids = list(owners)
    declare_attributes(dataset, field, DECISION_FIELDS)
    change = begin_change(dataset, field, "decisions", resume=True)
    places = {
        sample_id: meant
        for sample_id, found in find_by_id(dataset, field, ids, _all_owners(owners)).items()
        if (meant := [key for key in found if sample_id in (owners[key] or {sample_id})])
    }
    decided = write_decision(dataset, field, places, decision, change)
    found = {key for of in places.values() for key in of}
    lost = [key for key in ids if key not in found] + decided.gone
    followed, changed, gone = _follow(dataset, field, lost)
    later = Decided()
    if followed:
        later = write_decision(dataset, field, followed, decision, change)
    return DecisionReport(
        what,
        len(decided.written) + len(later.written),
        len(decided.same) + len(later.same),
        len(later.written) + len(later.same),
        tuple(map(str, [*changed, *later.gone])),
        tuple(map(str, gone)),
        tuple(map(str, [*decided.contested, *later.contested])),
    )


def _all_owners(owners: dict[ObjectId, set[ObjectId]]) -> set[ObjectId] | None:
    """The samples that may hold the labels; None where one may lie anywhere."""
    return set().union(*owners.values()) if all(owners.values()) else None


def owners_of(names: Collection[str]) -> dict[ObjectId, set[ObjectId]]:
    """The samples in which each label is meant; none for all.

    Args:
        names: ids of labels, or `<label id>@<sample id>`.

    Raises:
        InputError: one that is neither.
    """
    owners: dict[ObjectId, set[ObjectId]] = {}
    for name in names:
        label_id, _, sample_id = name.partition("@")
        samples = owners.setdefault(_object_id(label_id), set())
        if sample_id:
            samples.add(_object_id(sample_id))
    return owners


def _object_id(label_id: str) -> ObjectId:
    if not ObjectId.is_valid(label_id):
        raise InputError(
            f"{label_id!r} is no id of a label. Pass ids as `label.id` has them: 24 hexadecimal "
            "digits."
        )
    return ObjectId(label_id)


def declare_attributes(
    dataset: fo.Dataset, field: str, kinds: Mapping[str, type[fof.Field]]
) -> None:
    """Make the App filter by what decisions leave.

    Args:
        dataset: of the labels.
        field: of Detections.
        kinds: types of the attributes.

    Raises:
        InputError: there are others of those names.
    """
    for name, kind in kinds.items():
        path = f"{field}.detections.{name}"
        check_field_kind(dataset, path, kind)
        if dataset.get_field(path) is None:
            dataset.add_sample_field(path, kind)


def _follow(
    dataset: fo.Dataset, field: str, ids: list[ObjectId]
) -> tuple[dict[ObjectId, list[ObjectId]], list[ObjectId], list[ObjectId]]:
    """Where the predictions are by now that a run has replaced.

    Returns:
        Ids of the labels of the same proposal and class, by id of their sample; ids of those whose
        prediction changed; and of those of which nothing is known.
    """
    before = labels_before(dataset, field, ids) if ids else {}
    followed: dict[ObjectId, list[ObjectId]] = defaultdict(list)
    changed = []
    for label_id, (sample_id, label) in before.items():
        proposal = label.get(PROPOSAL)
        row = dataset._sample_collection.find_one(
            {"_id": sample_id},
            {f"{field}.detections.{key}": 1 for key in ("_id", "label", PROPOSAL)},
        )
        held = (value_at(row or {}, field) or {}).get("detections") or []
        same = [
            other["_id"]
            for other in held
            if proposal is not None
            and (other.get(PROPOSAL), other.get("label")) == (proposal, label["label"])
        ]
        followed[sample_id] += same
        if not same:
            changed.append(label_id)
    return (
        {key: found for key, found in followed.items() if found},
        changed,
        [key for key in ids if key not in before],
    )
