"""What operators that write predictions share: bank, output field, and what is there already."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple

import fiftyone.core.collections as foc

import fiftyone_ntt as ntt
from fiftyone_ntt.core.settings import is_stored_mode
from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import target_size
from fiftyone_ntt.plugin.shared.existing_predictions import (
    EMPTY,
    NEW,
    OVERWRITE,
    RESUME,
    choose_existing,
    free_field,
)
from fiftyone_ntt.plugin.shared.form import Form, field_problem
from fiftyone_ntt.plugin.shared.method_choice import USUAL_POINTS, grid_name
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import Outcome
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

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
    choose_target(form)
    chosen = choose_bank(form)
    banks = ntt.list_memory_banks(form.ctx.dataset) if chosen else []
    return next((bank for bank in banks if bank.name == chosen), None)


class Output(NamedTuple):
    """The field that a run writes to, None where it will not do; what becomes of its content."""

    field: str | None
    existing: str


def choose_output(
    form: Form, bank: Any, prompts: dict[str, int] | None = None, usual: str = NEW
) -> Output:
    """The field to write to and what to do with what it holds.

    Args:
        form: of the operator.
        bank: that is chosen, as a summary; None if none is.
        prompts: points per side and crops that are chosen; None where no run goes on, as it
            takes seconds.
        usual: what to do at first with predictions of another bank or other settings.
    """
    field = form.text("label_field", "Output field", "predictions")
    problem = field_problem(form.ctx.dataset, field) if field else None
    if problem is not None:
        form.reject("label_field", problem)
    if not field or problem is not None:
        return Output(None, RESUME)
    same = bank is not None and _describes_last_run(form.ctx, field, bank, prompts)
    existing = choose_existing(form, field, same=same, usual=usual)
    if existing != NEW:
        warn_of_editors(form, field, new_field=True)
    return Output(field, existing)


def _describes_last_run(
    ctx: Context, field: str, bank: Any, prompts: dict[str, int] | None
) -> bool:
    """Whether the form's answers are those of the run that wrote a field last: it then goes on, or
    is finished."""
    run, given = last_run(ctx, field), ctx.params
    if run is None or run["updated"] is None:  # of an earlier version
        return False
    proposals, matching = run["proposal_settings"] or {}, run["match_settings"] or {}
    usual = {"points_per_side": USUAL_POINTS, "crops": 0}
    built = bank.created.replace(tzinfo=timezone.utc, microsecond=0)
    return (
        run["bank"] == bank.name
        and datetime.fromisoformat(str(run["updated"])) >= built
        and run["mode"] == given.get("mode", "paper")
        and {name: proposals.get(name, usual[name]) for name in usual} == prompts
        and matching.get("confidence_threshold", 0.0) == given.get("confidence_thresh", 0.0)
        and matching.get("one_per_object", False) == given.get("one_per_object", False)
        and matching.get("fill_holes", False) == given.get("clean_masks", False)
    )


def choose_reviewed(form: Form) -> None:
    """Whether what somebody reviewed goes too, where predictions are replaced."""
    form.flag(
        "replace_reviewed",
        "Also replace predictions that somebody tagged or edited",
        description="What somebody drew stays",
    )


def choose_threshold(form: Form) -> None:
    """Below which confidence predictions are left out."""
    form.fraction(
        "confidence_thresh",
        "Confidence threshold",
        0.0,
        description="0 keeps all, weak ones too: filter them by confidence later, or relabel",
    )


def choose_instances(form: Form) -> None:
    """Which instances there are, whatever their scores."""
    form.flag("one_per_object", "One instance per object, whatever its class")
    form.flag("clean_masks", "Clean masks: no small islands, no holes")


def count_images(form: Form, field: str | None, what_for: str = "") -> None:
    """How many images there are to do, if the output field will do; and what else is good of it."""
    if field is None:
        return
    empty = form.ctx.params.get("existing") == EMPTY
    target = form.ctx.request_params.get("view_target")
    count = target_size(form.ctx, target, field if empty else None)
    if count:
        form.note("images", counted(count, "image"), what_for)
    else:
        form.warn("images", "No images", "There is nothing to do for this choice of samples.")


def chosen_samples(ctx: Context) -> foc.SampleCollection:
    """The samples that the form's answers mean."""
    samples, field = target_images(ctx), output_field(ctx)
    if ctx.params.get("existing") == EMPTY and ctx.dataset.get_field(field) is not None:
        samples = samples.exists(field, False)
    return samples


def output_field(ctx: Context) -> str:
    """The field that the form's answers mean."""
    field = str(ctx.params.get("label_field", "predictions"))
    new = ctx.params.get("existing") == NEW and ctx.dataset.get_field(field) is not None
    return free_field(ctx.dataset, field) if new else field


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
        variant=_variant(report),
    )


def _variant(report: Any) -> Literal["success", "warning", "error"]:
    """A run of which nothing succeeded is no success, and one of which some failed not quite."""
    if not report.failures:
        return "success"
    return "warning" if report.written or report.skipped else "error"
