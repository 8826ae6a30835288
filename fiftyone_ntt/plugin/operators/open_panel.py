"""Operator behind a button of the App's header: open the Memory Bank panel."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome
from fiftyone_ntt.plugin.shared.streaming import Step

_PANEL = "memory_bank_panel"


class OpenMemoryBankPanel(NttOperator):
    """Opens the Memory Bank panel beside the grid, or comes back to it."""

    NAME = "open_memory_bank_panel"
    LABEL = "Memory Bank panel"
    DESCRIPTION = "Open the Memory Bank panel beside the grid"
    ICON = "inventory_2"
    RISK = types.RiskLevel.LOW
    PLACE = types.Places.HEADER_ACTIONS
    ASKS = False
    WRITES_LABELS = False
    UNLISTED = True

    def fill(self, form: Form) -> None:
        """Nothing is asked."""

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Open it."""
        ctx.ops.open_panel(_PANEL, layout="horizontal")
        return Outcome("The Memory Bank panel is open.")

    def __call__(self, samples: Any) -> None:
        """Nothing: there is no App to open it in."""
