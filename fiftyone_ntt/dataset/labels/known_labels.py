"""The labels of an editable field as this package left them, to find what people edited since.

FiftyOne's App leaves no trace of an edit on a label, and none at all of a deletion. So all labels
of a field that people edit are kept a second time, in a collection of FiftyOne's database: a
document a sample, with the time at which it was last modified. Whatever writes labels here
(`writing`) keeps that up: of what it writes itself, and of nothing else, so an edit that nobody
learned from yet is still one after a run wrote the same sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from fiftyone_ntt.dataset.labels.stored_labels import value_at

Document = dict[str, Any]

_NAME = "fiftyone_ntt.known_labels"
_HEAD = None
"""In place of a sample's id, of the document that says that a field is watched."""
_CHUNK = 500
_indexed: set[str] = set()


def watch(dataset: fo.Dataset, name: str) -> int:
    """Keep the labels of a field as they are now; of samples that are kept already, as they were.

    Args:
        dataset: of the field.
        name: of the Detections field.

    Returns:
        How many samples are kept anew.
    """
    _forget_gone()
    known = {row["sample"] for row in _known().find(_of(dataset, name), {"sample": 1})}
    fresh = 0
    rows: list[UpdateOne] = []
    for row in dataset._sample_collection.find({}, {name: 1, "last_modified_at": 1}):
        if row["_id"] not in known:
            query, entry = _of(dataset, name, row["_id"]), _entry(name, row)
            rows.append(UpdateOne(query, {"$setOnInsert": entry}, upsert=True))
            fresh += 1
        if len(rows) >= _CHUNK:
            _known().bulk_write(rows, ordered=False)
            rows = []
    _send(iter(rows))
    _known().update_one(_of(dataset, name, _HEAD), {"$setOnInsert": {"labels": []}}, upsert=True)
    return fresh


def _entry(name: str, row: Document) -> Document:
    value = value_at(row, name)
    labels = value.get("detections") or [] if isinstance(value, dict) else []
    return {"modified": row.get("last_modified_at"), "labels": labels}


def is_watched(dataset: fo.Dataset, name: str) -> bool:
    """Whether the labels of a field are kept."""
    return _known().find_one(_of(dataset, name, _HEAD), {"_id": 1}) is not None


def touched_samples(dataset: fo.Dataset, name: str) -> list[ObjectId]:
    """Ids of the samples that were modified since they were kept, or are kept not at all."""
    fields = {"sample": 1, "modified": 1}
    known = {
        row["sample"]: row.get("modified") for row in _known().find(_of(dataset, name), fields)
    }
    rows = dataset._sample_collection.find({}, {"last_modified_at": 1})
    return [
        row["_id"]
        for row in rows
        if row["_id"] not in known or known[row["_id"]] != row.get("last_modified_at")
    ]


def known_labels(
    dataset: fo.Dataset, name: str, ids: Sequence[ObjectId]
) -> dict[ObjectId, dict[ObjectId, Document]]:
    """The labels of some samples as they were left, by ids of sample and label; none of a sample
    that came since."""
    query = {**_of(dataset, name), "sample": {"$in": list(ids)}}
    found = {
        row["sample"]: {label["_id"]: label for label in row["labels"]}
        for row in _known().find(query)
    }
    return {key: found.get(key, {}) for key in ids}


def note_times(dataset: fo.Dataset, name: str, times: Mapping[ObjectId, datetime | None]) -> None:
    """Note that there is nothing to find in samples that were last modified at some times."""
    _send(
        UpdateOne(_of(dataset, name, key), {"$set": {"modified": at}}, upsert=False)
        for key, at in times.items()
    )


def note_written(
    dataset: fo.Dataset,
    name: str,
    written: Mapping[ObjectId, tuple[Sequence[Document], Sequence[Document]]],
) -> None:
    """Keep what this package wrote.

    Args:
        dataset: of the samples.
        name: of the field, which is watched.
        written: by id of the sample, its labels before and after. Those that are the same in both
            stay kept as they were: somebody may have edited them.
    """
    known = known_labels(dataset, name, list(written))
    updates = []
    for key, (before, after) in written.items():
        old = {label["_id"]: label for label in before}
        new = {label["_id"]: label for label in after}
        kept = {label: row for label, row in known[key].items() if label in new or label not in old}
        kept |= {label: row for label, row in new.items() if old.get(label) != row}
        update = {"$set": {"labels": list(kept.values()), "modified": None}}
        updates.append(UpdateOne(_of(dataset, name, key), update, upsert=True))
    _send(iter(updates))


def note_attributes(
    dataset: fo.Dataset, name: str, edits: Mapping[ObjectId, Mapping[ObjectId, Mapping[str, Any]]]
) -> None:
    """Keep attributes that this package put on single labels, by ids of sample and label."""
    updates = []
    for key, labels in edits.items():
        for label_id, values in labels.items():
            put = {f"labels.$[label].{part}": value for part, value in values.items()}
            if put:
                filters: list[Mapping[str, Any]] = [{"label._id": label_id}]
                query = _of(dataset, name, key)
                updates.append(UpdateOne(query, {"$set": put}, array_filters=filters))
    _send(iter(updates))


def _send(updates: Iterator[UpdateOne]) -> None:
    sent = list(updates)
    if sent:
        _known().bulk_write(sent, ordered=False)


def _forget_gone() -> None:
    there = set(foo.get_db_conn()["datasets"].distinct("_id"))
    for gone in set(_known().distinct("dataset")) - there:
        _known().delete_many({"dataset": gone})


def _of(dataset: fo.Dataset, name: str, *sample: ObjectId | None) -> Document:
    """A query for what is kept of a field: of all samples, or of one."""
    which: Document = {"sample": sample[0]} if sample else {"sample": {"$ne": _HEAD}}
    return {"dataset": dataset._doc.id, "field": name, **which}


def _known() -> Collection[Document]:
    collection: Collection[Document] = foo.get_db_conn()[_NAME]
    if _NAME not in _indexed:
        collection.create_index([("dataset", 1), ("field", 1), ("sample", 1)], unique=True)
        _indexed.add(_NAME)
    return collection
