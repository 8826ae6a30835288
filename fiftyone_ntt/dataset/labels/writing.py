"""The one place that changes labels in the database.

Every change is decided on what a sample's field held, and made only if it still holds that: the
condition is part of the update, so nobody's edit in between is lost, whichever process made it.
What was there is written down first (`change_journal`), so that it can be undone. Samples are found
by id, so slices of grouped datasets and samples outside a view are like all others, and every write
moves `last_modified_at`, by which FiftyOne's editors notice that they are late.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, Literal

import fiftyone as fo
import fiftyone.core.sample as fos
from bson import ObjectId
from pymongo import UpdateOne

from fiftyone_ntt.dataset.labels.change_journal import Change
from fiftyone_ntt.dataset.labels.known_labels import is_watched, note_attributes, note_written
from fiftyone_ntt.dataset.labels.ownership import is_run_key
from fiftyone_ntt.dataset.labels.stored_labels import LISTS, label_id_paths, label_list, value_at
from fiftyone_ntt.errors import InputError

Document = dict[str, Any]

MODIFIED = "last_modified_at"
_Update = tuple[Document, Document]
"""A condition and what to change where it holds."""

_ATTEMPTS = 5
"""How often a sample is looked at again because somebody wrote it meanwhile."""
_CHUNK = 500
"""Samples per round trip of small changes."""


@dataclass(frozen=True)
class Held:
    """What a field of one sample held when a change was decided.

    Attributes:
        sample_id: of the sample.
        value: the field's value; None where there is none.
        absent: whether the sample's document does not even mention the field.
        modified: when the sample was last modified.
    """

    sample_id: ObjectId
    value: Any
    absent: bool
    modified: datetime | None

    @property
    def labels(self) -> list[Document]:
        """The detections that the field held."""
        if not isinstance(self.value, dict):
            return []
        return list(self.value.get("detections") or [])


@dataclass(frozen=True)
class Rewrite:
    """What a field of a sample shall hold.

    Attributes:
        value: the field's new value; None to empty it.
        removed: ids of the labels that the change takes away.
        added: how many labels it brings.
        digests: of labels that are no predictions, or were corrected, by id: to tell later whether
            they were edited.
        absent: whether the field shall not even be mentioned; then `value` is None.
        others: fields of the sample that change along: a list of the new value, or an empty one if
            the sample shall not even mention it.
        others_before: what those held, in the same way.
    """

    value: Any
    removed: Sequence[ObjectId] = ()
    added: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)
    absent: bool = False
    others: Mapping[str, list[Any]] = field(default_factory=dict)
    others_before: Mapping[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelEdit:
    """How some attributes of one label change.

    Attributes:
        before: attributes that the label still has to have; None for one that it lacks.
        put: attributes and their new values.
        take: attributes that go.
    """

    before: Mapping[str, Any]
    put: Mapping[str, Any]
    take: Sequence[str] = ()


Decide = Callable[[Held], Rewrite | None]
"""From what a sample holds to what it shall hold; None to leave it as it is."""


@dataclass
class Written:
    """What came of a change.

    Attributes:
        changed: samples that were written.
        left: samples that were left as they are, as decided.
        contested: samples that others kept writing meanwhile; left as they are.
        missing: samples that are not there any more.
    """

    changed: list[ObjectId] = field(default_factory=list)
    left: list[ObjectId] = field(default_factory=list)
    contested: list[ObjectId] = field(default_factory=list)
    missing: list[ObjectId] = field(default_factory=list)


def rewrite_field(
    dataset: fo.Dataset,
    name: str,
    ids: Iterable[ObjectId],
    decide: Decide,
    change: Change | None,
    at: datetime | None = None,
) -> Written:
    """Replace what a field of some samples holds, each only if it still holds what was decided on.

    Args:
        dataset: of the samples.
        name: of the field.
        ids: of the samples.
        decide: called with what each sample holds; again if somebody wrote it meanwhile, so it must
            not count what it sees.
        change: where to write down what was there; None for what is not undone.
        at: the time of the write, UTC, with milliseconds; now when None.

    Raises:
        pymongo.errors.PyMongoError: the database is gone, or a document is too large.
    """
    written, waiting = Written(), list(ids)
    for _ in range(_ATTEMPTS):
        held = {row.sample_id: row for row in read_field(dataset, name, waiting)}
        written.missing += [sample_id for sample_id in waiting if sample_id not in held]
        decided = {sample_id: decide(row) for sample_id, row in held.items()}
        wanted = {key: rewrite for key, rewrite in decided.items() if rewrite is not None}
        written.left += [key for key, rewrite in decided.items() if rewrite is None]
        noted = set[ObjectId]()
        if change is not None:
            noted = change.note({key: _before(held[key], row) for key, row in wanted.items()})
        updates = {
            key: (_unchanged(held[key], name), _update(name, rewrite, at or now()))
            for key, rewrite in wanted.items()
        }
        waiting = _send(dataset, updates)
        late = set(waiting)
        if change is not None and late & noted:
            # Somebody's edit came between: the sample will be changed from that, or not at all.
            change.forget_entries(late & noted)
        done = [key for key in wanted if key not in late]
        _keep_up(dataset, name, {key: (held[key], wanted[key]) for key in done})
        written.changed += done
        if not waiting:
            return written
    written.contested = waiting
    return written


def _keep_up(dataset: fo.Dataset, name: str, done: Mapping[ObjectId, tuple[Held, Rewrite]]) -> None:
    """Of a field that people edit, keep what was written, to tell it from what they do."""
    if done and is_watched(dataset, name):
        after = {
            key: (rewrite.value or {}).get("detections") or [] for key, (_, rewrite) in done.items()
        }
        pairs = {key: (held.labels, after[key]) for key, (held, _) in done.items()}
        note_written(dataset, name, pairs)


def check_uncontested(written: Written, left: str) -> None:
    """Accept a change that must be made as a whole.

    Args:
        written: what came of it.
        left: how the samples are that it could not change, for the message.

    Raises:
        InputError: it could not change some.
    """
    if written.contested:
        raise InputError(
            f"others kept writing to {len(written.contested)} samples meanwhile: there {left}. "
            "Make the same call again for them."
        )


def write_label(dataset: fo.Dataset, name: str, sample_id: str, label: Document) -> bool:
    """Write a whole field of one sample that runs alone write, such as a drawing for the App.

    Returns:
        Whether it was written: the sample may be gone, others may keep writing to it, or it may
        hold what no run wrote.
    """

    def replaced(held: Held) -> Rewrite | None:
        free = held.value is None or is_run_key(held.value.get("run"))
        return Rewrite(label) if free else None

    return bool(rewrite_field(dataset, name, [ObjectId(sample_id)], replaced, None).changed)


def tag_labels(
    dataset: fo.Dataset,
    name: str,
    labels: Mapping[str, Collection[str]],
    tag: str,
    change: Change | None,
    untag: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> int:
    """Tag labels and the samples they lie on, and only then take the tag from others: a process
    that is killed leaves the old, or both, which the same call puts right.

    Args:
        dataset: of the samples.
        name: of the field, of Detections or Polylines.
        labels: ids of the labels, by id of the sample they lie on: two samples may hold labels of
            one id.
        tag: a label tag and a sample tag.
        change: where to write down the tags that were there.
        untag: labels and samples that lose the tag, unless `labels` has them too.

    Returns:
        How many labels were tagged now.
    """
    count = 0
    put, take = _by_object_id(labels), _by_object_id(untag)
    for chunk in _chunks(list(put)):
        rows = _noted_tags(dataset, name, put, take, chunk, tag, change)
        updates = []
        for key, row in rows.items():
            gain = {label["id"] for label in row["labels"] if tag not in label["tags"]} & put[key]
            count += len(gain)
            updates.append(_tag_update(name, row["list"], key, gain, tag, "$addToSet", True))
        _send_all(dataset, updates, chunk)
    for chunk in _chunks(list(take)):
        rows = _noted_tags(dataset, name, put, take, chunk, tag, change)
        updates = []
        for key, row in rows.items():
            tagged = {label["id"] for label in row["labels"] if tag in label["tags"]}
            lose = (take[key] - put.get(key, set())) & tagged
            updates.append(_tag_update(name, row["list"], key, lose, tag, "$pull", key not in put))
        _send_all(dataset, updates, chunk)
    return count


def _noted_tags(
    dataset: fo.Dataset,
    name: str,
    put: Mapping[ObjectId, Collection[ObjectId]],
    take: Mapping[ObjectId, Collection[ObjectId]],
    ids: Sequence[ObjectId],
    tag: str,
    change: Change | None,
) -> dict[ObjectId, Document]:
    """The tags of some samples and of all their labels that a change is about; of those that it
    changes they are written down: the others may be tagged and untagged by anybody later."""
    wanted = {key: {*put.get(key, ()), *take.get(key, ())} for key in ids}
    rows = _tags_of(dataset, name, wanted, tag)
    if change is not None:
        change.note({key: {"tags": _changing(row, put.get(key))} for key, row in rows.items()})
    return rows


def _changing(row: Document, put: Collection[ObjectId] | None) -> Document:
    """Of a sample's tags what is written down: `put` are its labels that gain the tag, the others
    lose it."""
    tag = row["tag"]
    labels = [
        label for label in row["labels"] if (tag in label["tags"]) != (label["id"] in (put or ()))
    ]
    sample_changes = (tag in row["sample"]) != (put is not None)
    noted = {key: row[key] for key in ("list", "tag", "sample")}
    return {**noted, "labels": labels, "sample_changes": sample_changes}


def _by_object_id(labels: Mapping[str, Collection[str]]) -> dict[ObjectId, set[ObjectId]]:
    return {ObjectId(key): {ObjectId(i) for i in found} for key, found in labels.items()}


def restore_tags(
    dataset: fo.Dataset,
    name: str,
    entries: Iterable[Mapping[str, Any]],
    *,
    dry_run: bool = False,
) -> tuple[int, int]:
    """Give labels and samples the tags back that were written down; what somebody tagged since
    stays.

    Args:
        dataset: of the samples.
        name: of the field.
        entries: of a change of kind `tagging`.
        dry_run: only count, and write nothing.

    Returns:
        How many samples were written, and on how many labels later tags stayed.

    Raises:
        InputError: others kept writing to some samples meanwhile.
    """
    changed = kept = 0
    contested: list[ObjectId] = []
    for entry in entries:
        for _ in range(_ATTEMPTS):
            found = _restoring(dataset, name, entry)
            if found is None:
                break
            update, later = found
            if dry_run or _send_all(dataset, [update], [entry["sample"]]):
                changed, kept = changed + 1, kept + later
                break
        else:
            contested.append(entry["sample"])
    check_uncontested(Written(contested=contested), "the tags are not taken back")
    return changed, kept


def _restoring(
    dataset: fo.Dataset, name: str, entry: Mapping[str, Any]
) -> tuple[UpdateOne, int] | None:
    """How a sample gets its tags back while they are as they are now, and on how many labels later
    ones stay; None where it is gone."""
    noted, tag = entry["tags"], entry["tags"]["tag"]
    ids = {row["id"]: row["tags"] for row in noted["labels"]}
    row = _tags_of(dataset, name, {entry["sample"]: ids}, tag).get(entry["sample"])
    if row is None:
        return None
    update: Document = {MODIFIED: now()}
    if noted["sample_changes"]:
        update["tags"] = _as_before(row["sample"], noted["sample"], tag)
    filters: list[Mapping[str, Any]] = []
    kept = 0
    for number, label in enumerate(row["labels"]):
        tags = _as_before(label["tags"], ids[label["id"]], tag)
        kept += tags != ids[label["id"]]
        path = f"{name}.{row['list']}.$[l{number}].tags" if row["list"] else f"{name}.tags"
        update[path] = tags
        if row["list"]:
            filters.append({f"l{number}._id": label["id"]})
    same = {"$eq": [{"$ifNull": ["$tags", []]}, {"$literal": row["sample"]}]}
    condition = {"_id": entry["sample"], MODIFIED: row["modified"], "$expr": same}
    return UpdateOne(condition, {"$set": update}, array_filters=filters or None), kept


def _as_before(tags: Sequence[str], before: Sequence[str], tag: str) -> list[str]:
    """Tags with one of them as it was before; the others as they are."""
    if tag in before and tag not in tags:
        return list(before) if set(before) == {*tags, tag} else [*tags, tag]
    return [other for other in tags if other != tag or tag in before]


def tagged_labels(dataset: fo.Dataset, name: str, tag: str) -> dict[str, list[str]]:
    """Ids of the labels with a tag, by id of their sample; with it also samples tagged alone.

    Args:
        dataset: all of it, whatever slice of a grouped dataset is active.
        name: of the field.
        tag: of labels and samples.
    """
    paths = [f"{name}.{part}.tags" for part in LISTS] + [f"{name}.tags"]
    query = {"$or": [{path: tag} for path in ("tags", *paths)]}
    rows = dataset._sample_collection.find(query, dict.fromkeys([*paths, *label_id_paths(name)], 1))
    return {
        str(row["_id"]): [
            str(label["_id"])
            for label in label_list(value_at(row, name))[1]
            if tag in (label.get("tags") or ())
        ]
        for row in rows
    }


def set_attributes(
    dataset: fo.Dataset,
    values: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]],
) -> list[str]:
    """Note values on samples and on single labels: verdicts of an evaluation.

    Labels are found by id in what the sample holds now; those that are gone are passed over.

    Args:
        dataset: of the samples.
        values: sample fields by name, by sample id.
        labels: attributes by name, by label id, by field, by sample id.

    Returns:
        Ids of the samples that are gone, or that others kept writing meanwhile.
    """
    unwritten: list[str] = []
    for chunk in _chunks(list(values)):
        waiting = chunk
        for _ in range(_ATTEMPTS):
            updates = _attribute_updates(dataset, waiting, values, labels)
            done = dataset._sample_collection.bulk_write(updates, ordered=False)
            if done.matched_count == len(waiting):
                waiting = []
                break
            there = _present(dataset, waiting)
            unwritten += [key for key in waiting if key not in there]
            waiting = [key for key in waiting if key in there]
            if not waiting:
                break
        unwritten += waiting
        fos.Sample._reload_docs(dataset._sample_collection_name, sample_ids=chunk)
    return unwritten


def edit_labels(
    dataset: fo.Dataset, name: str, edits: Mapping[ObjectId, Mapping[ObjectId, LabelEdit]]
) -> list[ObjectId]:
    """Change attributes of single labels, which are found by their ids: wherever they lie by now.

    Args:
        dataset: of the samples.
        name: of the Detections field.
        edits: by id of the label, by id of the sample. Those of a sample are made together, if each
            label is as it was.

    Returns:
        Ids of the samples that were not written: gone, or not all of their labels as they were.
    """
    unwritten: list[ObjectId] = []
    for chunk in _chunks(list(edits)):
        at = now()
        updates = {key: _label_update(name, key, edits[key], at) for key in chunk}
        sent = dataset._sample_collection.bulk_write(list(updates.values()), ordered=False)
        if sent.matched_count < len(chunk):
            unwritten += [key for key in chunk if not _has_edits(dataset, name, key, edits[key])]
    if edits and is_watched(dataset, name):
        late = set(unwritten)
        put = {
            key: {label: edit.put for label, edit in of.items()}
            for key, of in edits.items()
            if key not in late
        }
        note_attributes(dataset, name, put)
    ids = [str(key) for key in edits]
    fos.Sample._reload_docs(dataset._sample_collection_name, sample_ids=ids)
    return unwritten


def _label_update(
    name: str, sample_id: ObjectId, edits: Mapping[ObjectId, LabelEdit], at: datetime
) -> UpdateOne:
    path, put, take = f"{name}.detections", dict[str, Any](), dict[str, str]()
    same, filters = list[Document](), list[Mapping[str, Any]]()
    for number, (label_id, edit) in enumerate(edits.items()):
        place = f"{path}.$[l{number}]"
        same.append({path: {"$elemMatch": {"_id": label_id, **edit.before}}})
        filters.append({f"l{number}._id": label_id})
        put.update({f"{place}.{key}": value for key, value in edit.put.items()})
        take.update({f"{place}.{key}": "" for key in edit.take})
    update: Document = {"$set": {**put, MODIFIED: at}, **({"$unset": take} if take else {})}
    return UpdateOne({"_id": sample_id, "$and": same}, update, array_filters=filters)


def _has_edits(
    dataset: fo.Dataset, name: str, sample_id: ObjectId, edits: Mapping[ObjectId, LabelEdit]
) -> bool:
    """Whether a sample's labels are as edits leave them."""
    wanted = [
        {"_id": label_id, **edit.put, **dict.fromkeys(edit.take)}
        for label_id, edit in edits.items()
    ]
    same = [{f"{name}.detections": {"$elemMatch": label}} for label in wanted]
    query = {"_id": sample_id, "$and": same}
    return dataset._sample_collection.find_one(query, {"_id": 1}) is not None


