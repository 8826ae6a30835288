"""Operator: choose references per class, at random or the better ones."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.model_choice import (
    TORCH,
    choose_device,
    choose_models,
    choose_precision,
)
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome
from fiftyone_ntt.plugin.shared.sources import choose_new_tag
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

_STRATEGIES = {
    "random": "At random, as published protocols do",
    "diverse": "Those that tell the classes apart, of 50 random ones each: slower, more accurate",
}


class SampleReferences(NttOperator):
    """Chooses references, at random by seed or the better ones of many, and tags them."""

    NAME = "sample_references"
    LABEL = "Sample references"
    DESCRIPTION = "Choose some labels per class, and tag them as references"
    ICON = "casino"
    RISK = types.RiskLevel.MEDIUM
    NEEDS = TORCH
    NOUN = "labels"
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples and labels, the shots, how they are chosen, the tag and what qualifies."""
        choose_target(form)
        field = form.label_field("label_field", "Labels", SHAPE_TYPES, prefer="ground_truth")
        form.integer("shots", "References per class", 10, low=1)
        form.integer("seed", "Seed", 33, description="The same seed draws the same references")
        if form.choice("strategy", "Choose", _STRATEGIES, "random") == "diverse":
            choose_models(form)
            choose_device(form)
            choose_precision(form)
        choose_new_tag(form, field)
        form.integer("min_size", "Least width and height", 32, description="Pixels")
        form.integer("border", "Least distance from the image's border", 10, description="Pixels")
        form.flag("overwrite", "First remove the tag from everything else in this field")
        if field is not None:
            warn_of_editors(form, field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Choose and tag; counts them by class."""
        given = ctx.params
        chosen = ntt.sample_references(
            target_images(ctx),
            given.get("label_field", "ground_truth"),
            shots=given.get("shots", 10),
            seed=given.get("seed", 33),
            tag=given.get("tag", "reference").strip(),
            min_size=given.get("min_size", 32),
            border=given.get("border", 10),
            overwrite=given.get("overwrite", False),
            strategy=given.get("strategy", "random"),
            models=given.get("models", "paper"),
            device=given.get("device", "auto"),
            precision=given.get("precision", "float32"),
            progress=step,
        )
        counted = {"counts": chosen.counts, "kept": chosen.kept, "untagged": chosen.untagged}
        return Outcome(f"{chosen}.", {"tag": chosen.tag, **counted})

    def __call__(self, samples: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.sample_references`, which see."""
        return ntt.sample_references(samples, label_field, **options)
