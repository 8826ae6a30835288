"""Operator: learn what a memory bank's scores mean."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.bank_choice import choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.method_choice import choose_mode, choose_prompts, chosen_prompts
from fiftyone_ntt.plugin.shared.model_choice import TORCH, choose_device
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.prediction_run import choose_instances, chosen_instances
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.suggested_thresholds import PRECISION, describe_thresholds
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

REFERENCES, LABELS = "references", "labels"
_WAYS = {
    REFERENCES: "The references' images, each with the bank of the others",
    LABELS: "Other images, completely labelled",
}


class CalibrateMemoryBank(NttOperator):
    """Learns the chance that a bank's predictions are right, and keeps it with the bank."""

    NAME = "calibrate_memory_bank"
    LABEL = "Calibrate memory bank"
    DESCRIPTION = "Learn how likely predictions are right, and which thresholds to use"
    ICON = "speed"
    RISK = types.RiskLevel.MEDIUM
    WRITES_LABELS = False
    NEEDS = TORCH
    NOUN = "images"
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, the bank, what to learn from, and the settings of the predictions."""
        choose_target(form)
        choose_bank(form)
        if form.choice("learn_from", "Learn from", _WAYS, REFERENCES) == LABELS:
            form.label_field("gt_field", "Ground truth", SHAPE_TYPES, prefer="ground_truth")
        with form.advanced():
            choose_mode(form, stored=True)
            choose_prompts(form)
            choose_instances(form)
            choose_device(form)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Calibrate, and show the suggested thresholds."""
        given = ctx.params
        labelled = given.get("learn_from", REFERENCES) == LABELS
        found = ntt.calibrate(
            target_images(ctx),
            required(given, "bank"),
            given.get("gt_field", "ground_truth") if labelled else None,
            mode=given.get("mode", "paper"),
            device=given.get("device", "auto"),
            progress=step,
            **chosen_prompts(given),
            **chosen_instances(given),
        )
        thresholds = found.thresholds(PRECISION)
        return Outcome(
            f"Learned from {int(found.found.sum())} predictions on {found.images} images: scores "
            f"are {found.raw_error:.2f} off the truth, calibrated {found.error:.2f}. "
            + describe_thresholds(thresholds),
            {"thresholds": thresholds, "error": found.error, "raw_error": found.raw_error},
            warning=_warning(found.source),
        )

    def __call__(self, samples: Any, bank: Any, *arguments: Any, **options: Any) -> Any:
        """`fiftyone_ntt.calibrate`, which see."""
        return ntt.calibrate(samples, bank, *arguments, **options)


def _warning(source: str) -> str | None:
    if source != "references":
        return None
    return (
        "Nothing but the references is labelled on their images. Of things that look like the "
        "classes and are none this knows nothing: where there are such, thresholds are too low."
    )
