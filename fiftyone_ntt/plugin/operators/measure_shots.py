"""Operator: measure how many references are enough."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import sample_tags
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.method_choice import choose_mode, choose_prompts, chosen_prompts
from fiftyone_ntt.plugin.shared.model_choice import TORCH, choose_device, choose_models
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.slices import dataset_images
from fiftyone_ntt.plugin.shared.streaming import Step

REST = "(all other labelled samples)"
_SHOTS = ("1", "2", "3", "5", "10", "20", "30")
_DEFAULT_SHOTS = ("1", "3", "5", "10")
_PANEL = "shots_curve_panel"


class MeasureShots(NttOperator):
    """Measures a shots curve on labelled samples, and opens its panel."""

    NAME = "measure_shots"
    LABEL = "Measure shots curve"
    DESCRIPTION = "Average precision on labelled samples with 1, 3, 5, ... references per class"
    ICON = "show_chart"
    RISK = types.RiskLevel.LOW
    WRITES_LABELS = False
    NEEDS = TORCH
    NOUN = "images"

    def fill(self, form: Form) -> None:
        """The labels, the candidates and targets, the shots and draws, and the models."""
        form.label_field("label_field", "Labels", SHAPE_TYPES, prefer="ground_truth")
        tags = {tag: f"Samples tagged {tag!r}" for tag in sorted(sample_tags(form.ctx))}
        default = next(iter(tags), None)
        chosen = form.choice("candidates", "Draw references from", tags, default)
        if not tags:
            form.reject("candidates", "no sample has a tag. Tag those to draw references from.")
        rest = {tag: text for tag, text in tags.items() if tag != chosen}
        form.choice("targets", "Score on", {REST: "All other labelled samples", **rest}, REST)
        form.choices(
            "shots",
            "References per class",
            {count: count for count in _SHOTS},
            description=f"{', '.join(_DEFAULT_SHOTS)}, if none is chosen",
        )
        choose_models(form)
        with form.advanced():
            form.integer("draws", "Draws of each", 3, low=1, description="Their spread is shown")
            name = form.text("name", "Name", "shots", description="Under which the curve is kept")
            problem = ntt.shots_curve_name_problem(form.ctx.dataset, name) if name else None
            if problem is not None:
                form.reject("name", problem)
            form.flag("overwrite", "Replace another curve of this name")
            choose_mode(form, stored=True)
            choose_prompts(form)
            choose_device(form)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Measure the curve and keep it on the dataset."""
        given = ctx.params
        field = given.get("label_field", "ground_truth")
        tag, other = required(given, "candidates"), given.get("targets", REST)
        labelled = dataset_images(ctx).exists(field)
        candidates = labelled.match_tags(tag)
        targets = (
            labelled.match_tags(tag, bool=False) if other == REST else labelled.match_tags(other)
        )
        curve = ntt.shots_curve(
            candidates,
            targets,
            field,
            shots=[int(count) for count in given.get("shots") or _DEFAULT_SHOTS],
            seeds=range(given.get("draws", 3)),
            name=given.get("name", "shots").strip(),
            models=given.get("models", "paper"),
            device=given.get("device", "auto"),
            mode=given.get("mode", "paper"),
            **chosen_prompts(given),
            overwrite=given.get("overwrite", False),
            progress=step,
        )
        means = {count: curve.mean(count, "masks", "AP") for count in curve.shots}
        shown = ", ".join(f"{count}: {100 * mean:.1f}" for count, mean in means.items())
        return Outcome(
            f"Mask AP on {len(targets)} images by references per class: {shown}.",
            {"masks AP": {str(count): mean for count, mean in means.items()}},
            panel=_PANEL,
            panel_state={"curve": given.get("name", "shots").strip()},
        )

    def __call__(self, candidates: Any, targets: Any, label_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.shots_curve`, which see."""
        return ntt.shots_curve(candidates, targets, label_field, **options)
