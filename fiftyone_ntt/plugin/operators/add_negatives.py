"""Operator: give a memory bank negative references."""

from __future__ import annotations

from collections import Counter
from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import format_counts, label_tags
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.method_choice import choose_mode, choose_prompts, chosen_prompts
from fiftyone_ntt.plugin.shared.model_choice import TORCH, choose_device
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

ACTIONS = {
    "mine": "Mine: the bank's false positives on labelled images",
    "tagged": "Labels tagged by hand: false positives, with the class they were taken for",
    "background": "Background: what surrounds the references",
}
_USUAL_TAG = "negative"


class AddNegatives(NttOperator):
    """Gives a saved memory bank mined, tagged or background negatives."""

    NAME = "add_negatives"
    LABEL = "Add negatives to memory bank"
    DESCRIPTION = "Things that a memory bank's classes must not be confused with"
    ICON = "do_not_disturb_on"
    RISK = types.RiskLevel.MEDIUM
    WRITES_LABELS = False
    NEEDS = TORCH
    NOUN = "items"
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The kind of negatives, the bank, the samples and their labels."""
        action = form.choice("action", "Negatives", ACTIONS, "mine")
        choose_bank(form)
        if action is not None:
            choose_target(form)
            _choose_labels(form, action)
            with form.advanced():
                if action == "mine":
                    choose_mode(form, stored=True)
                    choose_prompts(form)
                choose_device(form)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Save the bank with its negatives; counts them by origin."""
        given = ctx.params
        action = given.get("action", "mine")
        if action not in ACTIONS:
            raise ntt.NttError(f"unknown action {action!r}. Pass one of: {', '.join(ACTIONS)}.")
        before = ntt.load_memory_bank(ctx.dataset, required(given, "bank"))
        bank = _with_negatives(before, target_images(ctx), action, given, step)
        ntt.save_memory_bank(ctx.dataset, bank, overwrite=True)
        counts = dict(Counter(bank.negative_origins))
        return Outcome(
            f"Memory bank {bank.name!r} has {len(bank.negatives)} negatives"
            f"{f' ({format_counts(counts)})' if counts else ''}, and had {len(before.negatives)}.",
            {"name": bank.name, "negatives": counts},
            warning=None if len(bank.negatives) else "There were none to be found.",
        )

    def __call__(self, samples: Any, bank: str, action: str = "mine", **params: Any) -> Any:
        """The saved bank with its negatives; `params` are the form's: `label_field`, `tag`, ..."""
        if action not in ACTIONS:
            raise ntt.NttError(f"unknown action {action!r}. Pass one of: {', '.join(ACTIONS)}.")
        before = ntt.load_memory_bank(samples, bank)
        changed = _with_negatives(before, samples, action, params, params.get("progress"))
        ntt.save_memory_bank(samples, changed, overwrite=True)
        return changed


def _choose_labels(form: Form, action: str) -> None:
    prefer = "predictions" if action == "tagged" else "ground_truth"
    field = form.label_field("label_field", "Labels", SHAPE_TYPES, prefer=prefer)
    if action == "mine":
        form.integer("per_class", "Negatives per class", 10, low=1)
        form.note("complete", "Every object of the classes must be labelled in these images")
    elif action == "tagged" and field is not None:
        counts = label_tags(form.ctx, field)
        tags = {tag: f"{tag} ({count} labels)" for tag, count in sorted(counts.items())}
        default = _USUAL_TAG if _USUAL_TAG in tags else next(iter(tags), None)
        form.choice("tag", "Tag", tags, default)
        if not tags:
            form.reject("tag", f"no label in field {field!r} has a tag. Tag some in the App.")


def _with_negatives(
    bank: Any, samples: Any, action: str, given: dict[str, Any], step: Step | bool | None
) -> Any:
    options = {"device": given.get("device", "auto"), "progress": step}
    if action == "mine":
        return ntt.mine_negatives(
            samples,
            bank,
            given.get("label_field", "ground_truth"),
            per_class=given.get("per_class", 10),
            mode=given.get("mode", "paper"),
            **chosen_prompts(given),
            **options,
        )
    if action == "tagged":
        field, tag = given.get("label_field", "predictions"), given.get("tag", _USUAL_TAG)
        return ntt.add_tagged_negatives(samples, bank, field, tag=tag, **options)
    field = given.get("label_field", "ground_truth")
    return ntt.add_background_negatives(samples, bank, field, **options)
