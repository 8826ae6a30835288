"""Taking back what a run wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.fields import declared_attributes, delete_if_empty
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_writable
from fiftyone_ntt.dataset.labels.prediction_writing import (
    Kept,
    describe_kept,
    describe_unknown,
    remove_predictions,
)
from fiftyone_ntt.dataset.runs.run_calls import METHODS
from fiftyone_ntt.dataset.work.leases import hold_field
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.dataset.work.stored_runs import drop_run, run_configs, run_document
from fiftyone_ntt.errors import InputError

_TOLD = (
    "method",
    "field",
    "status",
    "bank",
    "updated",
    "done",
    "failed",
    "reason",
    "mode",
    "proposal_settings",
    "match_settings",
    "bank_hash",
)
"""What is told of each run."""


@needs_database
def list_prediction_runs(samples: foc.SampleCollection) -> dict[str, dict[str, Any]]:
    """The runs that wrote detections, by key: their `field`, `status`, `bank`, `mode` and more.

    Example:
        >>> ntt.list_prediction_runs(dataset)
        {'ntt_predictions_...': {'method': 'ntt_segment', 'field': 'predictions',
                                 'status': 'COMPLETED', 'bank': 'shapes', ...}}
    """
    configs = run_configs(samples._root_dataset, METHODS, _TOLD)
    return {key: {name: config.get(name) for name in _TOLD} for key, config in configs.items()}


@needs_database
def last_prediction_run(samples: foc.SampleCollection, field: str) -> dict[str, Any] | None:
    """The run that wrote a field last, as `list_prediction_runs` has it; None if none did.

    Example:
        >>> ntt.last_prediction_run(dataset, "predictions")["mode"]
        'paper'
    """
    runs = [run for run in list_prediction_runs(samples).values() if run["field"] == field]
    return max(runs, key=lambda run: str(run["updated"]), default=None)


@dataclass(frozen=True)
class DeletionReport:
    """What `delete_run_predictions` did.

    Attributes:
        run: key of the run.
        deleted: detections that were deleted.
        kept: detections of the run that somebody reviewed, which stay, by why: `tagged` or
            `edited`.
        unknown: of those deleted, detections of earlier versions, of which it is unknown whether
            anybody edited them.
        field: that is gone too, for nothing was left in it; None where it stays.

    Example:
        >>> print(ntt.DeletionReport("ntt_predictions_1f0c7a3e", 512, {"tagged": 3}))
        512 detections of run ntt_predictions_1f0c7a3e deleted, 3 of yours kept (3 tagged)
    """

    run: str
    deleted: int
    kept: dict[str, int]
    unknown: int = 0
    field: str | None = None

    def __str__(self) -> str:
        deleted = f"{self.deleted} detections of run {self.run} deleted"
        parts = [deleted + describe_unknown(self.unknown), *describe_kept(0, self.kept)]
        parts += [f"field {self.field!r} with them"] if self.field else []
        return ", ".join(parts)


@needs_database
def delete_run_predictions(
    samples: foc.SampleCollection,
    run: str,
    *,
    replace_reviewed: bool = False,
    empty_field: bool = False,
) -> DeletionReport:
    """Delete the detections that a run wrote, and the run.

    Detections of other origins in the same field stay, and so do those that somebody tagged or
    edited. A sample left without any is as if it had never been segmented. `undo` takes it back.

    Args:
        samples: the dataset, or a view of it; the run's detections go from the whole dataset.
        run: its key, as `segment` reports it and each detection's `run` says.
        replace_reviewed: also delete those that somebody tagged or edited.
        empty_field: also delete the field, if a run made it and nothing is left in it.

    Raises:
        InputError: no such run, a run holds the field, the field is read-only, or others kept
            writing to some samples meanwhile.

    Example:
        >>> [run] = ntt.list_prediction_runs(dataset)
        >>> count = dataset.count("predictions.detections")
        >>> ntt.delete_run_predictions(dataset, run).deleted == count
        True
        >>> dataset.count("predictions.detections")
        0
    """
    dataset = samples._root_dataset
    runs = list_prediction_runs(dataset)
    if run not in runs:
        known = f"Pass one of: {', '.join(runs)}." if runs else "It has none."
        raise InputError(f"dataset {dataset.name!r} has no run {run!r} of predictions. {known}")
    field, tally = runs[run]["field"], Kept()
    with hold_field(dataset, field, f"deletion of {run}"):
        refresh(dataset)
        check_writable(dataset, field)
        document = run_document(dataset, run)
        made = run_configs(dataset, METHODS, ("made_field",)).get(run, {}).get("made_field")
        if document is not None:
            document["attributes"] = declared_attributes(dataset, field)
        change = begin_change(
            dataset, field, "deletion", run=run, run_document=document, resume=True
        )
        # The field may have been deleted by hand in the meantime; then the run is all there is.
        if dataset.get_field(field) is not None:
            tally = remove_predictions(dataset, field, run, replace_reviewed, change)
        drop_run(dataset, run)
        gone = bool(empty_field and made) and delete_if_empty(dataset, field)
        if gone:
            change.note_field_gone()
    kept = {str(owner): count for owner, count in tally.kept.items()}
    return DeletionReport(run, tally.replaced, kept, tally.unknown, field if gone else None)
