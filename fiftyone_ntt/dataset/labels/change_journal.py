"""What labels were before each change of this package: written down before they change.

Two collections of FiftyOne's database: a change has a head (which field, what kind of change, when)
and one entry per sample (what was there). An entry is written before its sample is, so a process
that is killed leaves either an entry too many, which undoing passes over, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple

import bson
import fiftyone as fo
import fiftyone.core.odm as foo
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError

Document = dict[str, Any]

Kind = Literal["run", "deletion", "tagging", "import", "decisions", "corrections"]

KEPT = 20
"""Changes of a dataset that can be undone; older ones are forgotten."""
KEPT_BYTES = 1 << 30
"""What the entries of a dataset's changes may take; beyond it the oldest are forgotten. The newest
is always kept."""

_HEADS, _ENTRIES = "fiftyone_ntt.changes", "fiftyone_ntt.change_entries"
_DUPLICATE_KEY = 11000
_indexed: set[str] = set()


_LABELS: Document = {
    "$add": [
        {"$ifNull": ["$added", 0]},
        {"$size": {"$ifNull": ["$removed", []]}},
        {"$size": {"$ifNull": ["$tags.labels", []]}},
        {"$size": {"$ifNull": ["$labels", []]}},
    ]
}
"""Of an entry: labels that came, went, or were tagged or decided on."""


class Extent(NamedTuple):
    """How much a change touched: samples, labels that came, went, were tagged or decided on, and
    the bytes of its entries."""

    samples: int
    labels: int
    bytes: int


@dataclass(frozen=True)
class Change:
    """One change of a field's labels by this package.

    Attributes:
        id: of the change.
        dataset: id of the dataset.
        field: whose labels changed.
        kind: of change.
        at: when it began, UTC.
        run: key of the run that made it, or that was deleted; None for others.
        tag: that was put or taken; None for other kinds.
        created: whether the field was made for it; of a deletion, whether the field went with it.
        run_document: of a deleted run's record, to bring it back.
        described: what the dataset said of the field before an import.
    """

    id: ObjectId
    dataset: ObjectId
    field: str
    kind: Kind
    at: datetime
    run: str | None = None
    tag: str | None = None
    created: bool = False
    run_document: Document | None = None
    described: Document | None = None

    def note(self, entries: Mapping[ObjectId, Document]) -> set[ObjectId]:
        """Write down what samples held; of a sample that has an entry, the first one stays.

        Args:
            entries: by sample id.

        Returns:
            Ids of the samples that had no entry.
        """
        rows = [
            {"change": self.id, "sample": sample_id, **entry}
            for sample_id, entry in entries.items()
        ]
        if not rows:
            return set()
        for row in rows:
            row["bytes"] = len(bson.encode(row))
        there: set[ObjectId] = set()
        try:
            _entries().insert_many(rows, ordered=False)
        except BulkWriteError as error:
            problems = error.details["writeErrors"]
            if {problem["code"] for problem in problems} != {_DUPLICATE_KEY}:
                raise
            there = {rows[problem["index"]]["sample"] for problem in problems}
        return set(entries) - there

    def note_labels(self, entries: Mapping[ObjectId, Mapping[ObjectId, Document]]) -> None:
        """Write down what single labels were and are to be; of a label that has an entry, what it
        was stays as it was noted first.

        Args:
            entries: `before` and `after`, by label id, by sample id.
        """
        sent = [
            update
            for sample_id, labels in entries.items()
            for update in self._label_notes(sample_id, labels)
        ]
        if sent:
            # In order: a sample's entry is there before its labels.
            _entries().bulk_write(sent)

    def _label_notes(
        self, sample_id: ObjectId, labels: Mapping[ObjectId, Document]
    ) -> Iterator[UpdateOne]:
        entry = {"change": self.id, "sample": sample_id}
        first = {"$setOnInsert": {"labels": [], "bytes": 0}}
        yield UpdateOne(entry, first, upsert=True)
        for label_id, noted in labels.items():
            size = len(bson.encode(noted))
            new = {"$push": {"labels": {"id": label_id, **noted}}, "$inc": {"bytes": size}}
            again = {"$set": {"labels.$[label].after": noted["after"]}}
            # This before the other: else a label that is new would be noted twice.
            yield UpdateOne(entry, again, array_filters=[{"label.id": label_id}])
            yield UpdateOne({**entry, "labels.id": {"$ne": label_id}}, new)

    def forget_entries(self, ids: Iterable[ObjectId]) -> None:
        """Remove what was written down of samples that then did not change."""
        _entries().delete_many({"change": self.id, "sample": {"$in": list(ids)}})

    def entries(self, ids: Sequence[ObjectId] | None = None) -> Iterator[Document]:
        """What was written down, sample by sample."""
        wanted: Document = {"change": self.id}
        if ids is not None:
            wanted["sample"] = {"$in": list(ids)}
        yield from _entries().find(wanted)

    def samples(self) -> list[ObjectId]:
        """Ids of the samples with an entry."""
        return [row["sample"] for row in _entries().find({"change": self.id}, {"sample": 1})]

    def extent(self) -> Extent:
        """How much the change touched, and what keeping it costs."""
        rows = list(
            _entries().aggregate(
                [
                    {"$match": {"change": self.id}},
                    {
                        "$group": {
                            "_id": None,
                            "samples": {"$sum": 1},
                            "labels": {"$sum": _LABELS},
                            "bytes": {"$sum": "$bytes"},
                        }
                    },
                ]
            )
        )
        if not rows:
            return Extent(0, 0, 0)
        return Extent(*(int(rows[0][name]) for name in ("samples", "labels", "bytes")))

    def note_field_gone(self) -> None:
        """Note that the field went with what was deleted: taking it back brings it back."""
        _heads().update_one({"_id": self.id}, {"$set": {"created": True}})

    def forget(self) -> None:
        """Remove the change; it can no longer be undone."""
        _entries().delete_many({"change": self.id})
        _heads().delete_one({"_id": self.id})


def begin_change(
    dataset: fo.Dataset,
    field: str,
    kind: Kind,
    *,
    run: str | None = None,
    tag: str | None = None,
    created: bool = False,
    run_document: Document | None = None,
    resume: bool = False,
    described: Document | None = None,
) -> Change:
    """A new change of a field.

    Args:
        dataset: of the field.
        field: whose labels change.
        kind: of change.
        run: key of the run that makes it, or that is deleted.
        tag: that is put or taken.
        created: whether the field was made for it.
        run_document: of a deleted run's record.
        described: what an import found noted on the dataset.
        resume: if the field's last change is an interrupted part of this one, go on with that.
    """
    last = next(iter(changes_of(dataset, field)), None)
    if resume and last is not None and (last.kind, last.run) == (kind, run):
        return last
    head = {
        "dataset": dataset._doc.id,
        "field": field,
        "kind": kind,
        "at": datetime.now(timezone.utc),
        "run": run,
        "tag": tag,
        "created": created,
        "run_document": _packed(run_document),
        "described": _packed(described),
    }
    _forget_old(dataset)
    if resume:
        # Two processes that begin the same change at one moment begin one: after the same other.
        after = None if last is None else last.id
        head["round"] = f"{dataset._doc.id} {field} {kind} {run} {after}"
    try:
        return _change({**head, "_id": _heads().insert_one(head).inserted_id})
    except DuplicateKeyError:
        same: dict[str, Any] = {"run": run, "tag": tag, "created": created, "resume": True}
        same |= {"run_document": run_document, "described": described}
        return begin_change(dataset, field, kind, **same)


def changes_of(dataset: fo.Dataset, field: str | None = None) -> Iterator[Change]:
    """The changes of a dataset, or of one field, that can be undone; the newest first."""
    wanted: Document = {"dataset": dataset._doc.id}
    if field is not None:
        wanted["field"] = field
    for head in list(_heads().find(wanted).sort("_id", -1)):
        yield _change(head)


def labels_before(
    dataset: fo.Dataset, field: str, ids: Sequence[ObjectId]
) -> dict[ObjectId, tuple[ObjectId, Document]]:
    """What labels were that runs took away: the id of the sample and the label, by its id.

    Args:
        dataset: of the field.
        field: whose labels they were.
        ids: of the labels; of those that no change took away, nothing is told.
    """
    wanted, found = set(ids), dict[ObjectId, tuple[ObjectId, Document]]()
    for change in changes_of(dataset, field):
        if not wanted - set(found):
            break
        query = {"change": change.id, "value.detections._id": {"$in": list(wanted)}}
        for row in _entries().find(query, {"sample": 1, "value.detections": 1}):
            for label in row["value"]["detections"]:
                if label["_id"] in wanted:
                    found.setdefault(label["_id"], (row["sample"], label))
    return found


def _forget_old(dataset: fo.Dataset) -> None:
    """Keep the newest changes, and nothing of datasets that are gone."""
    total = 0
    for number, change in enumerate(changes_of(dataset), start=1):
        total += change.extent().bytes
        if number >= KEPT or (number > 1 and total > KEPT_BYTES):
            change.forget()
    known = set(_heads().distinct("dataset"))
    # Asked second: a dataset that another process makes in between is there.
    for gone in known - set(foo.get_db_conn()["datasets"].distinct("_id")):
        forget_dataset(gone)


def forget_dataset(dataset_id: ObjectId) -> None:
    """Forget all changes of a dataset."""
    ids = [head["_id"] for head in _heads().find({"dataset": dataset_id}, {"_id": 1})]
    _entries().delete_many({"change": {"$in": ids}})
    _heads().delete_many({"_id": {"$in": ids}})


def _packed(document: Document | None) -> bytes | None:
    # As bytes: their keys may hold dots and dollars.
    return None if document is None else bson.encode(document)


def _unpacked(packed: bytes | None) -> Document | None:
    return None if packed is None else bson.decode(packed)


def _change(head: Document) -> Change:
    return Change(
        id=head["_id"],
        dataset=head["dataset"],
        field=head["field"],
        kind=head["kind"],
        at=head["at"],
        run=head.get("run"),
        tag=head.get("tag"),
        created=bool(head.get("created")),
        run_document=_unpacked(head.get("run_document")),
        described=_unpacked(head.get("described")),
    )


def _heads() -> Collection[Document]:
    return _collection(_HEADS, ("dataset",))


def _entries() -> Collection[Document]:
    return _collection(_ENTRIES, ("change", "sample"))


def _collection(name: str, index: Iterable[str]) -> Collection[Document]:
    collection: Collection[Document] = foo.get_db_conn()[name]
    if name not in _indexed:
        collection.create_index([(key, 1) for key in index], unique=name == _ENTRIES)
        if name == _HEADS:
            there = {"round": {"$exists": True}}
            collection.create_index("round", unique=True, partialFilterExpression=there)
        _indexed.add(name)
    return collection