def _present(dataset: fo.Dataset, ids: Sequence[str]) -> set[str]:
    """Those of some samples that are still there."""
    query = {"_id": {"$in": [ObjectId(key) for key in ids]}}
    return {str(row["_id"]) for row in dataset._sample_collection.find(query, {"_id": 1})}


def read_field(
    dataset: fo.Dataset, name: str, ids: Sequence[ObjectId], only: Sequence[str] = ()
) -> Iterator[Held]:
    """What a field of some samples holds now, whatever this process remembers of it.

    Args:
        dataset: of the samples.
        name: of the field.
        ids: of the samples; of samples that are gone, nothing is told.
        only: parts of the field, as in `detections._id`; all of it when empty.
    """
    paths = [f"{name}.{part}" for part in only] or [name]
    for chunk in _chunks(list(ids)):
        found = dataset._sample_collection.find(
            {"_id": {"$in": list(chunk)}}, {MODIFIED: 1, **dict.fromkeys(paths, 1)}
        )
        for row in found:
            parent, _, last = name.rpartition(".")
            around = value_at(row, parent) if parent else row
            absent = not isinstance(around, Mapping) or last not in around
            yield Held(row["_id"], value_at(row, name), absent, row.get(MODIFIED))


def now() -> datetime:
    """The time as the database keeps it: UTC, in milliseconds."""
    time = datetime.now(timezone.utc)
    return time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=None)


