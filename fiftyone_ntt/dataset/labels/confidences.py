"""How many predictions there would be at each confidence threshold."""

from __future__ import annotations

from collections import Counter

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from fiftyone import ViewField as F
from jaxtyping import Int64

from fiftyone_ntt.dataset.labels.fields import check_samples, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.rejected import without_rejected

STEPS = 100
"""Thresholds are told apart to one of this many."""
_ROUNDING = 1e-9
"""0.29 * 100 is a little less than 29, and must still count at threshold 0.29."""


@needs_database
def confidence_counts(
    samples: foc.SampleCollection, label_field: str
) -> dict[str, Int64[np.ndarray, " 101"]]:
    """Predictions per class at every confidence threshold, by one pass of the database.

    Args:
        samples: a dataset or view of images.
        label_field: Detections with confidences; one without is not counted, nor one that somebody
            rejected (see `reject`).

    Returns:
        By class: entry `t` is the number of its detections whose confidence is at least `t / 100`,
        so entry 0 counts all. The most frequent class comes first.

    Raises:
        InputError: no field of Detections.

    Example:
        >>> counts = ntt.confidence_counts(view, "predictions")
        >>> {name: int(count[50]) for name, count in counts.items()}
        {'mushroom': 7, 'fish': 3}
    """
    check_samples(samples, "counting predictions")
    label_field_type(samples, label_field, (fol.Detections,))
    if samples.get_field(f"{label_field}.detections.confidence") is None:
        return {}
    samples = without_rejected(samples, label_field)
    step = (F("confidence") * STEPS + _ROUNDING).floor()
    # One string per label and step: the database counts them, and no confidence leaves it.
    keys = samples.count_values(
        F(f"{label_field}.detections").map(step.to_string().concat(" ", F("label")))
    )
    exact: dict[str, Int64[np.ndarray, " 101"]] = {}
    for key, count in keys.items():
        if key is None:
            continue
        number, label = str(key).split(" ", 1)
        histogram = exact.setdefault(label, np.zeros(STEPS + 1, dtype=np.int64))
        histogram[min(max(int(float(number)), 0), STEPS)] += count
    totals = Counter({label: int(found.sum()) for label, found in exact.items()})
    return {label: exact[label][::-1].cumsum()[::-1] for label, _ in totals.most_common()}
