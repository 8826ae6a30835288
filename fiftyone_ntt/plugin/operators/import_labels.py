"""Operator: import labels of an annotation tool."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form, field_problem
from fiftyone_ntt.plugin.shared.label_choice import choose_labels, chosen_labels
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step

_ON_ERROR = {"raise": "Stop before anything is written", "skip": "Leave them out and list them"}
_CROWDS = {"ignore": "Crowds, as COCO has them", "objects": "Objects like the others"}


class ImportLabels(NttOperator):
    """Imports the labels of an annotation tool into a field of the dataset that is open."""

    NAME = "import_labels"
    LABEL = "Import labels"
    DESCRIPTION = (
        "Labels of COCO, YOLO, CVAT, labelme and others as detections with pixel-exact masks"
    )
    ICON = "upload_file"
    RISK = types.RiskLevel.MEDIUM
    NOUN = "images"

    def fill(self, form: Form) -> None:
        """The labels, the field, and what becomes of records that do not fit."""
        choose_labels(form)
        field = form.text("field", "Field", "ground_truth")
        problem = field_problem(form.ctx.dataset, field) if field else None
        if problem is not None:
            form.reject("field", problem)
        with form.advanced():
            form.choice("on_error", "Records that cannot be used", _ON_ERROR, "raise")
            form.choice("crowds", "Annotations marked as crowds are", _CROWDS, "ignore")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Import into the dataset; what was left out or read otherwise is the warning."""
        given = ctx.params
        report = ntt.import_labels(
            dataset=ctx.dataset,
            field=given.get("field") or "ground_truth",
            on_error=given.get("on_error", "raise"),
            crowds=given.get("crowds", "ignore"),
            progress=step,
            **chosen_labels(given, required(given, "path").strip()),
        )
        read_as, head, *told = str(report).splitlines()
        return Outcome(
            f"{head}, {read_as}.",
            {
                "format": report.format,
                "images": report.images,
                "annotations": report.annotations,
                "skipped": report.counts,
                "notes": list(report.notes),
            },
            warning="\n".join(line.strip() for line in told) or None,
        )

    def __call__(self, path: Any, dataset: Any = None, **options: Any) -> Any:
        """`fiftyone_ntt.import_labels`, which see; it takes any path."""
        return ntt.import_labels(path, dataset, **options)
