"""Operator: accept or reject what is selected, or give it another class."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.picked import NOTHING, picked_ids, place_of_picked
from fiftyone_ntt.plugin.shared.streaming import Step

ACCEPT, REJECT, RELABEL, UNDECIDE = "accept", "reject", "relabel", "undecide"
_VERDICTS = {
    ACCEPT: "Right: runs keep it from now on",
    REJECT: "Wrong: it stays, tagged, and is left out of evaluations, exports and banks",
    RELABEL: "Of another class, and right",
    UNDECIDE: "Take back what was decided",
}
_CALLS = {ACCEPT: "accept", REJECT: "reject", RELABEL: "relabel_as", UNDECIDE: "undecide"}
"""The public functions."""


class DecideOnPredictions(NttOperator):
    """Notes on the selected predictions what a person decided of them."""

    NAME = "decide_on_predictions"
    LABEL = "Accept or reject"
    DESCRIPTION = "Accept or reject the selected predictions, or give them another class"
    ICON = "rule"
    RISK = types.RiskLevel.MEDIUM

    def resolve_placement(self, ctx: Context) -> types.Placement:
        """Its button above the grid or, while a sample is open, above that."""
        return place_of_picked(ctx, self.LABEL, self.ICON)

    def fill(self, form: Form) -> None:
        """What is decided, and the class where it is another."""
        picked = picked_ids(form.ctx)
        if not picked:
            form.stop("nothing", "Nothing is selected", NOTHING)
            return
        count = sum(map(len, picked.values()))
        form.note("counts", counted(count, "label"), f"Of {', '.join(picked)}.")
        if form.choice("verdict", "They are", _VERDICTS, ACCEPT) == RELABEL:
            form.text("label", "Class", description=_known_classes(form.ctx))
        for field in picked:
            warn_of_editors(form, field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Write the decision on the labels of each field."""
        picked = picked_ids(ctx)
        if not picked:
            raise ntt.NttError(f"nothing is selected. {NOTHING}")
        verdict = ctx.params.get("verdict", ACCEPT)
        words = {"reviewer": ctx.user_id} if verdict != UNDECIDE else {}
        label = [str(required(ctx.params, "label")).strip()] if verdict == RELABEL else []
        decide = getattr(ntt, _CALLS[verdict])
        reports = {
            field: decide(ctx.dataset, field, ids, *label, **words) for field, ids in picked.items()
        }
        changed = [name for report in reports.values() for name in report.changed]
        return Outcome(
            "; ".join(f"{field}: {report}" for field, report in reports.items()) + ".",
            {
                "decided": sum(report.decided for report in reports.values()),
                "changed": changed,
            },
            warning="A run wrote other predictions there meanwhile." if changed else None,
        )

    def __call__(self, samples: Any, label_field: str, ids: Any, verdict: str = ACCEPT) -> Any:
        """`fiftyone_ntt.accept`, `reject` or `undecide`, which see."""
        return getattr(ntt, _CALLS[verdict])(samples, label_field, ids)


def _known_classes(ctx: Context) -> str:
    names = sorted({name for bank in ntt.list_memory_banks(ctx.dataset) for name in bank.classes})
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"As in the memory banks: {shown}" if names else "Any name"
