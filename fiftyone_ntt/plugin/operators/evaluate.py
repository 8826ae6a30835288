"""Operator: evaluate predictions."""

from __future__ import annotations

from typing import Any, cast

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import fiftyone.operators.types as types
from fiftyone import ViewField as F

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import count_boxes, labels_path, once_per_prompt, sample_tags
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
        with form.advanced():
            tags = {tag: f"Samples tagged {tag!r}" for tag in sorted(sample_tags(form.ctx))}
            default = "reference" if "reference" in tags else EVERYTHING
            left_out = form.choice(
                "leave_out", "Leave out", {EVERYTHING: "Nothing", **tags}, default
            )
            form.fraction("confidence_thresh", "Confidence threshold", 0.0)
            form.choice("crowds", "Labels marked as crowds are", _CROWDS, "ignore")
        if kind and predictions and truth and predictions != truth:
            _check_content(form, predictions, truth, kind, left_out or EVERYTHING)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Evaluate and save under the key."""
        given = ctx.params
        samples = _samples(ctx, given.get("leave_out", EVERYTHING))
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


def _samples(ctx: Context, left_out: str) -> foc.SampleCollection:
    samples = target_images(ctx)
    return samples if left_out == EVERYTHING else samples.match_tags(left_out, bool=False)


def _check_content(form: Form, predictions: str, truth: str, kind: str, left_out: str) -> None:
    """Say beside the field what cannot be evaluated there, and how many images take part."""
    target = str(form.ctx.request_params.get("view_target"))
    images = _count(form.ctx, left_out, target)
    if not images:
        form.reject("pred_field", "no images take part. Choose others, or leave out fewer.")
        return
    unranked = _unranked(form.ctx, predictions, left_out, target)
    if unranked:
        form.reject("pred_field", f"{unranked} of them have no confidence, so nothing ranks them.")
    for field, name in ((predictions, "pred_field"), (truth, "gt_field")):
        bare = 0 if kind == "boxes" else _without_mask(form.ctx, field, left_out, target)
        if bare:
            labels = counted(bare, "label")
            way_out = "Compare boxes, or run “Boxes to masks” first."
            form.reject(name, f"{labels} of {field!r} are boxes without masks. {way_out}")
        if lines := _open_lines(form.ctx, field, left_out, target):
            text = f"{counted(lines, 'polyline')} of {field!r} enclose nothing: they are open."
            form.reject(name, f"{text} Close them, fill them, or delete them.")
    form.note("images", counted(images, "image"))


@once_per_prompt
def _count(ctx: Context, left_out: str, target: str) -> int:
    """Images that take part."""
    return int(_samples(ctx, left_out).count())


@once_per_prompt
def _unranked(ctx: Context, field: str, left_out: str, target: str) -> int:
    """Predictions without a confidence."""
    samples, path = _samples(ctx, left_out), labels_path(ctx.dataset, field)
    total = int(samples.count(path))
    if ctx.dataset.get_field(f"{path}.confidence") is None:
        return total
    return total - int(samples.count(f"{path}.confidence"))


@once_per_prompt
def _without_mask(ctx: Context, field: str, left_out: str, target: str) -> int:
    """Labels of a field that are boxes alone; polylines have an inside."""
    return count_boxes(_samples(ctx, left_out), field)


@once_per_prompt
def _open_lines(ctx: Context, field: str, left_out: str, target: str) -> int:
    """Polylines of a field that are neither closed nor filled."""
    path = labels_path(ctx.dataset, field)
    if not path.endswith(f".{fol.Polylines._LABEL_LIST_FIELD}"):
        return 0
    lines = _samples(ctx, left_out).filter_labels(field, ~(F("closed") | F("filled")))
    return int(lines.count(path))


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
