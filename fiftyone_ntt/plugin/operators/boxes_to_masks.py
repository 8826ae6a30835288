"""Operator: boxes to masks."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import field_of_boxes
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form, field_problem
from fiftyone_ntt.plugin.shared.model_choice import TORCH, choose_device, choose_models
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.prediction_run import (
    choose_reviewed,
    report_outcome,
)
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images


class BoxesToMasks(NttOperator):
    """Writes a field of masks for a field of boxes."""

    NAME = "boxes_to_masks"
    LABEL = "Boxes to masks"
    DESCRIPTION = "Write a mask for every box; the boxes stay as they are"
    ICON = "gesture"
    RISK = types.RiskLevel.MEDIUM
    NEEDS = TORCH
    NOUN = "images"
    BACKGROUND = True
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, both fields, and the models."""
        choose_target(form)
        boxes = form.label_field(
            "box_field", "Boxes", SHAPE_TYPES, prefer=field_of_boxes(form.ctx) or ""
        )
        field = form.text("mask_field", "Output field", "masks")
        problem = field_problem(form.ctx.dataset, field, taken_by=boxes) if field else None
        if problem is not None:
            form.reject("mask_field", problem)
        elif field:
            warn_of_editors(form, field, new_field=True)
        if field and form.ctx.dataset.get_field(field) is not None:
            text = "Replace masks of other runs; what you drew, tagged or edited stays"
            if form.flag("overwrite", text):
                choose_reviewed(form)
        choose_models(form)
        with form.advanced():
            choose_device(form)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Write the masks; failures are the warning."""
        given = ctx.params
        overwrite = given.get("overwrite", False)
        report = ntt.boxes_to_masks(
            target_images(ctx),
            required(given, "box_field"),
            given.get("mask_field", "masks"),
            models=given.get("models", "paper"),
            device=given.get("device", "auto"),
            overwrite=overwrite,
            replace_reviewed=overwrite and given.get("replace_reviewed", False),
            progress=step,
        )
        return report_outcome(report)

    def __call__(self, samples: Any, box_field: str, mask_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.boxes_to_masks`, which see."""
        return ntt.boxes_to_masks(samples, box_field, mask_field, **options)
