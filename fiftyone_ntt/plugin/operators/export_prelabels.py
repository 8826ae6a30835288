"""Operator: write predictions as files of an annotation tool."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.exports import export_folder
from fiftyone_ntt.plugin.shared.form import SHAPE_TYPES, Form
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step
from fiftyone_ntt.plugin.shared.target_choice import choose_target
from fiftyone_ntt.plugin.shared.views import target_images

_TOOLS = {
    "cvat": "CVAT",
    "label-studio": "Label Studio",
    "labelme": "labelme",
    "coco": "COCO, as many tools read it",
    "yolo": "YOLO",
    "voc": "Pascal VOC",
}


class ExportPrelabels(NttOperator):
    """Writes predictions into a folder, for people to correct them in an annotation tool."""

    NAME = "export_prelabels"
    LABEL = "Export pre-labels"
    DESCRIPTION = "Predictions as files that CVAT, Label Studio, labelme and others open"
    ICON = "download"
    RISK = types.RiskLevel.LOW
    WRITES_LABELS = False
    NOUN = "images"
    VIEW_TARGET = True

    def fill(self, form: Form) -> None:
        """The samples, the labels, the tool and a new folder."""
        choose_target(form)
        field = form.label_field("label_field", "Labels", SHAPE_TYPES, prefer="predictions")
        form.choice("to", "For", _TOOLS, "cvat")
        name = form.text("folder", "New folder", "pre-labels", description="In the exports folder")
        try:
            export_folder(name or "")
        except ntt.NttError as error:
            form.reject("folder", str(error))
        with form.advanced():
            form.flag("include_rejected", "Rejected ones too")
        if field is not None:
            form.note("kept", "Keep prelabels.jsonl in that folder", "It takes corrections back")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Write the files; what the format cannot hold is the warning."""
        given = ctx.params
        report = ntt.export_prelabels(
            target_images(ctx),
            given.get("label_field") or "predictions",
            export_folder(required(given, "folder")),
            given.get("to", "cvat"),
            include_rejected=given.get("include_rejected", False),
            progress=step,
        )
        head, *told = str(report).splitlines()
        return Outcome(
            f"{head}.",
            {"folder": str(report.folder), "labels": report.labels, "images": report.images},
            warning="\n".join(line.strip() for line in told) or None,
        )

    def __call__(self, samples: Any, field: str, folder: Any, to: Any, **options: Any) -> Any:
        """`fiftyone_ntt.export_prelabels`, which see; it takes any folder."""
        return ntt.export_prelabels(samples, field, folder, to, **options)
