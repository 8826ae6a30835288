"""Operator: visualize a memory bank."""

from __future__ import annotations

from typing import Any

import fiftyone.core.labels as fol
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form, label_fields
from fiftyone_ntt.plugin.shared.model_choice import TORCH, check_models, choose_device
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.slices import dataset_images
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

NO_PREDICTIONS = "(none)"
_PANEL = "Embeddings"


class VisualizeMemoryBank(NttOperator):
    """Shows references and predictions in the Embeddings panel, and draws what a bank sees."""

    NAME = "visualize_memory_bank"
    LABEL = "Visualize memory bank"
    DESCRIPTION = "Show references and predictions in the Embeddings panel, and what a bank sees"
    ICON = "scatter_plot"
    RISK = types.RiskLevel.MEDIUM
    WRITES_LABELS = False
    NEEDS = TORCH
    NOUN = "images and references"
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, the bank, the predictions, the brain key and what to draw."""
        choose_target(form)
        bank = choose_bank(form)
        fields = {field: field for field in label_fields(form.ctx.dataset, (fol.Detections,))}
        form.choice(
            "predictions_field",
            "Predictions",
            {NO_PREDICTIONS: "None", **fields},
            "predictions" if "predictions" in fields else NO_PREDICTIONS,
            description="Shown among the references, in their plane; no network runs for it",
        )
        drawing = form.flag("draw", "Draw what the bank sees of its references")
        if drawing:
            _fill_drawing(form, bank)
        with form.advanced():
            _choose_key(form)
            if drawing:
                form.flag("overwrite", "Replace the pictures of other banks")
                choose_device(form)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Register the visualizations, and draw the fields if asked to."""
        given = ctx.params
        bank = required(given, "bank")
        field = given.get("predictions_field") or NO_PREDICTIONS
        report = ntt.visualize_memory_bank(
            target_images(ctx),
            bank,
            None if field == NO_PREDICTIONS else field,
            brain_key=given.get("brain_key") or None,
            progress=step,
        )
        reports = [report, *([_draw(ctx, bank, step)] if given.get("draw", False) else [])]
        heads, rest = [], []
        for text in map(str, reports):
            head, *lines = text.splitlines()
            heads.append(head)
            rest += lines
        result = {"runs": report.runs}
        if given.get("draw", False):
            result["failures"] = reports[1].failures
        return Outcome(
            f"Open in the Embeddings panel: {'. '.join(heads)}.",
            result,
            warning="\n".join(rest) or None,
            panel=_PANEL,
            panel_data={"openKey": list(report.runs)[-1]},
        )

    def __call__(self, samples: Any, bank: Any, *arguments: Any, **options: Any) -> Any:
        """`fiftyone_ntt.visualize_memory_bank`, which see."""
        return ntt.visualize_memory_bank(samples, bank, *arguments, **options)


def _fill_drawing(form: Form, bank: str | None) -> None:
    for summary in ntt.list_memory_banks(form.ctx.dataset) if bank else ():
        if summary.name == bank:
            check_models(form, "bank", summary.models.get("name"))
    field = form.text(
        "field", "Fields", "memory", description="How the names of the two new fields begin"
    )
    problem = ntt.picture_fields_problem(form.ctx.dataset, field) if field else None
    if problem is not None:
        form.reject("field", problem)


def _choose_key(form: Form) -> None:
    key = form.text(
        "brain_key",
        "Brain key",
        required=False,
        description="How the names of the two runs begin; empty for the bank's name",
    )
    problem = ntt.visualization_key_problem(form.ctx.dataset, key) if key else None
    if problem is not None:
        form.reject("brain_key", problem)


def _draw(ctx: Context, bank: str, step: Step) -> Any:
    given = ctx.params
    return ntt.draw_memory_bank(
        dataset_images(ctx),
        bank,
        given.get("field", "memory"),
        device=given.get("device", "auto"),
        overwrite=given.get("overwrite", False),
        progress=step,
    )