def _before(held: Held, rewrite: Rewrite) -> Document:
    return {
        "value": held.value,
        "absent": held.absent,
        "removed": list(rewrite.removed),
        "added": rewrite.added,
        "digests": dict(rewrite.digests),
        **({"others": dict(rewrite.others_before)} if rewrite.others_before else {}),
    }


def _unchanged(held: Held, name: str) -> Document:
    """The condition that a sample's field is as it was.

    `last_modified_at` moves with every write of FiftyOne's. Ids, classes and tags are looked at all
    the same, for writes that do not move it.
    """
    condition: Document = {"_id": held.sample_id, MODIFIED: held.modified}
    if not isinstance(held.value, dict):
        return {**condition, name: held.value}
    labels = held.labels
    path = f"${name}.detections"
    same = [
        {"$eq": [{"$ifNull": [f"{path}.{part}", []]}, _values(labels, part)]}
        for part in ("_id", "label", "tags")
    ]
    return {**condition, "$expr": {"$and": same}}


def _values(labels: Sequence[Document], part: str) -> Document:
    # A literal: a class may be called "$price".
    return {"$literal": [label[part] for label in labels if part in label]}


def _update(name: str, rewrite: Rewrite, at: datetime) -> Document:
    wanted = {name: [] if rewrite.absent else [rewrite.value], **rewrite.others}
    put = {key: value for key, values in wanted.items() for value in values}
    gone = {key: "" for key, values in wanted.items() if not values}
    update: Document = {"$set": {**put, MODIFIED: at}}
    return {**update, "$unset": gone} if gone else update


