"""What a person decided of a prediction, on the prediction itself, and taking it back.

A decision is one of two of FiftyOne's label tags, `accepted` or `rejected`, and attributes beside
it, so that it filters in the sidebar and survives an export. Labels are found by their ids, never
by their place in the list: a run may write to the same sample at the same moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import fiftyone as fo
import fiftyone.core.fields as fof
from bson import ObjectId

from fiftyone_ntt.dataset.labels.change_journal import Change
from fiftyone_ntt.dataset.labels.stored_labels import value_at
from fiftyone_ntt.dataset.labels.writing import LabelEdit, edit_labels, now

Document = dict[str, Any]

ACCEPTED, REJECTED = "accepted", "rejected"
DECIDED_AT, REVIEWED_BY, PREDICTED = "decided_at", "reviewed_by", "predicted_label"
DECISION_FIELDS: dict[str, type[fof.Field]] = {
    DECIDED_AT: fof.DateTimeField,
    REVIEWED_BY: fof.StringField,
    PREDICTED: fof.StringField,
}
"""What a decision leaves on a label besides its tag: when, who, and the class that was predicted
where another was chosen."""

Verdict = Literal["accept", "reject", "none"]
_ATTEMPTS = 5
"""How often a label is looked at again because somebody wrote it meanwhile."""
STATE = ("label", "tags", *DECISION_FIELDS)
"""All that a decision changes of a label."""


@dataclass(frozen=True)
class Decision:
    """What was decided of some labels.

    Attributes:
        verdict: `none` takes an earlier decision back, the class with it.
        label: the right class, of what is accepted; None for the one it has.
        reviewer: who decided, if anybody knows.
    """

    verdict: Verdict
    label: str | None = None
    reviewer: str | None = None


@dataclass
class Decided:
    """What came of a decision, by ids of labels.

    Attributes:
        written: labels that bear it now.
        same: labels that bore it already.
        gone: labels that are not there any more.
        contested: labels that others kept writing meanwhile; as they were.
    """

    written: list[ObjectId] = field(default_factory=list)
    same: list[ObjectId] = field(default_factory=list)
    gone: list[ObjectId] = field(default_factory=list)
    contested: list[ObjectId] = field(default_factory=list)


def is_rejected(label: Mapping[str, Any]) -> bool:
    """Whether somebody rejected a label, as it lies in the database."""
    return REJECTED in (label.get("tags") or ())


def write_decision(
    dataset: fo.Dataset,
    name: str,
    labels: Mapping[ObjectId, Sequence[ObjectId]],
    decision: Decision,
    change: Change,
) -> Decided:
    """Write a decision on labels.

    Args:
        dataset: of the samples.
        name: of the Detections field, in which `DECISION_FIELDS` are declared.
        labels: ids of the labels, by id of their sample.
        decision: on all of them.
        change: where to write down what was there.
    """
    outcome, waiting, at = Decided(), dict(labels), now()
    for _ in range(_ATTEMPTS):
        held = _states(dataset, name, waiting)
        edits: dict[ObjectId, dict[ObjectId, LabelEdit]] = defaultdict(dict)
        for sample_id, ids in waiting.items():
            for label_id in ids:
                state = held.get((sample_id, label_id))
                wanted = None if state is None else decided_state(state, decision, at)
                if state is None or wanted is None:
                    (outcome.gone if state is None else outcome.same).append(label_id)
                else:
                    edits[sample_id][label_id] = _edit(state, wanted)
        change.note_labels(
            {
                sample_id: {key: _noted(held[sample_id, key], edit) for key, edit in of.items()}
                for sample_id, of in edits.items()
            }
        )
        late = set(edit_labels(dataset, name, edits))
        outcome.written += [key for s, of in edits.items() if s not in late for key in of]
        waiting = {sample_id: list(edits[sample_id]) for sample_id in late}
        if not waiting:
            return outcome
    outcome.contested = [key for ids in waiting.values() for key in ids]
    return outcome


def restore_decisions(
    dataset: fo.Dataset, name: str, entries: Iterable[Document], *, dry_run: bool = False
) -> tuple[int, int]:
    """Take decisions back that were written down; what somebody decided or changed since stays.

    Args:
        dataset: of the samples.
        name: of the field.
        entries: of a change of kind `decisions`.
        dry_run: only count, and write nothing.

    Returns:
        How many samples were written, and how many labels stay as they are now.
    """
    samples = kept = 0
    for entry in entries:
        sample_id = entry["sample"]
        noted = {label["id"]: label for label in entry["labels"]}
        held = _states(dataset, name, {sample_id: list(noted)})
        edits, later = {}, 0
        for label_id, label in noted.items():
            state = held.get((sample_id, label_id))
            if state == label["before"]:
                continue
            if state is None or not _bears(state, label["after"]):
                later += 1
                continue
            edits[label_id] = _edit(state, with_decision_of(state, label["before"]))
        if not dry_run and edit_labels(dataset, name, {sample_id: edits} if edits else {}):
            later += len(edits)
            edits = {}
        samples += bool(edits)
        kept += later
    return samples, kept


def find_by_id(
    dataset: fo.Dataset,
    name: str,
    ids: Sequence[ObjectId],
    samples: Collection[ObjectId] | None = None,
) -> dict[ObjectId, list[ObjectId]]:
    """Where labels lie now: their ids, by id of their sample; of copies with one id, all.

    Args:
        dataset: of the samples.
        name: of the Detections field.
        ids: of the labels.
        samples: ids of those that may hold them; None for any. The database has no index of labels:
            of a large dataset, it then reads every mask.
    """
    wanted = set(ids)
    query: Document = {f"{name}.detections._id": {"$in": list(wanted)}}
    if samples is not None:
        query["_id"] = {"$in": list(samples)}
    rows = dataset._sample_collection.find(query, {f"{name}.detections._id": 1})
    return {
        row["_id"]: [
            label["_id"] for label in value_at(row, name)["detections"] if label["_id"] in wanted
        ]
        for row in rows
    }


def _states(
    dataset: fo.Dataset, name: str, labels: Mapping[ObjectId, Sequence[ObjectId]]
) -> dict[tuple[ObjectId, ObjectId], Document]:
    """What decisions change of labels, as they are now, by ids of sample and label."""
    paths = [f"{name}.detections.{key}" for key in ("_id", *STATE)]
    query = {"_id": {"$in": list(labels)}}
    found = {}
    for row in dataset._sample_collection.find(query, dict.fromkeys(paths, 1)):
        wanted = set(labels[row["_id"]])
        held = value_at(row, name)
        for label in (held or {}).get("detections") or []:
            if label["_id"] in wanted:
                found[row["_id"], label["_id"]] = {key: label.get(key) for key in STATE}
    return found


def decided_state(state: Document, decision: Decision, at: datetime) -> Document | None:
    """A label's state with a decision; None where it bears that already.

    Args:
        state: its class, tags and `DECISION_FIELDS`, None for those that it lacks.
        decision: on it.
        at: when, UTC.
    """
    predicted = state[PREDICTED] if state[PREDICTED] is not None else state["label"]
    label = {"accept": decision.label or state["label"], "reject": state["label"]}.get(
        decision.verdict, predicted
    )
    tag = {"accept": ACCEPTED, "reject": REJECTED}.get(decision.verdict)
    others = [other for other in state["tags"] or [] if other not in (ACCEPTED, REJECTED)]
    wanted: Document = {
        "label": label,
        "tags": [*others, *([tag] if tag else [])],
        DECIDED_AT: at if tag else None,
        REVIEWED_BY: decision.reviewer if tag else None,
        PREDICTED: predicted if label != predicted else None,
    }
    same = all(wanted[key] == state[key] for key in ("label", PREDICTED))
    return None if same and set(wanted["tags"]) == set(state["tags"] or []) else wanted


def _edit(state: Document, wanted: Document) -> LabelEdit:
    """From one state of a label to another; an attribute that is None is none."""
    put = {key: value for key, value in wanted.items() if value is not None and value != state[key]}
    take = [key for key, value in wanted.items() if value is None and state[key] is not None]
    return LabelEdit(state, put, take)


def _noted(state: Document, edit: LabelEdit) -> Document:
    return {"before": state, "after": {**state, **edit.put, **dict.fromkeys(edit.take)}}


def _bears(state: Document, after: Document) -> bool:
    """Whether a label still bears a decision, whatever other tags it got since."""
    keys = ("label", *DECISION_FIELDS)
    return all(state[key] == after[key] for key in keys) and (
        verdict_tags(state) == verdict_tags(after)
    )


def with_decision_of(state: Document, before: Document) -> Document:
    """A label's state with an earlier one's class and decision; its other tags stay."""
    others = [tag for tag in state["tags"] or [] if tag not in (ACCEPTED, REJECTED)]
    return {**before, "tags": [*others, *sorted(verdict_tags(before))]}


def verdict_tags(state: Mapping[str, Any]) -> set[str]:
    """`ACCEPTED` or `REJECTED`, as a label bears them."""
    return {ACCEPTED, REJECTED} & set(state.get("tags") or [])
