"""The Memory Bank panel's threshold: how many predictions it would leave, and applying it.

The predictions are counted once for a field and a view; moving the slider only looks the counts up.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import fiftyone.operators.types as types
import numpy as np

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels.threshold_view import counted_images, hide_below
from fiftyone_ntt.plugin.shared.context import PanelContext, PanelEvent
from fiftyone_ntt.plugin.shared.existing_predictions import OVERWRITE
from fiftyone_ntt.plugin.shared.grid_choice import meant_grid
from fiftyone_ntt.plugin.shared.method_choice import grid_name
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME
from fiftyone_ntt.plugin.shared.prediction_run import last_run, settings_of_run
from fiftyone_ntt.plugin.shared.shown_errors import tell_error
from fiftyone_ntt.plugin.shared.slices import shown_images
from fiftyone_ntt.plugin.shared.suggested_thresholds import (
    PRECISION,
    SHOWN_CLASSES,
    describe_thresholds,
)

RELABEL = f"{PLUGIN_NAME}/relabel_with_memory_bank"
OTHERS = "(other classes)"
UNCOUNTED = "Move the slider to count."


def show_fields(ctx: PanelContext) -> None:
    """Put the fields that runs have written into the panel."""
    fields, chosen = _fields(ctx), ctx.panel.get_state("predictions")
    ctx.panel.set_state("fields", fields)
    ctx.panel.set_state("predictions", chosen if chosen in fields else next(iter(fields), None))
    _suggest(ctx)


def chosen_field(ctx: PanelContext) -> str | None:
    """The field that is looked at: as the panel's script says, or its state.

    A slider that was just drawn sends a state from before there was any.
    """
    chosen = ctx.params.get("field") or ctx.panel.get_state("predictions")
    return str(chosen) if chosen else next(iter(_fields(ctx)), None)


def _fields(ctx: PanelContext) -> list[str]:
    runs = ntt.list_prediction_runs(ctx.dataset).values()
    written = {run["field"] for run in runs if run["bank"] is not None}
    return sorted(field for field in written if ctx.dataset.get_field(field) is not None)


def chosen_bank(ctx: PanelContext) -> str:
    """The bank that is looked at, as the panel's script says, or its state; "" where none is."""
    return str(ctx.params.get("bank") or ctx.panel.get_state("bank") or "")


def choose_field(ctx: PanelContext) -> None:
    """Another field was chosen."""
    ctx.panel.set_state("predictions", ctx.params["value"])
    _suggest(ctx)
    _show_counts(ctx, _cached_counts(ctx, ctx.params["value"]), chosen_threshold(ctx))


def slide(ctx: PanelContext) -> None:
    """The slider was moved: count, and have the grid hide what is below.

    A slider that was just drawn says so too, of where it starts; that hides nothing.
    """
    value, before = ctx.params["value"], ctx.panel.get_state("threshold")
    before = ctx.panel.get_state("threshold_start") if before is None else before
    ctx.panel.set_state("threshold", value)
    field = chosen_field(ctx)
    _show_counts(ctx, _cached_counts(ctx, field), value)
    if field is not None and before is not None and value != before:
        hide_below(ctx, field, value)


def apply(ctx: PanelContext, on_success: PanelEvent) -> bool:
    """Have the operator relabel what the grid shows, as the field was made but for the bank and the
    threshold; False where the bank is not there any more, which is said."""
    return _relabel(ctx, chosen_threshold(ctx), on_success)


def relabel(ctx: PanelContext, on_success: PanelEvent) -> bool:
    """Have the operator relabel what the grid shows, as the field was made but for the bank; see
    `apply`."""
    run = last_run(ctx, chosen_field(ctx)) or {}
    made = (run.get("match_settings") or {}).get("confidence_threshold", 0.0)
    # Where each class has its own, the lowest: a form knows one.
    lowest = min((value for _, value in made), default=0.0) if isinstance(made, list) else made
    return _relabel(ctx, lowest, on_success)


def _relabel(ctx: PanelContext, confidence: float, on_success: PanelEvent) -> bool:
    bank = chosen_bank(ctx)
    known = {found.name: found for found in ntt.list_memory_banks(ctx.dataset)}
    if bank not in known:
        ctx.ops.notify(
            f"Memory bank {bank!r} was renamed or deleted meanwhile, so nothing was relabelled. "
            "Choose the bank, and apply again.",
            variant="warning",
        )
        return False
    field = chosen_field(ctx)
    run, encoder = last_run(ctx, field), known[bank].encoder
    counts = ntt.stored_counts(shown_images(ctx), encoder)
    try:
        grid = meant_grid(counts, run)
    except ntt.NttError as error:
        ctx.ops.notify(tell_error("Relabelling", error), variant="error")
        return True
    if counts.grids[grid] < counts.looked:
        ctx.ops.notify(f"{counts.described(grid)} have proposals.", variant="warning")
    ctx.prompt(
        RELABEL,
        params={
            **({} if run is None else settings_of_run(run)),
            "grid": grid_name(*grid),
            "bank": bank,
            "label_field": field,
            "confidence_thresh": confidence,
            "existing": OVERWRITE,
            "view_target": "CURRENT_VIEW",
        },
        on_success=on_success,
        skip_prompt=True,
    )
    return True


