"""Finding labels again by their names: a bank names its references so, and not where they lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
from bson import ObjectId

from fiftyone_ntt.dataset.labels.fields import label_fields
from fiftyone_ntt.dataset.references.label_names import parts_of
from fiftyone_ntt.dataset.references.reference_reading import REFERENCE_TYPES


@dataclass(frozen=True)
class LabelPlace:
    """Where a label lies: only both ids together mean one label."""

    sample_id: str
    label_id: str


Places = dict[str, dict[str, LabelPlace]]
"""Field to a label's name to where it lies."""


def find_labels(samples: foc.SampleCollection, names: Collection[str]) -> Places:
    """Where labels lie that can be references.

    Args:
        samples: a view of images, or `all_images` of a dataset.
        names: of labels, see `label_names`; of which some may be gone, or no labels' at all.

    Returns:
        The fields that hold some of them, the one with most first. A label that lies in several
        fields (a cloned field keeps its ids) is found in the first of these alone.
    """
    found = {field: labels_in_field(samples, field, names) for field in _fields(samples)}
    places: Places = {}
    known: set[str] = set()
    for field in sorted(found, key=lambda name: -len(found[name])):
        new = {name: place for name, place in found[field].items() if name not in known}
        known |= new.keys()
        if new:
            places[field] = new
    return places


def _fields(samples: foc.SampleCollection) -> list[str]:
    return list(label_fields(samples, REFERENCE_TYPES))


def labels_in_field(
    samples: foc.SampleCollection, field: str, names: Collection[str]
) -> dict[str, LabelPlace]:
    """Where those labels lie that a field holds, by their names.

    A name that does not say the sample, though several share the label's id by now, means the label
    of the first: copies are added behind what they were made of.
    """
    wanted: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for name in names:
        label_id, sample_id = parts_of(name)
        # A bank made of COCO files names its references by other ids, which MongoDB refuses.
        if ObjectId.is_valid(label_id):
            wanted[label_id].append((name, sample_id))
    kind = label_fields(samples, REFERENCE_TYPES)[field]
    listed = issubclass(kind, fol._HasLabelList)
    path = f"{field}.{kind._LABEL_LIST_FIELD}.id" if listed else f"{field}.id"
    view = samples.select_labels(ids=list(wanted), fields=field)
    found: dict[str, LabelPlace] = {}
    for sample_id, labels in zip(*view.values(["id", path]), strict=True):
        for label_id in labels if isinstance(labels, list) else [labels]:
            for name, owner in wanted.get(label_id, ()):
                if owner in (None, sample_id):
                    found.setdefault(name, LabelPlace(sample_id, label_id))
    return found
