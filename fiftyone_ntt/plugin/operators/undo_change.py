"""Operator: take back the last change of labels."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome
from fiftyone_ntt.plugin.shared.streaming import Step

ANY_FIELD = "(any)"
_COUNTED_BYTES = 64_000_000
"""Of a change's entries, beyond which the form does not read them to count what stays."""


class UndoLastChange(NttOperator):
    """Takes back what the last run, deletion, tagging or import changed."""

    NAME = "undo_last_change"
    LABEL = "Undo last change"
    DESCRIPTION = "Take back a run, deletion, tagging or import; what you changed since stays"
    ICON = "undo"
    RISK = types.RiskLevel.HIGH

    def fill(self, form: Form) -> None:
        """The field, and the change that will be taken back."""
        changes = _changes(form.ctx)
        fields = {change.field: change.field for change in changes}
        options = {ANY_FIELD: "The last change of any field", **fields}
        chosen = form.choice("label_field", "Field", options, ANY_FIELD)
        if not changes:
            form.reject("label_field", "there is no change of this plugin's to take back.")
        elif chosen is not None:
            change = next(entry for entry in changes if chosen in (ANY_FIELD, entry.field))
            form.note("change", _what(change), _kept(form.ctx, change))
            warn_of_editors(form, change.field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Take the change back; counts what stays as somebody left it since."""
        field = ctx.params.get("label_field") or ANY_FIELD
        report = ntt.undo(ctx.dataset, None if field == ANY_FIELD else field)
        change = report.change
        return Outcome(
            f"{report}.",
            {
                "field": change.field,
                "kind": change.kind,
                "run": change.run,
                "samples": report.samples,
                "kept": report.kept,
            },
        )

    def __call__(self, samples: Any, label_field: str | None = None, **options: Any) -> Any:
        """`fiftyone_ntt.undo`, which see."""
        return ntt.undo(samples, label_field, **options)


@once_per_prompt
def _changes(ctx: Context) -> list[Any]:
    """The changes of the dataset that can be taken back, the newest first."""
    return ntt.history(ctx.dataset)


def _what(change: Any) -> str:
    of = change.run or (f"{change.tag!r}" if change.tag else "")
    name = f"{change.kind} {of}".strip()
    return (
        f"Takes back in field {change.field!r}: {name}, {change.at:%Y-%m-%d %H:%M} UTC, "
        f"{change.labels} labels in {change.samples} samples"
    )


def _kept(ctx: Context, change: Any) -> str:
    if change.bytes > _COUNTED_BYTES:
        return "What you changed since stays."
    kept = _later_changes(ctx, change.field)
    return f"{kept} later changes of yours stay." if kept else "Nobody changed these labels since."


@once_per_prompt
def _later_changes(ctx: Context, field: str) -> int:
    """How many labels somebody changed since the last change of a field."""
    return int(ntt.undo(ctx.dataset, field, dry_run=True).kept)
