"""Operator behind the Memory Bank panel: what a bank would write, on a few images."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.app_words import in_app_words
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.method_choice import choose_mode, choose_prompts, chosen_prompts
from fiftyone_ntt.plugin.shared.model_choice import TORCH, check_models, choose_device
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.prediction_run import (
    choose_bank_of_run,
    choose_instances,
    choose_threshold,
    chosen_instances,
)
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.views import target_images

MOST = 6
"""Images that are tried: a look, and quick."""


class TryBank(NttOperator):
    """Shows what a memory bank finds on a few images, and writes nothing."""

    NAME = "try_memory_bank"
    LABEL = "Try memory bank"
    DESCRIPTION = "Show what a bank finds on a few images, without writing it"
    ICON = "preview"
    RISK = types.RiskLevel.LOW
    WRITES_LABELS = False
    NEEDS = TORCH
    VIEW_TARGET = True
    UNLISTED = True

    def fill(self, form: Form) -> None:
        """The samples, the bank and the settings, as of the operator that segments."""
        bank = choose_bank_of_run(form)
        if bank is not None:
            check_models(form, "bank", bank.models.get("name"))
        choose_threshold(form)
        with form.advanced():
            choose_instances(form)
            choose_prompts(form, choose_mode(form))
            choose_device(form)
        form.note("tried", f"{MOST} images at most; nothing is written")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Find, and draw; the pictures are the result."""
        name, field = required(ctx.params, "bank"), ctx.params.get("label_field")
        images = target_images(ctx)
        tried = ntt.try_out(
            images,
            name,
            mode=ctx.params.get("mode", "paper"),
            device=ctx.params.get("device", "auto"),
            confidence_thresh=ctx.params.get("confidence_thresh", 0.0),
            **chosen_prompts(ctx.params),
            **chosen_instances(ctx.params),
            most=MOST,
            progress=step,
        )
        classes = ntt.load_memory_bank(ctx.dataset, name).classes
        before = _before(images, field, tried)
        text = _described(tried, before, ctx.params.get("confidence_thresh", 0.0))
        shown = [_shown(images, one, classes) for one in tried if one.reason is None]
        return Outcome(text, {"bank": name, "text": text, "images": shown})

    def __call__(self, samples: Any, bank: Any, **options: Any) -> Any:
        """`fiftyone_ntt.try_out`, which see."""
        return ntt.try_out(samples, bank, **options)


def _before(
    images: foc.SampleCollection, field: str | None, tried: Sequence[ntt.TriedImage]
) -> int | None:
    """Labels that a field has on the images that were tried; None where there is no field."""
    if not field or images._root_dataset.get_field(field) is None:
        return None
    ids = [one.sample_id for one in tried if one.reason is None]
    return int(images._root_dataset.select(ids).count(f"{field}.detections"))


def _described(tried: Sequence[ntt.TriedImage], before: int | None, threshold: float) -> str:
    """What came of it, for people."""
    done = [one for one in tried if one.reason is None]
    found = sum(len(one.detections.detections) for one in done)
    now = f"{found} predictions" if before is None else f"{before} → {found} predictions"
    text = f"{now} on {len(done)} images at {threshold:.2f} or more; nothing is written."
    if reasons := sorted({one.reason for one in tried if one.reason is not None}):
        text += f" {len(tried) - len(done)} failed: {in_app_words(reasons[0])}"
    return text


def _shown(
    images: foc.SampleCollection, tried: ntt.TriedImage, classes: tuple[str, ...]
) -> dict[str, Any]:
    """An image as the panel draws it."""
    picture = base64.b64encode(ntt.tried_picture(images, tried, classes)).decode()
    return {
        "sample": tried.sample_id,
        "name": Path(tried.filepath).name,
        "count": len(tried.detections.detections),
        "picture": f"data:image/jpeg;base64,{picture}",
    }
