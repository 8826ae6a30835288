"""Operator: tag what is selected as references."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import format_counts
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.model_choice import TORCH
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome
from fiftyone_ntt.plugin.shared.sources import (
    choose_new_tag,
    selected_ids,
    source_counts,
    source_samples,
)
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.views import patch_fields

NOTHING = "Select labels, or samples, in the grid first; then open this form again."


class TagReferences(NttOperator):
    """Tags the selected labels, or those of the selected samples, as references."""

    NAME = "tag_references"
    LABEL = "Tag selection as references"
    DESCRIPTION = "Tag the selected labels, or all labels of the selected samples, as references"
    ICON = "new_label"
    RISK = types.RiskLevel.LOW
    NEEDS = TORCH
    PLACE = types.Places.HEADER_ACTIONS

    def fill(self, form: Form) -> None:
        """The labels' field and the tag; shows what is selected."""
        ctx = form.ctx
        picked = [row["field"] for row in ctx.selected_labels or []]
        shown = [] if "ground_truth" in patch_fields(ctx) else patch_fields(ctx)
        prefer = next(iter([*picked, *shown]), "ground_truth")
        field = form.label_field("label_field", "Labels", SHAPE_TYPES, prefer=prefer)
        choose_new_tag(form, field)
        if not picked and not ctx.selected:
            form.stop("nothing", "Nothing is selected", NOTHING)
        elif field is not None:
            source = "selected_labels" if selected_ids(ctx, field) else "selected_samples"
            if source == "selected_samples" and not ctx.selected:
                form.reject("label_field", f"no label of field {field!r} is selected.")
                return
            counts = source_counts(ctx, field, source, None)
            if not counts:
                form.reject("label_field", f"the selected samples have no labels in {field!r}.")
            form.note("counts", counted(sum(counts.values()), "reference"), format_counts(counts))
            warn_of_editors(form, field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Tag them; they stay selected."""
        field = ctx.params.get("label_field", "ground_truth")
        tag = ctx.params.get("tag", "reference").strip()
        if not ctx.selected and not ctx.selected_labels:
            raise ntt.NttError(f"nothing is selected. {NOTHING}")
        ids = selected_ids(ctx, field)
        source = "selected_labels" if ids else "selected_samples"
        samples, _ = source_samples(ctx, field, source, None)
        counts = ntt.tag_references(samples, field, label_ids=ids or None, tag=tag)
        total = sum(counts.values())
        before = f"; {counts.kept} of them had the tag before" if counts.kept else ""
        message = f"{counted(total, 'label')} tagged {tag!r}: {format_counts(counts)}{before}."
        return Outcome(message, {"counts": dict(counts), "kept": counts.kept})

    def __call__(self, samples: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.tag_references`, which see."""
        return ntt.tag_references(samples, label_field, **options)