def forget_counts(ctx: PanelContext) -> None:
    """The predictions may have changed: what was counted does not hold any more."""
    ctx.panel.set_state("counts", None)
    ctx.panel.set_data("counted", UNCOUNTED)


def recount(ctx: PanelContext) -> None:
    """The predictions have changed: count them anew."""
    field = chosen_field(ctx)
    if field is None:
        return
    _show_counts(ctx, _count_predictions(ctx, field), chosen_threshold(ctx))


def add_section(
    panel: types.Object, ctx: PanelContext, choose: PanelEvent, slide: PanelEvent, apply: PanelEvent
) -> None:
    """Lay out the field, the slider, the counts and the button."""
    fields = ctx.panel.get_state("fields") or _fields(ctx)
    if not fields:
        panel.md("Once you have segmented, another bank or threshold is applied here in seconds.")
        return
    view = types.DropdownView()
    for field in fields:
        view.add_choice(field, label=field)
    chosen = ctx.panel.get_state("predictions") or fields[0]
    panel.str("predictions", label="Predictions", default=chosen, view=view, on_change=choose)
    slider = types.SliderView(label="Confidence", value_precision=2)
    start = ctx.panel.get_state("threshold_start")
    panel.float("threshold", default=start, min=0, max=1, view=slider, on_change=slide)
    if suggested := ctx.panel.get_state("suggested"):
        panel.md(suggested)
    panel.md(UNCOUNTED, name="counted")
    panel.btn("apply", label="Apply to current view", icon="published_with_changes", on_click=apply)


def _suggest(ctx: PanelContext) -> None:
    """Where the slider starts, and what the bank's calibration says of thresholds, if it has one.

    Of the run that wrote the field last: its scores are what the slider is about.
    """
    run = last_run(ctx, ctx.panel.get_state("predictions"))
    start, suggested = 0.5, ""
    if run is not None and run["mode"] is not None:
        start, suggested = ntt.usual_threshold(run["mode"]), _suggested(ctx, run)
    ctx.panel.set_state("threshold_start", start)
    ctx.panel.set_state("suggested", suggested)


def _suggested(ctx: PanelContext, run: dict[str, Any]) -> str:
    proposals, matching = run["proposal_settings"] or {}, run["match_settings"] or {}
    try:
        found = ntt.load_calibration(
            ctx.dataset,
            run["bank"],
            mode=run["mode"],
            points_per_side=proposals.get("points_per_side", 32),
            crops=proposals.get("crops", 0),
            one_per_object=matching.get("one_per_object", False),
            least_island=matching.get("least_island", 0.0),
            fill_holes=matching.get("fill_holes", False),
        )
    except ntt.NttError:
        return ""  # never calibrated, or the bank changed or went since
    return describe_thresholds(found.thresholds(PRECISION))


def chosen_threshold(ctx: PanelContext) -> float:
    """Where the slider is, or starts."""
    value = ctx.panel.get_state("threshold")
    start = ctx.panel.get_state("threshold_start")
    return float(start if value is None else value)


def _cached_counts(ctx: PanelContext, field: str | None) -> dict[str, Any]:
    """The counts that are kept, if they are of this field in what the grid shows."""
    kept = ctx.panel.get_state("counts") or {}
    return kept if kept.get("of") == _counts_key(ctx, field) else _count_predictions(ctx, field)


def _count_predictions(ctx: PanelContext, field: str | None) -> dict[str, Any]:
    """Read the confidences of a field in what the grid shows, and keep their counts."""
    if field is None:
        return {"problem": "Nothing is segmented yet."}
    try:
        found = ntt.confidence_counts(counted_images(ctx, field), field)
    except ntt.NttError as error:
        ctx.panel.set_state("counts", None)
        return {"problem": tell_error("Counting", error)}
    names = list(found)
    rows = {name: found[name].tolist() for name in names[:SHOWN_CLASSES]}
    if len(names) > SHOWN_CLASSES:
        rows[OTHERS] = np.sum([found[name] for name in names[SHOWN_CLASSES:]], axis=0).tolist()
    counts = {"of": _counts_key(ctx, field), "rows": rows}
    ctx.panel.set_state("counts", counts)
    return counts


def _counts_key(ctx: PanelContext, field: str | None) -> str:
    """What counts are of: a field, in what the grid shows."""
    shown_of = None if field is None else counted_images(ctx, field)._serialize()
    of = [ctx.dataset.name, field, shown_of]
    shown = json.dumps(of, sort_keys=True, default=str)
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def _show_counts(ctx: PanelContext, counts: dict[str, Any], threshold: float) -> None:
    ctx.panel.set_data(
        "counted", counts.get("problem") or describe_counts(counts["rows"], threshold)
    )


def describe_counts(rows: dict[str, list[int]], threshold: float) -> str:
    """Counts at a threshold, for people."""
    step = round(threshold * 100)
    total = np.sum(list(rows.values()), axis=0) if rows else np.zeros(101, dtype=int)
    if not total[0]:
        return "There are no predictions in this view."
    shown = ", ".join(f"{name} {counts[step]}" for name, counts in rows.items())
    text = f"**{total[step]} of {total[0]} predictions** at {threshold:.2f} or more: {shown}."
    lowest = int(np.flatnonzero(total == total[0])[-1]) / 100
    if threshold < lowest:
        text += f" None is below {lowest:.2f} now; applying a lower threshold adds those."
    return text
