"""The choice of samples that forms begin with: FiftyOne's, but for what it starts at."""

from __future__ import annotations

from fiftyone.operators.constants import ViewTarget

from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.sources import USUAL_TAG
from fiftyone_ntt.plugin.shared.views import needs_flat, shown, whole_images


def choose_target(form: Form) -> None:
    """Dataset, view or selection.

    The selection is what most likely is meant, unless it is of references alone: those were
    selected to be tagged, and are no place to look for more.
    """
    ctx = form.ctx
    asked = form.inputs.view_target(ctx, require_flat=needs_flat(ctx))
    values = asked.options.available_values()
    if values[-1:] == [ViewTarget.SELECTED_SAMPLES] and len(values) > 1 and _of_references(ctx):
        asked.default = values[-2]


@once_per_prompt
def _of_references(ctx: Context) -> bool:
    """Whether every selected sample is tagged as a reference."""
    selected = whole_images(shown(ctx).select(ctx.selected))
    return not selected.match_tags(USUAL_TAG, bool=False).count()
