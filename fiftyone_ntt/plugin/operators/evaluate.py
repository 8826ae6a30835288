"""Operator: evaluate predictions."""

from __future__ import annotations

from typing import Any, cast

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import counted, sample_tags
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

_KINDS = {"both": "Masks and boxes", "masks": "Masks", "boxes": "Boxes"}
_CROWDS = {"ignore": "Crowds, as COCO has them", "objects": "Objects like the others"}
_PANEL = "model_evaluation_panel_builtin"
EVERYTHING = "(leave none out)"


class EvaluatePredictions(NttOperator):
    """Evaluates predictions against ground truth, and opens the Model Evaluation panel."""

    NAME = "evaluate_predictions"
    LABEL = "Evaluate predictions"
    DESCRIPTION = "COCO-style evaluation by masks, boxes, or both"
    ICON = "analytics"
    RISK = types.RiskLevel.MEDIUM
    NOUN = "images"
    PLACE = types.Places.HEADER_ACTIONS
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, both fields, the evaluation key and what takes part."""
        choose_target(form)
        predictions = form.label_field(
            "pred_field", "Predictions", SHAPE_TYPES, prefer="predictions"
        )
        truth = form.label_field("gt_field", "Ground truth", SHAPE_TYPES, prefer="ground_truth")
        if predictions is not None and predictions == truth:
            form.reject("gt_field", "this is the predictions' field. Choose another.")
        key = form.text("eval_key", "Evaluation key", "ntt")
        kind = form.choice("iou", "Compare", _KINDS, "both")
        if key and kind and predictions and truth:
            _check_key(form, key, predictions, truth, kind)
        tags = {tag: f"Samples tagged {tag!r}" for tag in sorted(sample_tags(form.ctx))}
        default = "reference" if "reference" in tags else EVERYTHING
        form.choice("leave_out", "Leave out", {EVERYTHING: "Nothing", **tags}, default)
        form.fraction("confidence_thresh", "Confidence threshold", 0.0)
        form.choice("crowds", "Labels marked as crowds are", _CROWDS, "ignore")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Evaluate and save under the key."""
        given = ctx.params
        samples, left_out = target_images(ctx), given.get("leave_out", EVERYTHING)
        if left_out != EVERYTHING:
            samples = samples.match_tags(left_out, bool=False)
        results = ntt.evaluate(
            samples,
            given.get("pred_field", "predictions"),
            given.get("gt_field", "ground_truth"),
            eval_key=given.get("eval_key", "ntt"),
            iou=given.get("iou", "both"),
            confidence_thresh=given.get("confidence_thresh") or None,
            crowds=given.get("crowds", "ignore"),
            progress=step,
        )
        metrics = {
            "masks": (results.mask_map, results.mask_ap50),
            "boxes": (results.box_map, results.box_ap50),
        }
        shown = [
            f"{kind} mAP {100 * whole:.1f}, AP50 {100 * half:.1f}"
            for kind, (whole, half) in metrics.items()
            if whole is not None and half is not None
        ]
        return Outcome(
            f"Evaluated {counted(len(samples), 'image')} as {', '.join(results.eval_keys)}: "
            f"{'; '.join(shown)}.",
            {"eval_keys": list(results.eval_keys), "table": results.table()},
            warning="\n".join(results.notes) or None,
            panel=_PANEL,
            panel_state=_shown(ctx, results.eval_keys[0]),
        )

    def __call__(self, samples: Any, pred_field: str, gt_field: str, **options: Any) -> Any:
        """`fiftyone_ntt.evaluate`, which see."""
        return ntt.evaluate(samples, pred_field, gt_field, **options)


def _shown(ctx: Context, key: str) -> dict[str, Any]:
    """What has FiftyOne's panel open an evaluation, instead of a list of all."""
    found = ctx.dataset._doc.evaluations[key]
    return {"view": {"init": True, "page": "evaluation", "key": key, "id": str(found.id)}}


def _check_key(form: Form, key: str, predictions: str, truth: str, kind: str) -> None:
    problem = ntt.evaluation_key_problem(
        form.ctx.dataset, key, predictions, truth, iou=cast(Any, kind)
    )
    if problem is not None:
        form.reject("eval_key", problem)
    elif key in form.ctx.dataset.list_evaluations():
        form.warn("replaces", f"Replaces the evaluation {key!r}")
