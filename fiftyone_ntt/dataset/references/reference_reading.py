"""References out of a FiftyOne view, class by class, images loaded when their turn comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.images import ImageReading, image_size
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.dataset.labels.decision_writing import REJECTED
from fiftyone_ntt.dataset.labels.fields import (
    check_samples,
    label_field_type,
    sample_count,
    source_id_path,
)
from fiftyone_ntt.dataset.labels.masks import label_box, label_mask, relative_box
from fiftyone_ntt.dataset.labels.stored_labels import is_class
from fiftyone_ntt.dataset.references.label_names import LabelNames, full_name
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.errors import InputError, shown

REFERENCE_TYPES = (fol.Detections, fol.Polylines, fol.Detection, fol.Polyline)
_MAX_SHOWN = 5
_NOTHING_SHOWN = (
    "it shows no pixel of the image: its mask is empty, or it has no box of finite numbers there. "
    "Redraw it, or leave it out: untag it, or pass `label_ids` or a view without it."
)


@dataclass(frozen=True)
class _Entry:
    """Where one reference's label lies.

    Attributes:
        label: its class; text, once that is checked.
        sample_id: of the view's sample.
        owner: of the dataset's own sample: patches have ids of their own.
        label_id: alone it may mean labels of several samples.
        path: of the image.
    """

    label: Any
    sample_id: str
    owner: str
    label_id: str
    path: str


@dataclass(frozen=True)
class ClassReferences:
    """The references of one class; each iteration loads their images anew, one at a time."""

    samples: foc.SampleCollection
    field: str
    entries: tuple[_Entry, ...]
    names: LabelNames
    reading: Callable[[], ImageReading]
    on_read: Callable[[], None]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Reference]:
        times = Counter((entry.sample_id, entry.label_id) for entry in self.entries)
        owners = {entry.sample_id: entry.owner for entry in self.entries}
        view = self.samples.select(list(owners)).select_fields(self.field)
        # Of an image with many labels those alone that are wanted: loading one takes long.
        view = view.select_labels(
            ids=list({entry.label_id for entry in self.entries}), fields=self.field
        )
        for sample in view.iter_samples():
            image = self.reading().read(sample.filepath)
            for label in labels_of(sample[self.field]):
                for _ in range(times[sample.id, label.id]):
                    name = self.names.of(label.id, owners[sample.id])
                    yield label_reference(label, image, sample.filepath, name)
                    self.on_read()


def read_references(
    samples: foc.SampleCollection,
    label_field: str,
    *,
    label_tags: str | Collection[str] | None = None,
    label_ids: Collection[str] | None = None,
    classes: Sequence[str] | None = None,
    on_read: Callable[[], None] = lambda: None,
) -> dict[str, ClassReferences]:
    """The labels of a view that are to be references, by class.

    Args:
        samples: a dataset or view of images; a patches view works too.
        label_field: Detections (with masks, or boxes alone) or closed Polylines.
        label_tags: only labels with one of these tags.
        label_ids: only these labels; one that is repeated is a reference as many times. An id that
            labels of several samples share means all of them, `<label id>@<sample id>` only one.
        classes: only these classes, in this order; by name when None.
        on_read: called after each reference that was read.

    Returns:
        class to its references, at least one each. A reference's `id` is its label's name, see
        `label_names`.

    Raises:
        InputError: nothing to read (the message says which of the conditions left nothing), a
            label without a class, or image or mask files that cannot be opened.

    Example:
        >>> references = read_references(dataset, "ground_truth", label_tags="reference")
        >>> {name: len(group) for name, group in references.items()}
        {'fish': 2, 'mushroom': 2}
    """
    check_samples(samples, "reading references")
    if not sample_count(samples):
        raise InputError(
            f"{samples._root_dataset.name!r} has no samples in this view, so it holds no "
            "references. Pass a view that contains the labelled samples."
        )
    kind = label_field_type(samples, label_field, REFERENCE_TYPES)
    entries = _entries(samples, label_field, kind, label_tags, label_ids)
    _check_have_classes(entries, label_field)
    names = _class_order(entries, label_field, classes)
    chosen = [entry for entry in entries if entry.label in set(names)]
    _check_files(chosen)
    called = LabelNames(samples._root_dataset, label_field, {entry.label_id for entry in chosen})
    # Found once for all classes, when the first image is asked for: files may be surveyed for it.
    reading = cache(partial(image_reading, samples))
    return {
        name: ClassReferences(
            samples,
            label_field,
            tuple(e for e in chosen if e.label == name),
            called,
            reading,
            on_read,
        )
        for name in names
    }


def labels_of(value: fol.Label | None) -> list[fol.Label]:
    """The labels of a field's value: of a list field all, of a patch's field the one."""
    if value is None:
        return []
    if isinstance(value, fol._HasLabelList):
        return list(value[value._LABEL_LIST_FIELD])
    return [value]


def _entries(
    samples: foc.SampleCollection,
    field: str,
    kind: type[fol.Label],
    tags: str | Collection[str] | None,
    ids: Collection[str] | None,
) -> list[_Entry]:
    """The labels that pass `tags` and `ids`, in the view's order."""
    found = list(_rows(samples, field, kind))
    if not found:
        raise InputError(
            f"no sample of this view has labels in field {field!r}. Label some instances there, or "
            "pass another field or view."
        )
    wanted = {tags} if isinstance(tags, str) else set(tags or ())
    if ids is None and REJECTED not in wanted:
        found = _not_rejected(found, field)
    if tags is not None:
        present = {tag for _, label_tags in found for tag in label_tags}
        found = [row for row in found if wanted & set(row[1])]
        if not found:
            known = f"Label tags there: {', '.join(sorted(present))}" if present else "None has any"
            raise InputError(
                f"no label in field {field!r} of this view has the tag "
                f"{' or '.join(map(repr, sorted(wanted)))}. {known}. Tag labels in the App, or "
                "leave `label_tags` out."
            )
    if ids is not None:
        times = Counter(ids)
        found = [row for row in found for _ in range(_mentions(row[0], times))]
        if not found:
            raise InputError(
                f"none of the {len(times)} label ids is a label in field {field!r} of this view. "
                "Select labels of that field."
            )
    return [entry for entry, _ in found]


