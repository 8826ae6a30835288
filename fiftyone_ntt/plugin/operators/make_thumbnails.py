"""Operator behind the Memory Bank panel: draw a bank's references, outside any panel event."""

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


class MakeThumbnails(NttOperator):
    """Draws the thumbnails that the Memory Bank panel shows."""

    NAME = "make_thumbnails"
    LABEL = "Make thumbnails of references"
    DESCRIPTION = "Draw the references of a memory bank for its panel"
    ICON = "photo_library"
    RISK = types.RiskLevel.LOW
    WRITES_LABELS = False
    NEEDS = TORCH
    UNLISTED = True

    def fill(self, form: Form) -> None:
        """The bank."""
        choose_bank(form)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Draw and keep the thumbnails."""
        wanted = ctx.params.get("ids")
        made = ntt.make_thumbnails(ctx.dataset, required(ctx.params, "bank"), ids=wanted)
        return Outcome(f"{len(made)} thumbnails.", {"thumbnails": len(made)})

    def __call__(self, samples: Any, bank: str, **options: Any) -> Any:
        """`fiftyone_ntt.make_thumbnails`, which see."""
        return ntt.make_thumbnails(samples, bank, **options)
