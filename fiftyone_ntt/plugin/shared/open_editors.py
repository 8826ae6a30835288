"""What a form says where people can edit the labels in the App that an operator is about to write.

FiftyOne's editor writes a field back as it knew it when somebody else wrote meanwhile.
"""

from __future__ import annotations

from fiftyone_ntt.plugin.shared.existing_predictions import free_field
from fiftyone_ntt.plugin.shared.form import Form


def warn_of_editors(form: Form, field: str, *, new_field: bool = False) -> None:
    """Say so where a field is open for annotation.

    Args:
        form: of the operator.
        field: that will be written to.
        new_field: whether another field would do; then one that is free is offered.
    """
    dataset = form.ctx.dataset
    if field not in dataset.active_label_schemas:
        return
    text = (
        "An editor that is open meanwhile, in whatever window, writes back what it knew. Close "
        "such samples first, and reload those windows before you edit."
    )
    if new_field:
        text += f" Or write to a new field: {free_field(dataset, field)!r} is free."
    form.warn("editors", f"{field!r} is open for annotation in the App", text)
