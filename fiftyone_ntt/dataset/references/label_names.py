"""What a bank calls its references: by the ids of their labels, which samples may share.

FiftyOne's `add_collection(new_ids=True)` gives copied samples new ids, and leaves their labels the
old ones. A label that shares its id is called `<label id>@<sample id>`, others by their id alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import cached_property

import fiftyone as fo
from bson import ObjectId

from fiftyone_ntt.dataset.labels.stored_labels import label_id_paths, label_list, value_at

_AT = "@"


def full_name(label_id: str, sample_id: str) -> str:
    """What means one label, whether or not it shares its id."""
    return f"{label_id}{_AT}{sample_id}"


def parts_of(name: str) -> tuple[str, str | None]:
    """A label's id, and its sample's where the name has it."""
    label_id, _, sample_id = name.partition(_AT)
    return label_id, sample_id or None


class LabelNames:
    """What labels of a field are called; the database is asked once, when it is first needed.

    Args:
        dataset: all of it, whatever slice of a grouped dataset is active.
        field: of the labels.
        ids: of the labels.
    """

    def __init__(self, dataset: fo.Dataset, field: str, ids: Collection[str]) -> None:
        self._dataset, self._field, self._ids = dataset, field, ids

    def of(self, label_id: str, sample_id: str) -> str:
        """What a label on a sample is called."""
        return full_name(label_id, sample_id) if label_id in self._shared else label_id

    @cached_property
    def _shared(self) -> set[str]:
        """Ids that labels of several samples have."""
        wanted = [ObjectId(label_id) for label_id in set(self._ids)]
        paths = label_id_paths(self._field)
        rows = self._dataset._sample_collection.find(
            {"$or": [{path: {"$in": wanted}} for path in paths]}, dict.fromkeys(paths, 1)
        )
        holders = Counter(
            label_id
            for row in rows
            for label_id in {label["_id"] for label in label_list(value_at(row, self._field))[1]}
        )
        return {str(label_id) for label_id in wanted if holders[label_id] > 1}
