"""Leaving out what somebody rejected."""

from __future__ import annotations

import fiftyone.core.collections as foc
from fiftyone import ViewField as F

from fiftyone_ntt.dataset.labels.decision_writing import REJECTED
from fiftyone_ntt.dataset.labels.fields import labels_path


def without_rejected(samples: foc.SampleCollection, field: str) -> foc.SampleCollection:
    """The same samples without the labels of a field that somebody rejected.

    Args:
        samples: a dataset or view of images.
        field: of several labels.

    Returns:
        `samples` itself where nothing in the field was rejected, which costs a search.
    """
    path = f"{labels_path(samples, field)}.tags"
    if samples._root_dataset._sample_collection.find_one({path: REJECTED}, {"_id": 1}) is None:
        return samples
    return samples.filter_labels(field, ~F("tags").contains(REJECTED), only_matches=False)
