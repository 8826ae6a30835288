"""Labels that are selected in the App, wherever that was: in the grid, a sample, or as patches."""

from __future__ import annotations

import fiftyone.core.patches as fop
import fiftyone.operators.types as types

from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.sources import (
    SELECTED_LABELS,
    SELECTED_SAMPLES,
    selected_ids,
)

NOTHING = "Select labels in the grid, in an opened sample or as patches first."


def picked_sources(ctx: Context) -> dict[str, str]:
    """Fields of the selected labels, and where in them these are, as `source_samples` takes it.

    In a view of patches a selected patch is a label; elsewhere selected samples are none.
    """
    fields = dict.fromkeys(row["field"] for row in ctx.selected_labels or [])
    if fields:
        return dict.fromkeys(fields, SELECTED_LABELS)
    if ctx.selected and isinstance(ctx.view, fop.PatchesView):
        return {ctx.view.patches_field: SELECTED_SAMPLES}
    return {}


def picked_ids(ctx: Context) -> dict[str, list[str]]:
    """The selected labels by their fields, as `label_ids` takes them."""
    return {
        # A patch has the id of its label.
        field: selected_ids(ctx, field) if source == SELECTED_LABELS else list(ctx.selected)
        for field, source in picked_sources(ctx).items()
    }


def place_of_picked(ctx: Context, label: str, icon: str) -> types.Placement:
    """A button above the grid or, while a sample is open, above that."""
    opened = ctx.request_params.get("current_sample")
    place = (
        types.Places.SAMPLES_VIEWER_ACTIONS
        if opened
        else types.Places.SAMPLES_GRID_SECONDARY_ACTIONS
    )
    return types.Placement(place, types.Button(label=label, icon=icon, prompt=True))
