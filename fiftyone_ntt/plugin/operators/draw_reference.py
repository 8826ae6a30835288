"""Operator behind the Memory Bank panel: a reference in large, drawn outside any panel event."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.model_choice import TORCH
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step


class DrawReference(NttOperator):
    """Draws the picture on the card of the Memory Bank panel."""

    NAME = "draw_reference"
    LABEL = "Draw reference"
    DESCRIPTION = "Draw one reference of a memory bank in large for its panel"
    ICON = "photo"
    RISK = types.RiskLevel.LOW
    NEEDS = TORCH
    UNLISTED = True

    def fill(self, form: Form) -> None:
        """The bank and the reference's id in it."""
        choose_bank(form)
        form.text("reference", "Reference")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Draw it; the picture is the result, as a data URI, or none where its label is gone."""
        bank, name = required(ctx.params, "bank"), required(ctx.params, "reference")
        drawn = ntt.reference_picture(ctx.dataset, bank, name)
        return Outcome(f"{name} is drawn.", {"picture": drawn.uri if drawn else None})

    def __call__(self, samples: Any, bank: str, reference: str, **options: Any) -> Any:
        """`fiftyone_ntt.reference_picture`, which see."""
        return ntt.reference_picture(samples, bank, reference, **options)
