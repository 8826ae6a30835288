"""Taking back what a run wrote."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
from fiftyone import ViewField as F

from fiftyone_ntt.errors import InputError

_METHODS = ("ntt_segment", "ntt_boxes_to_masks")
"""Not imported from their modules: those need torch, and this does not."""


def list_prediction_runs(samples: foc.SampleCollection) -> dict[str, dict[str, Any]]:
    """The runs that wrote detections, by key: their `field`, `status`, `bank` and time of update.

    Example:
        >>> ntt.list_prediction_runs(dataset)
        {'ntt_predictions_...': {'method': 'ntt_segment', 'field': 'predictions',
                                 'status': 'COMPLETED', 'bank': 'shapes', ...}}
    """
    dataset = samples._root_dataset
    runs = {}
    for key in (key for method in _METHODS for key in dataset.list_runs(method=method)):
        config: Any = dataset.get_run_info(key).config
        names = ("method", "field", "status", "bank", "updated", "done", "failed", "reason")
        runs[key] = {name: getattr(config, name, None) for name in names}
    return runs


def delete_run_predictions(samples: foc.SampleCollection, run: str) -> int:
    """Delete the detections that a run wrote, and the run.

    Detections of other origins in the same field stay. A sample left without any is as if it had
    never been segmented.

    Args:
        samples: the dataset, or a view of it; the run's detections go from the whole dataset.
        run: its key, as `segment` reports it and each detection's `run` says.

    Returns:
        How many detections were deleted.

    Raises:
        InputError: no such run.

    Example:
        >>> [run] = ntt.list_prediction_runs(dataset)
        >>> count = dataset.count("predictions.detections")
        >>> ntt.delete_run_predictions(dataset, run) == count
        True
        >>> dataset.count("predictions.detections")
        0
    """
    dataset = samples._root_dataset
    runs = list_prediction_runs(dataset)
    if run not in runs:
        known = f"Pass one of: {', '.join(runs)}." if runs else "It has none."
        raise InputError(f"dataset {dataset.name!r} has no run {run!r} of predictions. {known}")
    field = runs[run]["field"]
    count = 0
    # The field may have been deleted by hand in the meantime; then the run is all there is.
    if dataset.get_field(f"{field}.detections.run") is not None:
        count = _delete_detections(dataset, field, run)
    dataset.delete_run(run)
    return count


def _delete_detections(dataset: fo.Dataset, field: str, run: str) -> int:
    written = dataset.filter_labels(field, F("run") == run)
    count = int(written.count(f"{field}.detections"))
    dataset.delete_labels(view=written, fields=field)
    finished = dataset.match(F(f"{field}.run") == run)
    emptied = finished.match(F(f"{field}.detections").length() == 0)
    emptied.set_values(field, [None] * len(emptied))
    # What others added there stays, but the sample no longer counts as done by the run.
    kept = dataset.match(F(f"{field}.run") == run)
    kept.set_values(f"{field}.run", [None] * len(kept))
    return count
