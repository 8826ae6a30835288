"""Operator behind the Memory Bank panel: predictions as points, outside any panel event."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.model_choice import TORCH
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.prediction_run import output_field
from fiftyone_ntt.plugin.shared.slices import shown_images
from fiftyone_ntt.plugin.shared.streaming import Step

_DIGITS = 4


class PlacePredictions(NttOperator):
    """Computes the points of predictions that the Memory Bank panel draws."""

    NAME = "place_predictions"
    LABEL = "Place predictions among references"
    DESCRIPTION = "Points of predictions in the plane of a memory bank's references"
    ICON = "scatter_plot"
    RISK = types.RiskLevel.LOW
    WRITES_LABELS = False
    NEEDS = TORCH
    UNLISTED = True

    def fill(self, form: Form) -> None:
        """The bank and the field of predictions."""
        choose_bank(form)
        form.label_field("label_field", "Predictions", prefer="predictions")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Project the view's predictions; they are the result."""
        bank = required(ctx.params, "bank")
        found = ntt.prediction_points(shown_images(ctx), output_field(ctx), bank)
        return Outcome(
            f"{len(found.ids)} predictions of {found.images} images.",
            {
                "bank": bank,
                "field": output_field(ctx),
                "images": found.images,
                "ids": list(found.ids),
                "sample_ids": list(found.sample_ids),
                "labels": list(found.labels),
                "points": found.points.round(_DIGITS).tolist(),
                "left_out": found.left_out,
            },
        )

    def __call__(self, samples: Any, label_field: str, bank: Any, **options: Any) -> Any:
        """`fiftyone_ntt.prediction_points`, which see."""
        return ntt.prediction_points(samples, label_field, bank, **options)
