"""Operator: teach a memory bank what was decided of predictions."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.model_choice import TORCH, check_models, choose_device
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

USUAL_MOST = 10
_THEN = "The bank gets a new version; relabel with it, or undo, in the Memory Bank panel"


class TeachMemoryBank(NttOperator):
    """Makes references of accepted predictions, and negatives of rejected ones."""

    NAME = "teach_memory_bank"
    LABEL = "Teach memory bank"
    DESCRIPTION = "Accepted predictions become references, rejected ones negatives"
    ICON = "school"
    RISK = types.RiskLevel.MEDIUM
    WRITES_LABELS = False
    NEEDS = TORCH
    NOUN = "predictions"
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, the bank, the decided predictions and how many to take."""
        choose_target(form)
        bank = choose_bank(form)
        known = {found.name: found for found in ntt.list_memory_banks(form.ctx.dataset)}
        if bank in known:
            check_models(form, "bank", known[bank].models.get("name"))
        field = form.label_field("label_field", "Predictions", prefer="predictions")
        with form.advanced():
            form.integer(
                "per_class",
                "References and negatives per class",
                USUAL_MOST,
                low=1,
                description="At most so many of each; those that tell most",
            )
            choose_device(form)
        if field is not None:
            _count(form, field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Teach the bank."""
        report = ntt.teach(
            target_images(ctx),
            required(ctx.params, "bank"),
            ctx.params.get("label_field") or "predictions",
            per_class=ctx.params.get("per_class", USUAL_MOST),
            device=ctx.params.get("device", "auto"),
            progress=step,
        )
        return Outcome(
            f"{report}.",
            {
                "bank": report.bank.name,
                "version": report.bank.version,
                "references": dict(report.references),
                "negatives": dict(report.negatives),
                "left_out": report.left_out,
                "withdrawn": report.withdrawn,
            },
        )

    def __call__(self, samples: Any, bank: str, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.teach`, which see."""
        return ntt.teach(samples, bank, label_field, **options)


def _count(form: Form, field: str) -> None:
    """How many predictions were decided on, or that none was."""
    target = form.ctx.request_params.get("view_target")
    tags = _decided(form.ctx, field, target)
    accepted, rejected = tags.get("accepted", 0), tags.get("rejected", 0)
    if accepted or rejected:
        said = f"{counted(accepted, 'accepted prediction')}, {rejected} rejected"
        form.note("decided", said, _THEN)
    else:
        form.reject(
            "label_field",
            f"nothing was decided of the predictions in {field!r}. Accept or reject some first, "
            "in the Review panel for instance.",
        )


@once_per_prompt
def _decided(ctx: Context, field: str, target: Any) -> dict[str, int]:
    """Labels by tag."""
    return dict(target_images(ctx).count_label_tags(field))
