"""What operators that write predictions share: bank, output field, and what is there already."""

from __future__ import annotations

from typing import Any

import fiftyone.core.collections as foc

import fiftyone_ntt as ntt
from fiftyone_ntt.core.settings import is_stored_mode
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import target_size
from fiftyone_ntt.plugin.shared.form import Form, field_problem
from fiftyone_ntt.plugin.shared.method_choice import USUAL_POINTS, grid_name
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import Outcome

RESUME, EMPTY, OVERWRITE = "resume", "empty", "overwrite"
EXISTING = {
    RESUME: "Go on with an interrupted run; stop if other predictions are there",
    EMPTY: "Only samples without predictions",
    OVERWRITE: "Replace predictions of other runs; what you drew, tagged or edited stays",
}
"""What to do with samples whose output field is filled."""

USUAL_ISLAND = 0.05
"""Where masks are cleaned, pieces with a smaller share of a mask go."""


def last_run(ctx: Context, field: str | None) -> dict[str, Any] | None:
    """The run that wrote a field last, as `list_prediction_runs` has it; None if none did."""
    return None if field is None else ntt.last_prediction_run(ctx.dataset, field)


def settings_of_run(run: dict[str, Any]) -> dict[str, Any]:
    """What a run was made with, as answers of the form that relabels."""
    proposals, matching = run["proposal_settings"] or {}, run["match_settings"] or {}
    points = proposals.get("points_per_side", USUAL_POINTS)
    stored = run["mode"] is not None and is_stored_mode(run["mode"])
    return {
        "mode": run["mode"] if stored else "paper",
        "grid": grid_name(points, proposals.get("crops", 0)),
        "one_per_object": matching.get("one_per_object", False),
        "clean_masks": matching.get("fill_holes", False),
    }


def choose_bank_of_run(form: Form) -> Any:
    """The fields for the samples and the bank; the chosen bank's summary, or None."""
    form.ctx.target_view(require_flat=True)  # makes FiftyOne add its choice of samples
    chosen = choose_bank(form)
    banks = ntt.list_memory_banks(form.ctx.dataset) if chosen else []
    return next((bank for bank in banks if bank.name == chosen), None)


def choose_output(form: Form) -> str | None:
    """The field to write to and what to do with what it holds; None where it will not do."""
    field = form.text("label_field", "Output field", "predictions")
    problem = field_problem(form.ctx.dataset, field) if field else None
    if problem is not None:
        form.reject("label_field", problem)
    elif field:
        warn_of_editors(form, field, new_field=True)
    if form.choice("existing", "Samples with predictions", EXISTING, RESUME) == OVERWRITE:
        choose_reviewed(form)
    return field if field and problem is None else None


def choose_reviewed(form: Form) -> None:
    """Whether what somebody reviewed goes too, where predictions are replaced."""
    form.flag(
        "replace_reviewed",
        "Also replace predictions that somebody tagged or edited",
        description="What somebody drew stays",
    )


def choose_settings(form: Form) -> None:
    """What decides the detections, besides the bank and the models."""
    form.fraction("confidence_thresh", "Confidence threshold", 0.0)
    choose_instances(form)


def choose_instances(form: Form) -> None:
    """Which instances there are, whatever their scores."""
    form.flag("one_per_object", "One instance per object, whatever its class")
    form.flag("clean_masks", "Clean masks: no small islands, no holes")


def count_images(form: Form, field: str | None) -> None:
    """How many images there are to do, if the output field will do."""
    if field is None:
        return
    empty = form.ctx.params.get("existing") == EMPTY
    target = form.ctx.request_params.get("view_target")
    count = target_size(form.ctx, target, field if empty else None)
    if count:
        form.note("images", f"{count} images")
    else:
        form.warn("images", "No images", "There is nothing to do for this choice of samples.")


def chosen_samples(ctx: Context) -> foc.SampleCollection:
    """The samples that the form's answers mean."""
    samples, field = ctx.target_view(require_flat=True), output_field(ctx)
    if ctx.params.get("existing") == EMPTY and ctx.dataset.get_field(field) is not None:
        samples = samples.exists(field, False)
    return samples


def output_field(ctx: Context) -> str:
    """The field that the form's answers mean."""
    return str(ctx.params.get("label_field", "predictions"))


def chosen_settings(ctx: Context) -> dict[str, Any]:
    """The form's answers as arguments that `segment` and `relabel` have in common."""
    given = ctx.params
    overwrite = given.get("existing") == OVERWRITE
    return {
        "confidence_thresh": given.get("confidence_thresh", 0.0),
        **chosen_instances(given),
        "overwrite": overwrite,
        # The form keeps the answer to a question that it no longer shows.
        "replace_reviewed": overwrite and given.get("replace_reviewed", False),
    }


def chosen_instances(given: dict[str, Any]) -> dict[str, Any]:
    """The answers to `choose_instances` as arguments of `segment`, `relabel` and `calibrate`."""
    return {
        "one_per_object": given.get("one_per_object", False),
        "least_island": USUAL_ISLAND if given.get("clean_masks", False) else 0.0,
        "fill_holes": given.get("clean_masks", False),
    }


def report_outcome(report: Any) -> Outcome:
    """What a run over images did."""
    message, *failures = str(report).splitlines()
    return Outcome(
        message + ".",
        {
            "run": report.run,
            "field": report.field,
            "images": report.images,
            "written": report.written,
            "skipped": report.skipped,
            "detections": report.detections,
            "replaced": report.replaced,
            "kept": report.kept,
            "covered": report.covered,
            "unknown": report.unknown,
            "reverted": report.reverted,
            "failures": report.failures,
        },
        warning="\n".join(failures) or None,
    )
