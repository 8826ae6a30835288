"""Operator: take back what people made of pre-labels in an annotation tool."""

from __future__ import annotations

from typing import Any

import fiftyone.core.labels as fol
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.exports import read_path
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.label_choice import check_path
from fiftyone_ntt.plugin.shared.open_editors import warn_of_editors
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step


class ImportPrelabels(NttOperator):
    """Takes what people made of exported pre-labels as decisions."""

    NAME = "import_prelabels"
    LABEL = "Import corrections"
    DESCRIPTION = "What people made of exported pre-labels: accepted, rejected, corrected, new"
    ICON = "rule_folder"
    RISK = types.RiskLevel.MEDIUM

    def fill(self, form: Form) -> None:
        """The labels, what the tool saved, and the folder that was exported."""
        field = form.label_field("label_field", "Labels", (fol.Detections,), prefer="predictions")
        _choose_path(form, "path", "What the tool saved", required=True)
        _choose_path(
            form,
            "exported",
            "Folder of the export",
            description="Where prelabels.jsonl is, if not beside what the tool saved",
        )
        with form.advanced():
            form.flag("accept_unchanged", "Accept what came back as it was", default=True)
        if field is not None:
            warn_of_editors(form, field)

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Write the decisions; what was left as it was is the warning."""
        given = ctx.params
        exported = (given.get("exported") or "").strip()
        report = ntt.import_prelabels(
            ctx.dataset,
            given.get("label_field") or "predictions",
            read_path(required(given, "path").strip()),
            read_path(exported) if exported else None,
            accept_unchanged=given.get("accept_unchanged", True),
            reviewer=ctx.user_id,
        )
        head, *told = str(report).splitlines()
        counts = ("images", "accepted", "relabelled", "redrawn", "added", "rejected", "waiting")
        return Outcome(
            f"{head}.",
            {name: getattr(report, name) for name in counts},
            warning="\n".join(line.strip() for line in told) or None,
        )

    def __call__(self, samples: Any, label_field: str, path: Any, **options: Any) -> Any:
        """`fiftyone_ntt.import_prelabels`, which see; it takes any path."""
        return ntt.import_prelabels(samples, label_field, path, **options)


def _choose_path(form: Form, name: str, label: str, **shown: Any) -> None:
    """A file or folder that the App may read."""
    needed = shown.pop("required", False)
    given = form.text(name, label, required=needed, **shown)
    path = check_path(form, name, given) if given else None
    if path is not None and not path.exists():
        form.reject(name, f"there is no {given} in the folders that the App may read.")
