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
_SHOTS = ("1", "3", "5", "10", "30")
OTHER = "other"
_USUAL_SHOTS = "10"


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
        _choose_shots(form)
        if form.choice("strategy", "Choose", _STRATEGIES, "random") == "diverse":
            choose_models(form)
        choose_new_tag(form, field)
        with form.advanced():
            form.integer("seed", "Seed", 33, description="The same seed draws the same references")
            form.integer("min_size", "Least width and height", 32, description="Pixels")
            text = "Least distance from the image's border"
            form.integer("border", text, 10, description="Pixels")
            form.flag("overwrite", "First remove the tag from everything else in this field")
            if form.ctx.params.get("strategy") == "diverse":
                choose_device(form)
                choose_precision(form)
        if field is not None:
            warn_of_editors(form, field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Choose and tag; counts them by class."""
        given = ctx.params
        chosen = ntt.sample_references(
            target_images(ctx),
            given.get("label_field", "ground_truth"),
            shots=_chosen_shots(given),
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


def _choose_shots(form: Form) -> None:
    """How many references of each class: one of the usual numbers, or any."""
    given = form.ctx.params.get("shots")
    if isinstance(given, int):  # of a call from the SDK
        form.integer("shots", "References per class", int(_USUAL_SHOTS), low=1)
        return
    options = {**{count: count for count in _SHOTS}, OTHER: "another number"}
    label = "References per class"
    if form.choice("shots", label, options, _USUAL_SHOTS, side_by_side=True) == OTHER:
        form.integer("other_shots", "Another number", int(_USUAL_SHOTS), low=1)


def _chosen_shots(given: dict[str, Any]) -> int:
    """The answer to `_choose_shots`.

    Raises:
        NttError: it is no number.
    """
    chosen = given.get("shots", _USUAL_SHOTS)
    chosen = given.get("other_shots", _USUAL_SHOTS) if chosen == OTHER else chosen
    try:
        return int(chosen)
    except (TypeError, ValueError) as error:
        raise ntt.NttError(f"{chosen!r} is no number of references. Choose one.") from error