def _send(dataset: fo.Dataset, updates: Mapping[ObjectId, _Update]) -> list[ObjectId]:
    """Send conditional updates; returns the samples whose condition did not hold."""
    if not updates:
        return []
    sent = [UpdateOne(condition, update) for condition, update in updates.values()]
    try:
        matched = dataset._sample_collection.bulk_write(sent, ordered=False).matched_count
    finally:
        fos.Sample._reload_docs(
            dataset._sample_collection_name, sample_ids=[str(key) for key in updates]
        )
    if matched == len(updates):
        return []
    # The server says how many did not match, not which.
    return [key for key, (_, update) in updates.items() if not _is_there(dataset, key, update)]


def _is_there(dataset: fo.Dataset, sample_id: ObjectId, update: Document) -> bool:
    """Whether a sample holds what an update would set."""
    wanted = update["$set"]
    # What others wrote since has moved the time; a field that was taken away shows by it alone.
    names = [name for name in wanted if name != MODIFIED] or [MODIFIED]
    row = dataset._sample_collection.find_one({"_id": sample_id}, dict.fromkeys(names, 1))
    return row is not None and all(value_at(row, name) == wanted[name] for name in names)


def _send_all(dataset: fo.Dataset, updates: list[UpdateOne], ids: Iterable[ObjectId]) -> int:
    """Send updates; returns how many found their sample."""
    if not updates:
        return 0
    matched: int = dataset._sample_collection.bulk_write(updates).matched_count
    fos.Sample._reload_docs(dataset._sample_collection_name, sample_ids=[str(key) for key in ids])
    return matched


