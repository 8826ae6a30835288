"""Operator: match stored proposals with a memory bank."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.existing_predictions import OVERWRITE
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.grid_choice import choose_grid, chosen_grid
from fiftyone_ntt.plugin.shared.method_choice import choose_mode
from fiftyone_ntt.plugin.shared.model_choice import TORCH
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
    last_run,
    output_field,
    report_outcome,
    settings_of_run,
)
from fiftyone_ntt.plugin.shared.streaming import Step


class RelabelWithMemoryBank(NttOperator):
    """Matches stored proposals with a memory bank; no network runs."""

    NAME = "relabel_with_memory_bank"
    LABEL = "Relabel with memory bank"
    DESCRIPTION = "Segment again from stored proposals: no model runs, so it takes seconds"
    ICON = "published_with_changes"
    RISK = types.RiskLevel.MEDIUM
    NEEDS = TORCH
    NOUN = "images"
    BACKGROUND = True
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, the bank, the output field and which stored proposals."""
        bank = choose_bank_of_run(form)
        name = str(form.ctx.params.get("label_field", "predictions"))
        before = last_run(form.ctx, name)
        usual = {} if before is None else settings_of_run(before)
        output = choose_output(form, bank, usual=OVERWRITE)
        choose_threshold(form)
        if bank is not None:
            choose_grid(form, bank.encoder, usual.get("grid"))
        with form.advanced():
            if output.existing == OVERWRITE:
                choose_reviewed(form)
            if bank is not None and bank.negatives:
                form.flag("negatives", f"Use the bank's {bank.negatives} negatives", default=True)
            choose_instances(form)
            choose_mode(form, stored=True, usual=usual.get("mode"))
        count_images(form, output.field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Write the detections; failures are the warning."""
        name = required(ctx.params, "bank")
        bank = ntt.load_memory_bank(ctx.dataset, name)
        if not ctx.params.get("negatives", True):
            bank = bank.without_negatives()
        report = ntt.relabel(
            chosen_samples(ctx),
            bank,
            output_field(ctx),
            mode=ctx.params.get("mode", "paper"),
            **chosen_grid(ctx, bank.encoder),
            progress=step,
            **chosen_settings(ctx),
        )
        return report_outcome(report)

    def __call__(self, samples: Any, bank: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.relabel`, which see."""
        return ntt.relabel(samples, bank, label_field, **options)
