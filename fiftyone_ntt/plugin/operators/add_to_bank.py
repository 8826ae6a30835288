"""Operator: add what is selected to a memory bank."""

from __future__ import annotations

from collections import Counter
from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import format_counts
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.model_choice import TORCH
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.picked import NOTHING, picked_sources, place_of_picked
from fiftyone_ntt.plugin.shared.sources import USUAL_TAG, source_counts, source_samples
from fiftyone_ntt.plugin.shared.streaming import Step

OWN = "own"
"""The choice of a class that leaves each label its own."""


class AddToMemoryBank(NttOperator):
    """Makes predictions, or other labels, references of a saved memory bank."""

    NAME = "add_to_memory_bank"
    LABEL = "Add to memory bank"
    DESCRIPTION = "Add the selected predictions or labels, with their masks, to a memory bank"
    ICON = "bookmark_add"
    RISK = types.RiskLevel.MEDIUM
    NEEDS = TORCH

    def resolve_placement(self, ctx: Context) -> types.Placement:
        """Its button above the grid or, while a sample is open, above that."""
        return place_of_picked(ctx, self.LABEL, self.ICON)

    def fill(self, form: Form) -> None:
        """The bank and the class; shows what is selected."""
        picked = picked_sources(form.ctx)
        if not picked:
            form.stop("nothing", "Nothing is selected", NOTHING)
            return
        counts = _counts(form.ctx, picked)
        form.note("counts", counted(sum(counts.values()), "label"), format_counts(counts))
        bank = choose_bank(form)
        known = [found for found in ntt.list_memory_banks(form.ctx.dataset) if found.name == bank]
        own = "As they are labelled" if len(counts) > 1 else f"{next(iter(counts), '')} (its label)"
        names = [name for found in known for name in found.classes]
        form.choice("label", "Class", {OWN: own, **{name: name for name in names}}, OWN)
        form.flag(
            "tag",
            f"Tag as {USUAL_TAG!r} too",
            default=True,
            description="Tagged predictions stay when predictions are made anew",
        )

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Encode and add them, and tag them."""
        name, picked = required(ctx.params, "bank"), picked_sources(ctx)
        if not picked:
            raise ntt.NttError(f"nothing is selected. {NOTHING}")
        chosen = ctx.params.get("label", OWN)
        added = sum(_counts(ctx, picked).values())
        for field, source in picked.items():
            samples, ids = source_samples(ctx, field, source, None)
            bank = ntt.add_references(
                samples,
                name,
                field,
                label_ids=ids or None,
                label=None if chosen == OWN else chosen,
                device="auto",
                progress=False,
            )
            if ctx.params.get("tag", True):
                ntt.tag_references(samples, field, label_ids=ids or None, tag=USUAL_TAG)
        return Outcome(
            f"{counted(added, 'label')} added to memory bank {name!r}: "
            f"{sum(bank.classes.values())} references of {len(bank.classes)} classes.",
            {"name": name, "added": added, "classes": bank.classes},
        )

    def __call__(self, samples: Any, bank: str, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.add_references`, which see."""
        return ntt.add_references(samples, bank, label_field, **options)


def _counts(ctx: Context, picked: dict[str, str]) -> dict[str, int]:
    """Selected labels by class."""
    counts: Counter[str] = Counter()
    for field, source in picked.items():
        counts.update(source_counts(ctx, field, source, None))
    return dict(counts)
