"""Labels that people edit in FiftyOne's App: made editable there, and what they did, learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
from bson import ObjectId

from fiftyone_ntt.core.images import known_size
from fiftyone_ntt.core.rle import RLE, encode_masks
from fiftyone_ntt.dataset.banks.saved_banks import list_memory_banks, resolve_bank
from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.correction_writing import (
    CORRECTED,
    CORRECTION_FIELDS,
    Corrected,
    Correction,
    What,
    write_corrections,
)
from fiftyone_ntt.dataset.labels.decision_writing import PREDICTED, REVIEWED_BY, Decision
from fiftyone_ntt.dataset.labels.detections import ATTRIBUTES
from fiftyone_ntt.dataset.labels.digests import digest_if_any
from fiftyone_ntt.dataset.labels.fields import all_images, check_samples, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.known_labels import (
    is_watched,
    known_labels,
    note_times,
    touched_samples,
    watch,
)
from fiftyone_ntt.dataset.labels.masks import Size, detection_mask, label_box
from fiftyone_ntt.dataset.labels.names import check_writable
from fiftyone_ntt.dataset.labels.ownership import owner_of
from fiftyone_ntt.dataset.labels.screen_edits import merged_edit
from fiftyone_ntt.dataset.labels.stored_labels import StoredLabel, is_class, unpack_array
from fiftyone_ntt.dataset.labels.writing import Held, read_field
from fiftyone_ntt.dataset.review.decisions import declare_attributes
from fiftyone_ntt.dataset.runs.run_deletion import last_prediction_run
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError

_CHUNK = 100
"""Samples that are looked at together."""
_SHOWN = ("confidence", *ATTRIBUTES, PREDICTED, REVIEWED_BY, CORRECTED)
"""Attributes that people see beside a label and cannot change."""
_NUMBERS = ("confidence", "margin")
_COLUMNS = ("filepath", "metadata.height", "metadata.width")


@dataclass(frozen=True)
class EditReport:
    """What `learn_from_edits` found and wrote.

    Attributes:
        relabelled: labels of another class: accepted.
        redrawn: labels with another mask or box: accepted.
        rejected: labels that were deleted; they are back, tagged `rejected`.
        added: new labels with a class: accepted.
        restored: masks that the App had only drawn on the screen's grid; they are as they were.
        unnamed: new labels without a class, left as they are.
        contested: samples that somebody kept writing to, or that are gone; as they were.

    Example:
        >>> print(ntt.EditReport(relabelled=2, rejected=1, unnamed=1))
        2 given another class, 1 deleted: back, as rejected, 1 without a class: left
    """

    relabelled: int = 0
    redrawn: int = 0
    rejected: int = 0
    added: int = 0
    restored: int = 0
    unnamed: int = 0
    contested: int = 0

    def __str__(self) -> str:
        told = {
            "given another class": self.relabelled,
            "with another mask": self.redrawn,
            "deleted: back, as rejected": self.rejected,
            "added": self.added,
            "only drawn on the screen's grid: as they were": self.restored,
            "without a class: left": self.unnamed,
            "in samples that others write to: left": self.contested,
        }
        found = ", ".join(f"{count} {what}" for what, count in told.items() if count)
        return found or "no edits"


@needs_database
def make_editable(
    samples: foc.SampleCollection,
    label_field: str,
    bank: Any = None,
    *,
    classes: Sequence[str] = (),
) -> list[str]:
    """Let people edit a field's labels in the App, so that `learn_from_edits` finds what they did.

    Writes FiftyOne's label schema of the field and makes it active: the classes to choose from, and
    what predictions say of themselves to read. From now on all its labels are kept a second time,
    in a collection of the database, as the App leaves no trace of edits. Do this before a sample
    is opened: an editor that is open knows nothing of it.

    Change classes in a patches view, which FiftyOne 1.22 writes by label id, and masks in an opened
    sample. There it writes by position and, if a run wrote meanwhile, all labels as it knew them:
    close samples before a run, and reload the page after it.

    Args:
        samples: the dataset, or a view of it; the whole field is made editable.
        label_field: Detections.
        bank: whose classes can be chosen; that of the field's last run when None, if there is one.
        classes: others that can be chosen, besides those of the labels.

    Returns:
        The classes that can be chosen.

    Raises:
        InputError: no such field, a read-only one, no such bank, or no classes at all.

    Example:
        >>> ntt.make_editable(dataset, "predictions", classes=["heron"])
        ['fish', 'heron', 'mushroom']
        >>> print(ntt.learn_from_edits(dataset, "predictions"))
        no edits
    """
    dataset = samples._root_dataset
    refresh(dataset)
    check_samples(samples, "editing labels")
    label_field_type(all_images(dataset), label_field, (fol.Detections,))
    check_writable(dataset, label_field)
    choices = sorted({*_classes(dataset, label_field, bank), *classes})
    if not choices:
        raise InputError(
            f"there are no classes to choose from for field {label_field!r}: pass the bank, or "
            "classes."
        )
    declare_attributes(dataset, label_field, CORRECTION_FIELDS)
    dataset.update_label_schema(label_field, _schema(dataset, label_field, choices))
    watch(dataset, label_field)
    dataset.activate_label_schemas(label_field)
    return choices


def _classes(dataset: fo.Dataset, field: str, bank: Any) -> set[str]:
    found = set(all_images(dataset).distinct(f"{field}.detections.label"))
    if bank is None:
        last = (last_prediction_run(dataset, field) or {}).get("bank")
        there = {summary.name for summary in list_memory_banks(dataset)}
        bank = last if last in there else None
    return found if bank is None else found | set(resolve_bank(dataset, bank).classes)


def _schema(dataset: fo.Dataset, field: str, classes: list[str]) -> dict[str, Any]:
    """FiftyOne's description of what can be edited; attributes that it does not list are hidden
    and kept."""
    # In the process that made a field, FiftyOne 1.22 knows its own attributes after a reload only.
    dataset.reload()
    declared = {part.name for part in dataset.get_field(f"{field}.detections").field.fields}
    kinds = {name: "float" if name in _NUMBERS else "str" for name in _SHOWN if name in declared}
    attributes = [
        {"name": name, "type": kind, "component": "text", "read_only": True}
        for name, kind in kinds.items()
    ]
    return {
        "type": "detections",
        "component": "dropdown",
        "classes": classes,
        "attributes": attributes,
    }


@needs_database
def learn_from_edits(
    samples: foc.SampleCollection, label_field: str, *, reviewer: str | None = None
) -> EditReport:
    """Take what people did to labels in the App, or wherever else, as decisions.

    A label of another class or with another mask is accepted (`predicted_label` and `corrected` say
    what it was), a deleted one comes back tagged `rejected`, so that no run writes it at its place
    again, and a new one with a class is accepted. Of a mask that was edited, what nobody touched is
    as it was: FiftyOne 1.22 draws all of it anew on the screen's grid. Each edit is learned once;
    one `undo` takes all back that a call wrote, and leaves the edits.

    Args:
        samples: the dataset, or a view of the images to look at.
        label_field: that `make_editable` was called for.
        reviewer: who edited, where anybody knows.

    Raises:
        InputError: the field was not made editable, is gone, or is read-only.

    Example:
        >>> _ = ntt.make_editable(dataset, "predictions")
        >>> sample = view.first()
        >>> sample.predictions.detections[0].label = "striped kite"
        >>> sample.save()
        >>> print(ntt.learn_from_edits(dataset, "predictions"))
        1 given another class
    """
    dataset = samples._root_dataset
    refresh(dataset)
    label_field_type(all_images(dataset), label_field, (fol.Detections,))
    check_writable(dataset, label_field)
    if not is_watched(dataset, label_field):
        raise InputError(
            f"field {label_field!r} of {dataset.name!r} was not made editable, so what people "
            "edited is not known. Call `make_editable` before they begin."
        )
    wanted = set(samples.values("id")) if isinstance(samples, fo.DatasetView) else None
    touched = [
        key for key in touched_samples(dataset, label_field) if wanted is None or str(key) in wanted
    ]
    declare_attributes(dataset, label_field, CORRECTION_FIELDS)
    return _learn(dataset, label_field, touched, reviewer)


def _learn(
    dataset: fo.Dataset, name: str, touched: list[ObjectId], reviewer: str | None
) -> EditReport:
    total, unnamed = Corrected(), 0
    change = begin_change(dataset, name, "corrections")
    for start in range(0, len(touched), _CHUNK):
        chunk = touched[start : start + _CHUNK]
        known, sizes = known_labels(dataset, name, chunk), _sizes(dataset, chunk)
        found: dict[ObjectId, list[Correction]] = {}
        seen: dict[ObjectId, Held] = {}
        for held in read_field(dataset, name, chunk):
            edits = _Edits(held, known[held.sample_id], sizes[held.sample_id], reviewer)
            found[held.sample_id] = list(edits.corrections())
            seen[held.sample_id] = held
            unnamed += edits.unnamed
        note_times(dataset, name, {key: held.modified for key, held in seen.items()})
        edited = {key: of for key, of in found.items() if of}
        part = write_corrections(dataset, name, edited, sizes, change)
        total.counts.update(part.counts)
        total.contested += [*part.contested, *part.missing]
    if not change.samples():
        change.forget()
    counts: Counter[What] = total.counts
    return EditReport(
        counts["relabelled"],
        counts["redrawn"],
        counts["rejected"],
        counts["added"],
        counts["restored"],
        unnamed,
        len(total.contested),
    )


def _sizes(dataset: fo.Dataset, ids: Iterable[ObjectId]) -> dict[ObjectId, Size]:
    rows = dataset._sample_collection.find({"_id": {"$in": list(ids)}}, dict.fromkeys(_COLUMNS, 1))
    found = {}
    for row in rows:
        metadata = row.get("metadata") or {}
        found[row["_id"]] = known_size(
            row["filepath"], metadata.get("height"), metadata.get("width")
        )
    return found


class _Edits:
    """What somebody did to the labels of a sample.

    Args:
        held: by the sample now.
        known: its labels as they were left.
        size: height and width of the image.
        reviewer: who edited.

    Attributes:
        unnamed: new labels without a class.
    """

    def __init__(
        self,
        held: Held,
        known: Mapping[ObjectId, dict[str, Any]],
        size: Size,
        reviewer: str | None,
    ) -> None:
        self.unnamed = 0
        self._held, self._known, self._size, self._reviewer = held, known, size, reviewer

    def corrections(self) -> Iterator[Correction]:
        """One for each label that somebody changed, removed or made."""
        now = {label["_id"]: label for label in self._held.labels}
        for key, label in now.items():
            before = self._known.get(key)
            if before is not None:
                yield from self._changed(before, label)
            elif owner_of(label) != "untouched":  # else a run was killed before it noted that
                yield from self._made(label)
        for key, before in self._known.items():
            if key not in now:
                decision = Decision("reject", None, self._reviewer)
                yield self._correction(before, decision, removed=before)

    def _changed(self, before: dict[str, Any], label: dict[str, Any]) -> Iterator[Correction]:
        renamed = label.get("label") != before.get("label") and is_class(label.get("label"))
        # As if the class were the same: what is left is the shape.
        shape = {**label, "label": before.get("label")}
        drawn = digest_if_any(shape) != digest_if_any(before)
        rle, redrawn = self._mask(before, label) if drawn else (None, False)
        decision = Decision("accept", label.get("label"), self._reviewer)
        if renamed or redrawn:
            found = self._correction(label, decision, known_as=before.get("label"))
            # A mask that is only drawn anew goes back, whatever the class.
            yield replace(found, rle=rle, redrawn=redrawn or (drawn and rle is not None))
        elif drawn and rle is not None:
            yield replace(self._correction(label, None), rle=rle, redrawn=True)

    def _mask(self, before: dict[str, Any], label: dict[str, Any]) -> tuple[RLE | None, bool]:
        """The mask that a label shall have, None for the one it has; and whether it was edited."""
        old = detection_mask(StoredLabel(before), self._size)
        new = detection_mask(StoredLabel(label), self._size)
        if old is None or new is None:
            return None, True
        merged = merged_edit(old, new, self._cell(label))
        if not merged.any():
            return None, True
        [rle] = encode_masks(merged[None])
        return rle, bool((merged != old).any())

    def _cell(self, label: dict[str, Any]) -> tuple[float, float]:
        """Height and width of a cell of the grid that a mask was drawn on, in pixels."""
        packed, box = label.get("mask"), label.get("bounding_box")
        if packed is None or not box:
            return 1.0, 1.0
        rows, columns = unpack_array(packed).shape[:2]
        _, _, width, height = label_box(StoredLabel(label), self._size)
        return max(1.0, height / max(rows, 1)), max(1.0, width / max(columns, 1))

    def _made(self, label: dict[str, Any]) -> Iterator[Correction]:
        if is_class(label.get("label")):
            yield self._correction(label, Decision("accept", None, self._reviewer))
        else:
            self.unnamed += 1

    def _correction(
        self,
        label: dict[str, Any],
        decision: Decision | None,
        known_as: str | None = None,
        removed: dict[str, Any] | None = None,
    ) -> Correction:
        return Correction(
            label["_id"],
            decision,
            label.get("label") or "",
            None,
            (0.0, 0.0, 0.0, 0.0),
            proposal=None,
            known_as=known_as,
            in_place=removed is None,
            removed=removed,
        )
