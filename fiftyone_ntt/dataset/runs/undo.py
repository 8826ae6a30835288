"""Taking back the last change of a field's labels, and what there is to take back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import islice
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
from bson import ObjectId

from fiftyone_ntt.dataset.labels.change_journal import Change, changes_of
from fiftyone_ntt.dataset.labels.coco_labels import (
    ID,
    class_list_fields,
    other_imports,
    restore_described,
)
from fiftyone_ntt.dataset.labels.correction_writing import restored_corrections
from fiftyone_ntt.dataset.labels.decision_writing import restore_decisions
from fiftyone_ntt.dataset.labels.digests import is_as_written
from fiftyone_ntt.dataset.labels.fields import declare_again, delete_if_empty
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_still_there, check_writable
from fiftyone_ntt.dataset.labels.ownership import owner_of
from fiftyone_ntt.dataset.labels.prediction_writing import samples_of_run, was_moved
from fiftyone_ntt.dataset.labels.writing import (
    Held,
    Rewrite,
    check_uncontested,
    restore_tags,
    rewrite_field,
)
from fiftyone_ntt.dataset.work.leases import hold_field
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.dataset.work.stored_runs import drop_run, restore_run
from fiftyone_ntt.errors import InputError

Document = dict[str, Any]


@dataclass(frozen=True)
class HistoryEntry:
    """A change that can be undone.

    Attributes:
        field: whose labels changed.
        kind: `run`, `deletion`, `tagging`, `import`, `corrections` (see `import_prelabels`), or
            `decisions`: all that were made after the change before.
        at: when it began.
        run: key of the run that made it, or that was deleted.
        tag: that was put.
        samples: how many it touched.
        labels: that came, went, or were tagged.
        bytes: what keeping it costs in the database.
    """

    field: str
    kind: str
    at: datetime
    run: str | None
    tag: str | None
    samples: int
    labels: int
    bytes: int

    def __str__(self) -> str:
        what = self.run or (f"tag {self.tag!r}" if self.tag else "")
        return (
            f"{self.at:%Y-%m-%d %H:%M} {self.field}: {self.kind} {what} ({self.labels} labels in "
            f"{self.samples} samples, {self.bytes / 1e6:.1f} MB kept)"
        )


@dataclass(frozen=True)
class UndoReport:
    """What `undo` did.

    Attributes:
        change: what was taken back.
        samples: that hold what they held before; of a dry run, that would.
        kept: labels that somebody added, tagged, edited or removed since; they stay as they are
            now.
    """

    change: HistoryEntry
    samples: int
    kept: int

    def __str__(self) -> str:
        text = f"{self.change.field}: {self.change.kind} taken back in {self.samples} samples"
        return text + (f", {self.kept} later changes of yours kept" if self.kept else "")


@needs_database
def history(
    samples: foc.SampleCollection, label_field: str | None = None, *, newest: int | None = None
) -> list[HistoryEntry]:
    """The changes of labels that `undo` can take back, the newest first.

    The last 20 of a dataset are kept, and at most 1 GiB of them: what a change replaced is kept in
    the database, and costs what it took there.

    Args:
        samples: the dataset, or a view of it.
        label_field: only this field's.
        newest: only so many; counting what each touched takes most of the time. All when None.

    Example:
        >>> _ = ntt.tag_references(dataset[:2], "ground_truth", tag="good")
        >>> [(entry.kind, entry.tag, entry.labels) for entry in ntt.history(dataset)]
        [('tagging', 'good', 7)]
    """
    changes = changes_of(samples._root_dataset, label_field)
    return [_entry(change) for change in islice(changes, newest)]


@needs_database
def undo(
    samples: foc.SampleCollection, label_field: str | None = None, *, dry_run: bool = False
) -> UndoReport:
    """Take back the last change of labels by this package: run, relabel, deletion, tagging, import,
    corrections, or a round of decisions (see `accept`).

    Every sample holds what it held before: the same labels, ids and order. What somebody changed
    since stays as it is now, and is counted. Images that an import added stay, without its labels.
    Call again for the change before.

    Args:
        samples: the dataset, or a view of it; the change is taken back in the whole dataset.
        label_field: the last change of this field; of any field when None.
        dry_run: only say what would be taken back and kept.

    Raises:
        InputError: there is nothing to take back, a run holds the field, it is read-only, or others
            kept writing to some samples meanwhile.

    Example:
        >>> [run] = ntt.list_prediction_runs(dataset)
        >>> count = dataset.count("predictions.detections")
        >>> _ = ntt.delete_run_predictions(dataset, run)
        >>> print(ntt.undo(dataset))
        predictions: deletion taken back in 3 samples
        >>> dataset.count("predictions.detections") == count
        True
    """
    dataset = samples._root_dataset
    refresh(dataset)
    change = next(changes_of(dataset, label_field), None)
    if change is None:
        where = f"field {label_field!r} of " if label_field else ""
        raise InputError(f"{where}{dataset.name!r} has no change of this package to take back.")
    if not _went_with_field(change):
        _require_field(dataset, change)
    entry = _entry(change)
    if dry_run:
        return UndoReport(entry, *_take_back(dataset, change, dry_run=True))
    with hold_field(dataset, change.field, f"undo of {change.run or change.kind}"):
        refresh(dataset)
        _require_last(dataset, change)
        _bring_field_back(dataset, change)
        _require_field(dataset, change)
        check_writable(dataset, change.field, *(["tags"] if change.tag else []))
        undone = _take_back(dataset, change)
        _record_back(dataset, change)
        if change.described is not None and not undone[1]:
            _import_back(dataset, change, change.described)
        change.forget()
    return UndoReport(entry, *undone)


def _require_field(dataset: fo.Dataset, change: Change) -> None:
    """Refuse to take a change back whose field is gone: nothing would be, and it be forgotten."""
    if dataset.get_field(change.field) is None:
        raise InputError(
            f"field {change.field!r} of {dataset.name!r}, which the last change is of, was deleted "
            "or renamed. Rename it back, or pass `label_field` for the last change of another."
        )


def _went_with_field(change: Change) -> bool:
    """Whether a change deleted its field, which nothing was left in."""
    return change.kind == "deletion" and change.created


def _bring_field_back(dataset: fo.Dataset, change: Change) -> None:
    """Declare a field again that went with what was deleted."""
    if _went_with_field(change) and dataset.get_field(change.field) is None:
        declare_again(dataset, change.field, (change.run_document or {}).get("attributes", {}))


def _require_last(dataset: fo.Dataset, change: Change) -> None:
    """Refuse a change that was chosen before its field was held, if it is no longer the last."""
    last = next(changes_of(dataset, change.field), None)
    if last is None or last.id != change.id:
        raise InputError(
            f"labels of field {change.field!r} of {dataset.name!r} were changed, or a change taken "
            "back, by another call at this moment. Look at `history`, and call again."
        )


def _entry(change: Change) -> HistoryEntry:
    at = change.at.replace(tzinfo=timezone.utc)
    return HistoryEntry(change.field, change.kind, at, change.run, change.tag, *change.extent())


def _take_back(dataset: fo.Dataset, change: Change, *, dry_run: bool = False) -> tuple[int, int]:
    """How many samples hold what they held before, and how many later changes stay."""
    if change.tag:
        return restore_tags(dataset, change.field, change.entries(), dry_run=dry_run)
    if change.kind == "decisions":
        return restore_decisions(dataset, change.field, change.entries(), dry_run=dry_run)
    total = kept = 0
    ids = change.samples()
    ids_serve_others = change.kind == "import" and other_imports(dataset, change.field)
    for start in range(0, len(ids), 100):
        if not dry_run:
            check_still_there(dataset, change.field, "undo")
        entries = {row["sample"]: row for row in change.entries(ids[start : start + 100])}
        counts: dict[ObjectId, int] = {}

        def decide(
            held: Held, entries: Mapping[ObjectId, Document] = entries, counts: Any = counts
        ) -> Rewrite | None:
            entry = entries[held.sample_id]
            rewrite, counts[held.sample_id] = restored(held, entry, change)
            if dry_run:
                return None
            if rewrite is None:
                return rewrite
            others = dict(entry.get("others", {}))
            if ids_serve_others:
                others.pop(ID, None)
            return replace(rewrite, others=others)

        written = rewrite_field(dataset, change.field, list(entries), decide, None)
        check_uncontested(written, "the change is not taken back")
        done = [*written.changed, *written.left]
        total += len(done)
        kept += sum(counts[key] for key in done)
    return total, kept


def restored(held: Held, entry: Document, change: Change) -> tuple[Rewrite | None, int]:
    """What a sample shall hold again, and how many later changes of its labels stay.

    Args:
        held: by the sample now.
        entry: what it held before the change.
        change: that is taken back.
    """
    if change.kind == "corrections":
        return restored_corrections(held, entry)
    before: Document | None = entry["value"]
    if held.value == before:  # an undo that was interrupted came this far
        return (None if held.absent == entry["absent"] else Rewrite(None, absent=True)), 0
    old = {} if before is None else {label["_id"]: label for label in before["detections"]}
    now = {label["_id"]: label for label in held.labels}
    removed = set(entry["removed"])
    labels, kept = [], 0
    for key, label in old.items():
        if key in now:
            labels.append(now[key])
            kept += now[key] != label
        elif key in removed:
            labels.append(label)
        else:
            kept += 1  # somebody deleted it since
    moved = was_moved(held)
    added = [label for key, label in now.items() if key not in old]
    later = [label for label in added if not _is_of(label, change, entry, moved)]
    gone = entry["added"] - sum(label.get("run") == change.run for label in added)
    kept += len(later) + (max(gone, 0) if change.kind == "run" else 0)
    labels += later
    if before is None and not labels:
        return Rewrite(None, absent=entry["absent"]), kept
    around = before if before is not None else {**held.value, "run": None}
    return Rewrite({**around, "detections": labels}), kept


def _is_of(label: Document, change: Change, entry: Document, moved: bool) -> bool:
    """Whether a label is as the change wrote it."""
    if change.kind == "import":
        written = entry["digests"].get(str(label["_id"]))
        return not label.get("tags") and is_as_written(label, written)
    return label.get("run") == change.run and owner_of(label, moved=moved) == "untouched"


def _record_back(dataset: fo.Dataset, change: Change) -> None:
    """The run's record, and the field, as they were before."""
    if change.run_document is not None:
        restore_run(dataset, change.run_document)
    if change.kind == "run" and change.run is not None:
        if not samples_of_run(dataset, change.field, change.run):
            drop_run(dataset, change.run)
        if change.created:
            delete_if_empty(dataset, change.field)


def _import_back(dataset: fo.Dataset, change: Change, described: Document) -> None:
    """What the dataset said of the field, and its fields, as they were before."""
    refresh(dataset)
    restore_described(dataset, change.field, described)
    if change.created:
        for name in (change.field, *class_list_fields(change.field).values()):
            delete_if_empty(dataset, name)
    if not described["has_ids"]:
        delete_if_empty(dataset, ID)
