"""Labels that are selected in the App, wherever that was: in the grid, a sample, or as patches."""

from __future__ import annotations

import fiftyone.core.patches as fop

from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.sources import SELECTED_LABELS, SELECTED_SAMPLES


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
