"""Operator: delete what a run wrote."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.slices import dataset_images
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
        latest = sorted(runs, key=lambda key: str(runs[key]["updated"]), reverse=True)
        counts = {field: _counts(form.ctx, field) for field in {r["field"] for r in runs.values()}}
        options = {
            key: _run_text(runs[key], counts[runs[key]["field"]].get(key, 0)) for key in latest
        }
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
        name = ntt.list_prediction_runs(ctx.dataset).get(run, {}).get("field")
        report = ntt.delete_run_predictions(
            ctx.dataset,
            run,
            replace_reviewed=ctx.params.get("replace_reviewed", False),
            empty_field=True,
        )
        told = str(report).replace(f"detections of run {run}", f"predictions in {name!r}")
        return Outcome(
            f"{told}.",
            {"deleted": report.deleted, "kept": report.kept, "unknown": report.unknown},
        )

    def __call__(self, samples: Any, run: str, **options: Any) -> ntt.DeletionReport:
        """`fiftyone_ntt.delete_run_predictions`, which see."""
        return ntt.delete_run_predictions(samples, run, **options)


@once_per_prompt
def _counts(ctx: Context, field: str) -> dict[str, int]:
    """How many predictions of a field each run wrote, as far as they are there still."""
    if ctx.dataset.get_field(f"{field}.detections.run") is None:
        return {}
    return dict(dataset_images(ctx).count_values(f"{field}.detections.run"))


def _run_text(run: dict[str, Any], count: int) -> str:
    """A run for people, who know fields and banks, and when it was."""
    bank = f", bank {run['bank']!r}" if run["bank"] else ""
    images = "" if run["done"] is None else f" in {run['done']} images"
    # In the server's time zone, which is that of most people's browsers.
    at = ""
    if run["updated"]:
        at = f", {datetime.fromisoformat(run['updated']).astimezone():%d %b %Y %H:%M}"
    ended = "" if run["status"] == "COMPLETED" else f", {str(run['status']).lower()}"
    return f"{run['field']}{bank}: {count} predictions{images}{at}{ended}"
