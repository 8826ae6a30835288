"""Operator: delete what a run wrote."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step


class DeleteRunPredictions(NttOperator):
    """Deletes what one prediction run wrote."""

    NAME = "delete_run_predictions"
    LABEL = "Delete a run's predictions"
    DESCRIPTION = "Delete all detections that one run wrote, and the run"
    ICON = "delete_sweep"
    RISK = types.RiskLevel.HIGH

    def fill(self, form: Form) -> None:
        """The run, and whether what somebody reviewed goes too."""
        runs = ntt.list_prediction_runs(form.ctx.dataset)
        options = {key: _run_text(key, run) for key, run in runs.items()}
        chosen = form.choice("run", "Run", options, next(iter(options), None))
        if not options:
            form.reject("run", "no run has written predictions on this dataset.")
        reviewed = form.flag(
            "replace_reviewed",
            "Also delete predictions that somebody tagged or edited",
        )
        form.note(
            "deletes",
            "Others' detections stay" + ("" if reviewed else ", and those you tagged or edited"),
            "“Undo last change” brings back what goes.",
        )
        if chosen is not None:
            warn_of_editors(form, str(runs[chosen]["field"]))

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Delete the run and its detections."""
        run = required(ctx.params, "run")
        report = ntt.delete_run_predictions(
            ctx.dataset, run, replace_reviewed=ctx.params.get("replace_reviewed", False)
        )
        return Outcome(
            f"{report}.",
            {"deleted": report.deleted, "kept": report.kept, "unknown": report.unknown},
        )

    def __call__(self, samples: Any, run: str, **options: Any) -> ntt.DeletionReport:
        """`fiftyone_ntt.delete_run_predictions`, which see."""
        return ntt.delete_run_predictions(samples, run, **options)


def _run_text(key: str, run: dict[str, Any]) -> str:
    bank = f", bank {run['bank']!r}" if run["bank"] else ""
    return f"{key}: field {run['field']!r}{bank}, {str(run['status']).lower()}, {run['updated']}"