def _tags_of(
    dataset: fo.Dataset, name: str, wanted: Mapping[ObjectId, Collection[ObjectId]], tag: str
) -> dict[ObjectId, Document]:
    parts = [f"{name}.{key}" for key in ("_id", "tags")]
    parts += [f"{name}.{part}.{key}" for part in LISTS for key in ("_id", "tags")]
    rows = dataset._sample_collection.find(
        {"_id": {"$in": list(wanted)}}, dict.fromkeys(["tags", MODIFIED, *parts], 1)
    )
    found = {}
    for row in rows:
        part, labels = label_list(value_at(row, name))
        entries = [
            {"id": label["_id"], "tags": list(label.get("tags") or [])}
            for label in labels
            if label["_id"] in wanted[row["_id"]]
        ]
        found[row["_id"]] = {
            "list": part,
            "tag": tag,
            "labels": entries,
            "sample": list(row.get("tags") or []),
            "modified": row.get(MODIFIED),
        }
    return found


def _tag_update(
    name: str,
    part: str,
    sample_id: ObjectId,
    ids: Collection[ObjectId],
    tag: str,
    verb: Literal["$pull", "$addToSet"],
    sample_too: bool,
) -> UpdateOne:
    """Put a tag on labels, or take it from them, and so with their sample."""
    update: Document = {"$set": {MODIFIED: now()}, verb: {}}
    if sample_too:
        update[verb]["tags"] = tag
    if ids and part:
        update[verb][f"{name}.{part}.$[label].tags"] = tag
        filters: list[Mapping[str, Any]] = [{"label._id": {"$in": list(ids)}}]
        return UpdateOne({"_id": sample_id}, update, array_filters=filters)
    if ids:
        update[verb][f"{name}.tags"] = tag
        return UpdateOne({"_id": sample_id, f"{name}._id": {"$in": list(ids)}}, update)
    return UpdateOne({"_id": sample_id}, update)


