"""Operator: match stored proposals with a memory bank."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.model_choice import TORCH
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.prediction_run import (
    choose_bank_of_run,
    choose_output,
    choose_settings,
    chosen_samples,
    chosen_settings,
    count_images,
    output_field,
    report_outcome,
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
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, the bank, the output field and which stored proposals."""
        bank = choose_bank_of_run(form)
        if bank is not None and bank.negatives:
            form.flag("negatives", f"Use the bank's {bank.negatives} negatives", default=True)
        field = choose_output(form)
        choose_settings(form)
        if bank is not None:
            _choose_grid(form, bank.encoder)
        count_images(form, field)

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
            points_per_side=int(ctx.params.get("grid") or _usual_grid(bank.encoder)),
            progress=step,
            **chosen_settings(ctx),
        )
        return report_outcome(report)

    def __call__(self, samples: Any, bank: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.relabel`, which see."""
        return ntt.relabel(samples, bank, label_field, **options)


def _choose_grid(form: Form, encoder: str) -> None:
    grids = ntt.stored_grids(encoder)
    options = {str(grid): f"of {grid} x {grid} points" for grid in grids}
    form.choice("grid", "Stored proposals", options, str(_usual_grid(encoder)) if grids else None)
    if not grids:
        form.reject(
            "grid",
            "no proposals are stored of this bank's encoder. Run “Segment with memory bank” on "
            "these samples once; it stores them.",
        )


def _usual_grid(encoder: str) -> int:
    """The finest grid there is; the one `relabel` will ask for where there is none."""
    return max(ntt.stored_grids(encoder), default=32)
