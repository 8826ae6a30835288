"""The Memory Bank panel's look at what a bank would write, before it is written."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from fiftyone_ntt.plugin.panels import threshold
from fiftyone_ntt.plugin.shared.context import PanelContext, PanelEvent
from fiftyone_ntt.plugin.shared.method_choice import grid_of
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME
from fiftyone_ntt.plugin.shared.prediction_run import last_run, settings_of_run

_NAME = "tried"
"""Of the panel's data: the text, and the pictures by number."""
_COLUMNS = {
    "grid": {
        "sx": {
            "display": "grid",
            "gridAutoFlow": "row",
            "gridTemplateColumns": "repeat(auto-fill, minmax(170px, 1fr))",
        }
    }
}
"""Of the pictures: as many as there is room for."""
_WAITING = "Looking: what is stored takes a second, other images as long as segmenting them."


def ask(ctx: PanelContext, on_success: PanelEvent) -> None:
    """Try the bank on the selection, or on a few telling images of what the grid shows.

    As the field that is looked at was made, at the slider's threshold; where nothing was segmented
    yet, the form asks.
    """
    bank, params = threshold.chosen_bank(ctx), _settings(ctx)
    target = "SELECTED_SAMPLES" if ctx.selected else "CURRENT_VIEW"
    if params:
        ctx.panel.set_state("tried_samples", [])
        ctx.panel.set_data(f"{_NAME}.text", _WAITING)
    ctx.prompt(
        f"{PLUGIN_NAME}/try_memory_bank",
        params={**params, "bank": bank, "view_target": target},
        on_success=on_success,
        skip_prompt=bool(params),
    )


def show(ctx: PanelContext) -> None:
    """Show what was found, unless another bank is looked at by now."""
    found = ctx.params.get("result") or {}
    if found.get("bank") != threshold.chosen_bank(ctx):
        forget(ctx)
        return
    images = found["images"]
    ctx.panel.set_state("tried_samples", [image["sample"] for image in images])
    ctx.panel.set_data(f"{_NAME}.text", found["text"])
    for number, image in enumerate(images):
        ctx.panel.set_data(f"{_NAME}.pictures.picture_{number}", image["picture"])


def forget(ctx: PanelContext) -> None:
    """Show nothing: it is of something else."""
    ctx.panel.set_state("tried_samples", [])
    ctx.panel.set_data(f"{_NAME}.text", "")


def segment_all(ctx: PanelContext, on_success: PanelEvent) -> None:
    """Open the form that segments what the grid shows, with what was tried."""
    params: dict[str, Any] = {**_settings(ctx), "bank": threshold.chosen_bank(ctx)}
    ctx.prompt(
        f"{PLUGIN_NAME}/segment_with_memory_bank",
        params={**params, "view_target": "CURRENT_VIEW"},
        on_success=on_success,
    )


def add_section(
    panel: types.Object,
    ctx: PanelContext,
    ask: PanelEvent,
    segment_all: PanelEvent,
    open_sample: PanelEvent,
) -> None:
    """Lay out the button, and what was found.

    Args:
        panel: to lay them out in.
        ctx: of the panel's event.
        ask: the panel's method that calls `ask`.
        segment_all: the one that calls `segment_all`.
        open_sample: the one that opens the sample it is given.
    """
    box = panel.v_stack(_NAME, gap=1)
    row = box.h_stack("buttons", gap=2)
    row.btn("try", label="Try on a few images", icon="preview", on_click=ask)
    samples = ctx.panel.get_state("tried_samples") or []
    if samples:
        row.btn("all", label="Segment all", icon="auto_awesome", on_click=segment_all)
    box.md("", name="text")
    grid = box.grid("pictures", gap=1, componentsProps=_COLUMNS)
    for number, sample in enumerate(samples):
        view = types.ImageView(width="100%", operator=open_sample, params={"sample": sample})
        grid.str(f"picture_{number}", view=view)


def _settings(ctx: PanelContext) -> dict[str, Any]:
    """How the field that is looked at was made, at the slider's threshold; {} without a field."""
    field = threshold.chosen_field(ctx)
    run = last_run(ctx, field)
    if run is None:
        return {}
    made = settings_of_run(run)
    grid = grid_of(made.pop("grid"))
    return {
        **made,
        "points_per_side": grid["points_per_side"],
        "crops": str(grid["crops"]),
        "label_field": field,
        "confidence_thresh": threshold.chosen_threshold(ctx),
    }
