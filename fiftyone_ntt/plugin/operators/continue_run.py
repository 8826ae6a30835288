"""Operator behind the run card: make the call of a run again, for what is left."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.model_choice import TORCH
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.prediction_run import report_outcome
from fiftyone_ntt.plugin.shared.streaming import Step


class ContinueRun(NttOperator):
    """Goes on with a run that ended before its end."""

    NAME = "continue_run"
    LABEL = "Resume a run"
    DESCRIPTION = "Go on with a run that was interrupted, cancelled or failed, as it was made"
    ICON = "resume"
    RISK = types.RiskLevel.MEDIUM
    NEEDS = TORCH
    NOUN = "images"
    BACKGROUND = True
    UNLISTED = True

    def fill(self, form: Form) -> None:
        """The run, of those that can be continued."""
        states = [state for state in ntt.run_states(form.ctx.dataset) if state.continuable]
        options = {state.run: f"{state.field}: {state.status}" for state in states}
        form.choice("run", "Run", options, next(iter(options), None))
        if not options:
            form.reject("run", "no run of this dataset can be continued.")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Make its call again."""
        run = required(ctx.params, "run")
        return report_outcome(ntt.continue_run(ctx.dataset, run, progress=step))

    def __call__(self, samples: Any, run: str, **options: Any) -> Any:
        """`fiftyone_ntt.continue_run`, which see."""
        return ntt.continue_run(samples, run, **options)
