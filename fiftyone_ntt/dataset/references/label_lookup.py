"""Finding labels again by their ids: a bank names its references so, and not where they lie."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
from bson import ObjectId

from fiftyone_ntt.dataset.references.reference_reading import REFERENCE_TYPES

Places = dict[str, dict[str, str]]
"""Field to label id to the id of the sample it lies on."""


def find_labels(samples: foc.SampleCollection, ids: Collection[str]) -> Places:
    """Where labels lie that can be references.

    Args:
        samples: a dataset or view of images.
        ids: label ids, of which some may be gone, or no label ids at all.

    Returns:
        The fields that hold some of them, the one with most first. An id that lies in several
        fields (a cloned field keeps its ids) is found in the first of these alone.
    """
    # A bank made of COCO files names its references by other ids, which MongoDB refuses.
    valid = [label_id for label_id in ids if ObjectId.is_valid(label_id)]
    found = {
        field: dict(_labels_in_field(samples, field, path, valid))
        for field, path in _label_fields(samples)
    }
    places: Places = {}
    known: set[str] = set()
    for field in sorted(found, key=lambda name: -len(found[name])):
        new = {label: sample for label, sample in found[field].items() if label not in known}
        known |= new.keys()
        if new:
            places[field] = new
    return places


def _label_fields(samples: foc.SampleCollection) -> Iterator[tuple[str, str]]:
    """Fields of labels, and the path of their ids."""
    for name, field in samples.get_field_schema(ftype=fof.EmbeddedDocumentField).items():
        kind = field.document_type
        if issubclass(kind, REFERENCE_TYPES):
            listed = issubclass(kind, fol._HasLabelList)
            yield name, f"{name}.{kind._LABEL_LIST_FIELD}.id" if listed else f"{name}.id"


def _labels_in_field(
    samples: foc.SampleCollection, field: str, path: str, ids: list[str]
) -> Iterator[tuple[str, str]]:
    """Label ids and their samples' ids."""
    view = samples.select_labels(ids=ids, fields=field)
    for sample_id, labels in zip(*view.values(["id", path]), strict=True):
        for label_id in labels if isinstance(labels, list) else [labels]:
            if label_id is not None:
                yield label_id, sample_id
