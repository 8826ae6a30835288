"""Operator: segment images with a memory bank."""

from __future__ import annotations

from typing import Any, get_args

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.core.settings import Mode
from fiftyone_ntt.plugin.bank_choice import choose_bank
from fiftyone_ntt.plugin.base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.counts import target_size
from fiftyone_ntt.plugin.form import Form, field_problem
from fiftyone_ntt.plugin.model_choice import TORCH, check_models, choose_device
from fiftyone_ntt.plugin.running import Step

RESUME, EMPTY, OVERWRITE = "resume", "empty", "overwrite"
EXISTING = {
    RESUME: "Go on with an interrupted run; stop if other predictions are there",
    EMPTY: "Only samples without predictions",
    OVERWRITE: "Replace predictions of other runs",
}
"""What to do with samples whose output field is filled."""
MODES = (
    "“paper” is the published method; “adaptive” is faster and not exact, and keeps nothing to "
    "relabel from"
)


class SegmentWithMemoryBank(NttOperator):
    NAME = "segment_with_memory_bank"
    LABEL = "Segment with memory bank"
    DESCRIPTION = "Write an instance mask for everything that resembles the references"
    ICON = "auto_awesome"
    RISK = types.RiskLevel.MEDIUM
    NEEDS = TORCH
    NOUN = "images"
    PLACE = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        form.ctx.target_view()  # makes FiftyOne add its choice of samples
        bank = choose_bank(form)
        for summary in ntt.list_memory_banks(form.ctx.dataset) if bank else ():
            if summary.name == bank:
                check_models(form, "bank", summary.models.get("name"))
        field = form.text("label_field", "Output field", "predictions")
        problem = field_problem(form.ctx.dataset, field) if field else None
        if problem is not None:
            form.reject("label_field", problem)
        existing = form.choice("existing", "Samples with predictions", EXISTING, RESUME)
        form.share("confidence_thresh", "Confidence threshold", 0.0)
        modes = {mode: mode for mode in get_args(Mode)}
        form.choice("mode", "Mode", modes, "paper", description=MODES)
        form.whole("points_per_side", "Points per side", 32, low=1, description="Fewer are quicker")
        choose_device(form)
        if problem is None and field:
            _count_images(form, field if existing == EMPTY else None)

    def run(self, ctx: Any, step: Step) -> Outcome:
        given = ctx.params
        field, existing = given.get("label_field", "predictions"), given.get("existing", RESUME)
        samples = ctx.target_view()
        if existing == EMPTY and ctx.dataset.get_field(field) is not None:
            samples = samples.exists(field, False)
        report = ntt.segment(
            samples,
            required(given, "bank"),
            field,
            device=given.get("device", "auto"),
            mode=given.get("mode", "paper"),
            points_per_side=given.get("points_per_side", 32),
            confidence_thresh=given.get("confidence_thresh", 0.0),
            overwrite=existing == OVERWRITE,
            progress=step,
        )
        return report_outcome(report)

    def __call__(self, samples: Any, bank: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.segment`, which see."""
        return ntt.segment(samples, bank, label_field, **options)


def _count_images(form: Form, empty_field: str | None) -> None:
    target = form.ctx.request_params.get("view_target")
    count = target_size(form.ctx, target, empty_field)
    if count:
        form.note("images", f"{count} images")
    else:
        form.warn("images", "No images", "There is nothing to do for this choice of samples.")


def report_outcome(report: Any) -> Outcome:
    """What a run over images did, for `segment` and `boxes_to_masks` alike."""
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
            "failures": report.failures,
        },
        warning="\n".join(failures) or None,
    )
