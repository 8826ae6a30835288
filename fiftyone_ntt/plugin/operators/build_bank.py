"""Operator: build a memory bank."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.bank_choice import check_new_name
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import format_counts
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.model_choice import (
    TORCH,
    choose_device,
    choose_models,
    choose_precision,
)
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.sources import (
    LABEL_TAG,
    choose_source,
    source_counts,
    source_samples,
)
from fiftyone_ntt.plugin.shared.streaming import Step

_NAMED_CLASSES, _LONGEST_NAME = 3, 40
"""Of how many classes a bank is named, and how long that may be."""


class BuildMemoryBank(NttOperator):
    """Builds a memory bank of tagged, shown or selected labels, and saves it."""

    NAME = "build_memory_bank"
    LABEL = "Build memory bank"
    DESCRIPTION = "Encode labelled references of your classes into a memory bank"
    ICON = "library_add"
    RISK = types.RiskLevel.MEDIUM
    WRITES_LABELS = False
    NEEDS = TORCH
    NOUN = "references"
    PLACE = types.Places.HEADER_ACTIONS

    def fill(self, form: Form) -> None:
        """Where the references are, their classes, the bank's name and the models."""
        field = form.label_field("label_field", "Labels", SHAPE_TYPES, prefer="ground_truth")
        counts: dict[str, int] = {}
        if field is not None:
            source, tag = choose_source(form, field)
            if source is not None:
                counts = source_counts(form.ctx, field, source, tag)
        known = {bank.name: bank for bank in ntt.list_memory_banks(form.ctx.dataset)}
        name = form.text("name", "Name", _free_name(list(known), counts))
        replaced = known.get(name)
        overwrite = replaced is not None and form.flag("overwrite", f"Replace memory bank {name!r}")
        check_new_name(form, "name", name, overwrite)
        if overwrite and replaced is not None:
            _show_loss(form, replaced)
        choose_models(form, of=replaced)
        with form.advanced():
            chosen = _choose_classes(form, counts)
            choose_device(form)
            choose_precision(form, of=replaced)
        if field is not None and source is not None:
            _show_counts(form, counts, chosen)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Build and save the bank; notes on its references are the warning."""
        given = ctx.params
        field = given.get("label_field", "ground_truth")
        source, tag = given.get("source", LABEL_TAG), given.get("tag", "reference")
        samples, ids = source_samples(ctx, field, source, tag)
        bank = ntt.build_memory_bank(
            samples,
            field,
            name=required(given, "name").strip(),
            models=given.get("models", "paper"),
            device=given.get("device", "auto"),
            precision=given.get("precision", "float32"),
            label_tags=tag if source == LABEL_TAG else None,  # the bank then knows if they change
            label_ids=ids or None,
            classes=given.get("classes") or None,
            overwrite=given.get("overwrite", False),
            progress=step,
        )
        counts = bank.class_counts()
        return Outcome(
            f"Memory bank {bank.name!r}: {counted(len(bank.references), 'reference')} "
            f"({format_counts(counts)}).",
            {"name": bank.name, "counts": counts, "notes": list(bank.notes)},
            warning="\n".join(bank.notes) or None,
        )

    def __call__(self, samples: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.build_memory_bank`, which see."""
        return ntt.build_memory_bank(samples, label_field, **options)


def _free_name(known: list[str], counts: dict[str, int]) -> str:
    """A name that no bank has, of its classes where these are few."""
    few = "-".join(sorted(counts)) if 0 < len(counts) <= _NAMED_CLASSES else ""
    name = few if few and len(few) <= _LONGEST_NAME else counted(len(counts), "class")
    names = (name, *(f"{name} {number}" for number in range(2, len(known) + 2)))
    return next(name for name in names if name not in known)


def _show_loss(form: Form, replaced: Any) -> None:
    """What was changed in the bank by hand is not in the labels it is built from again."""
    if replaced.edited:
        form.warn(
            "changed",
            f"Memory bank {replaced.name!r} was changed by hand: {replaced.change}",
            "Built again from the labels, it is as they say. *Undo* in the Memory Bank panel "
            "brings this one back.",
        )


def _choose_classes(form: Form, counts: dict[str, int]) -> list[str]:
    options = {name: f"{name} ({count})" for name, count in sorted(counts.items())}
    return form.choices("classes", "Classes", options, description="All, if none is chosen")


def _show_counts(form: Form, counts: dict[str, int], chosen: list[str]) -> None:
    used = {name: counts[name] for name in chosen if name in counts} or counts
    if not counts:
        form.reject("source", "no labels there. Tag or select some, or choose another field.")
    references = counted(sum(used.values()), "reference")
    form.note("counts", f"{references} of {counted(len(used), 'class')}", format_counts(used))
