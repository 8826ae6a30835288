"""Operator: segment images with a memory bank."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.existing_predictions import OVERWRITE
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.method_choice import choose_mode, choose_prompts, chosen_prompts
from fiftyone_ntt.plugin.shared.model_choice import TORCH, check_models, choose_device
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.prediction_run import (
    choose_bank_of_run,
    choose_instances,
    choose_output,
    choose_reviewed,
    choose_threshold,
    chosen_samples,
    chosen_settings,
    count_images,
    output_field,
    report_outcome,
)
from fiftyone_ntt.plugin.shared.streaming import Step

KEPT = "What is proposed there is kept: with another bank or threshold, “Relabel” takes seconds"


class SegmentWithMemoryBank(NttOperator):
    """Segments images with a memory bank."""

    NAME = "segment_with_memory_bank"
    LABEL = "Segment with memory bank"
    DESCRIPTION = "Write an instance mask for everything that resembles the references"
    ICON = "auto_awesome"
    RISK = types.RiskLevel.MEDIUM
    NEEDS = TORCH
    NOUN = "images"
    BACKGROUND = True
    PLACE = types.Places.HEADER_ACTIONS
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, the bank, the output field and the settings."""
        bank = choose_bank_of_run(form)
        if bank is not None:
            check_models(form, "bank", bank.models.get("name"))
        prompts = chosen_prompts(form.ctx.params)
        output = choose_output(form, bank, prompts)
        with form.advanced():
            if output.existing == OVERWRITE:
                choose_reviewed(form)
            choose_threshold(form)
            choose_instances(form)
            choose_prompts(form, choose_mode(form))
            choose_device(form)
        count_images(form, output.field, KEPT)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Write the detections; failures are the warning."""
        report = ntt.segment(
            chosen_samples(ctx),
            required(ctx.params, "bank"),
            output_field(ctx),
            mode=ctx.params.get("mode", "paper"),
            device=ctx.params.get("device", "auto"),
            progress=step,
            **chosen_prompts(ctx.params),
            **chosen_settings(ctx),
        )
        return report_outcome(report)

    def __call__(self, samples: Any, bank: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.segment`, which see."""
        return ntt.segment(samples, bank, label_field, **options)
