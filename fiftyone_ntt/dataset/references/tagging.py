"""Marking labels as references by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.fields import check_samples, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_tag
from fiftyone_ntt.dataset.labels.writing import tag_labels
from fiftyone_ntt.dataset.references.reference_reading import REFERENCE_TYPES, read_references


class TaggedReferences(dict[str, int]):
    """How many labels of each class have the tag now.

    Attributes:
        kept: how many of them had it before, and keep it.
    """

    kept: int = 0


@needs_database
def tag_references(
    samples: foc.SampleCollection,
    label_field: str,
    *,
    label_ids: Collection[str] | None = None,
    tag: str = "reference",
) -> TaggedReferences:
    """Tag labels, and the samples they lie on, as references.

    The tags are those that `sample_references` puts and `build_memory_bank` reads.

    Args:
        samples: a dataset or view of images.
        label_field: Detections or Polylines.
        label_ids: only these labels, see `build_memory_bank`; all of the view's when None.
        tag: a label tag and a sample tag.

    Returns:
        How many labels of each class have the tag now, and as `kept`, how many had it before.

    Raises:
        InputError: no tag, no such field or a read-only one, or no labels to tag.

    Example:
        >>> ntt.tag_references(dataset[:2], "ground_truth")
        {'fish': 4, 'mushroom': 3}
    """
    check_samples(samples, "tagging references")
    label_field_type(samples, label_field, REFERENCE_TYPES)
    check_tag(samples, tag, label_field)
    found = read_references(samples, label_field, label_ids=label_ids)
    labels = {
        name: {(entry.owner, entry.label_id) for entry in group.entries}
        for name, group in found.items()
    }
    by_sample: dict[str, list[str]] = defaultdict(list)
    for owner, label_id in set().union(*labels.values()):
        by_sample[owner].append(label_id)
    dataset = samples._root_dataset
    change = begin_change(dataset, label_field, "tagging", tag=tag)
    tagged = tag_labels(dataset, label_field, by_sample, tag, change)
    counts = TaggedReferences({name: len(group) for name, group in labels.items()})
    counts.kept = sum(map(len, by_sample.values())) - tagged
    return counts