def _attribute_updates(
    dataset: fo.Dataset,
    ids: Sequence[str],
    values: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]],
) -> list[UpdateOne]:
    """Updates by position, which the server applies in linear time; each holds only while the
    labels are where they were read."""
    names = {name for sample_id in ids for name in labels.get(sample_id, {})}
    rows = dataset._sample_collection.find(
        {"_id": {"$in": [ObjectId(sample_id) for sample_id in ids]}},
        dict.fromkeys([f"{name}.{part}._id" for name in names for part in LISTS], 1) or {"_id": 1},
    )
    places = {str(row["_id"]): row for row in rows}
    updates = []
    for sample_id in ids:
        condition: Document = {"_id": ObjectId(sample_id)}
        changes: Document = {**values[sample_id], MODIFIED: now()}
        for name, of_labels in labels.get(sample_id, {}).items():
            part, held = label_list(value_at(places.get(sample_id, {}), name))
            for position, label in enumerate(held):
                path = f"{name}.{part}.{position}"
                attributes = of_labels.get(str(label["_id"]))
                if attributes is not None:
                    condition[f"{path}._id"] = label["_id"]
                    changes.update({f"{path}.{key}": value for key, value in attributes.items()})
        updates.append(UpdateOne(condition, {"$set": changes}))
    return updates


def _chunks(ids: list[Any]) -> Iterator[list[Any]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
