"""Whether the labels that carry a bank's tags are still those that it was built from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.banks.saved_banks import bank_source
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.stored_labels import label_id_paths, label_list, value_at

_ID = "_id"


@needs_database
def tagged_references_changed(samples: foc.SampleCollection, name: str) -> tuple[int, int] | None:
    """Whether other labels have the tags that a bank of a dataset was built from than had then.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.

    Returns:
        How many labels had the tags when it was built and how many have now, which may be equal;
        None if they are the same labels of the same classes, or it was not built from tags.

    Raises:
        InputError: no such bank.

    Example:
        >>> tagged = {"label_tags": "reference", "models": "demo"}
        >>> bank = ntt.build_memory_bank(dataset, "ground_truth", name="again", **tagged)
        >>> ntt.tagged_references_changed(dataset, "again") is None
        True
        >>> more = ntt.tag_references(dataset[:2], "ground_truth")
        >>> ntt.tagged_references_changed(dataset, "again")
        (4, 9)
    """
    dataset = samples._root_dataset
    source = bank_source(dataset, name)
    if source is None or dataset.get_field(source["field"]) is None:
        return None
    now = tagged_labels(dataset, source["field"], source["tags"])
    return None if now["digest"] == source["digest"] else (source["count"], now["count"])


def tagged_labels(dataset: fo.Dataset, field: str, tags: Collection[str]) -> dict[str, Any]:
    """Which labels of a field have one of some tags, as JSON to compare later.

    Returns:
        `field` and `tags`, the `count` of labels, and a `digest` of them and their classes.
    """
    wanted = set(tags)
    paths = [path.removesuffix(f".{_ID}") for path in label_id_paths(field)]
    shown = [f"{path}.{name}" for path in paths for name in (_ID, "label", "tags")]
    rows = dataset._sample_collection.find(
        {"$or": [{f"{path}.tags": {"$in": sorted(wanted)}} for path in paths]},
        dict.fromkeys(shown, 1),
    )
    found = sorted(
        f"{row[_ID]} {label[_ID]} {label.get('label')}"
        for row in rows
        for label in label_list(value_at(row, field))[1]
        if wanted & set(label.get("tags") or ())
    )
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()
    return {"field": field, "tags": sorted(wanted), "count": len(found), "digest": digest}