def _not_rejected(
    found: list[tuple[_Entry, list[str]]], field: str
) -> list[tuple[_Entry, list[str]]]:
    """What somebody rejected shows nothing, unless it is asked for by name."""
    kept = [row for row in found if REJECTED not in row[1]]
    if not kept:
        raise InputError(
            f"all {len(found)} labels in field {field!r} of this view were rejected. Accept some, "
            "or pass another field or view."
        )
    return kept


def _mentions(entry: _Entry, times: Counter[str]) -> int:
    return times[entry.label_id] + times[full_name(entry.label_id, entry.owner)]


def _rows(
    samples: foc.SampleCollection, field: str, kind: type[fol.Label]
) -> Iterator[tuple[_Entry, list[str]]]:
    listed = issubclass(kind, fol._HasLabelList)
    root = f"{field}.{kind._LABEL_LIST_FIELD}" if listed else field
    names = ["id", source_id_path(samples), "filepath"]
    columns = samples.values([*names, f"{root}.id", f"{root}.label", f"{root}.tags"])
    for sample_id, owner, path, *of_labels in zip(*columns, strict=True):
        rows = zip(*(column or [] for column in of_labels), strict=True) if listed else [of_labels]
        for label_id, label, tags in rows:
            if label_id is not None:
                yield _Entry(label, sample_id, owner, label_id, path), tags or []


def _check_have_classes(entries: list[_Entry], field: str) -> None:
    unnamed = [entry for entry in entries if not is_class(entry.label)]
    if unnamed:
        where = ", ".join(
            f"{e.label_id} ({shown(e.label)}) in {e.path}" for e in unnamed[:_MAX_SHOWN]
        )
        raise InputError(
            f"{len(unnamed)} labels in field {field!r} have no class (their `label` is no text): "
            f"{where}. Give them a class, or leave them out with `label_ids` or a filtered view."
        )


def _class_order(entries: list[_Entry], field: str, classes: Sequence[str] | None) -> list[str]:
    present = sorted({entry.label for entry in entries if entry.label})
    if classes is None:
        return present
    if isinstance(classes, str):
        classes = [classes]
    if not classes:
        raise InputError("`classes` is empty. Name at least one class, or leave it out for all.")
    missing = [name for name in classes if name not in present]
    if missing:
        raise InputError(
            f"no reference in field {field!r} of this view shows: {', '.join(missing)}. Label at "
            f"least one instance of each, or leave them out. Classes there: {', '.join(present)}."
        )
    return list(dict.fromkeys(classes))


def _check_files(entries: list[_Entry]) -> None:
    """Opens every image's header, so that hours of encoding do not end at a missing file."""
    problems = []
    for path, sample_id in {entry.path: entry.sample_id for entry in entries}.items():
        try:
            image_size(path)
        except InputError as error:
            problems.append(f"sample {sample_id}: {error}")
    if problems:
        more = f" (and {len(problems) - _MAX_SHOWN} more)" if len(problems) > _MAX_SHOWN else ""
        raise InputError("\n".join(problems[:_MAX_SHOWN]) + more)


def label_reference(
    label: fol.Label, image: UInt8[np.ndarray, "H W 3"], path: str, name: str
) -> Reference:
    """A label as a reference.

    Args:
        label: of one of `REFERENCE_TYPES` that is no list.
        image: that it lies on, RGB.
        path: of the image.
        name: of the reference, see `label_names`.

    Raises:
        InputError: its mask or shape cannot be used, or shows no pixel of the image.
    """
    size, image_name = (image.shape[0], image.shape[1]), Path(path).name
    try:
        box, mask = label_box(label, size), label_mask(label, size)
        if (relative_box(label) is None) if mask is None else not mask.any():
            raise InputError(_NOTHING_SHOWN)
        return Reference(name, image, box, mask, image_name)
    except InputError as error:
        raise InputError(f"reference {name} ({label.label}) in {path}: {error}") from error
