"""Which stored proposals a run starts from: those that these images have."""

from __future__ import annotations

from typing import Any

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.method_choice import grid_name, grid_of
from fiftyone_ntt.plugin.shared.prediction_run import (
    chosen_samples,
    last_run,
    output_field,
    settings_of_run,
)
from fiftyone_ntt.plugin.shared.views import target_images

_SEGMENT_FIRST = "Run “Segment with memory bank” on them once; it stores them."


def choose_grid(form: Form, encoder: str, before: str | None) -> None:
    """The stored proposals to start from, and how many of the images have them.

    Args:
        form: of the operator.
        encoder: of the bank.
        before: that of the field's last run, if there was one.
    """
    counts = _counts(form.ctx, encoder, form.ctx.request_params.get("view_target"))
    grids = sorted({*counts.grids, *_known(before)})
    options = {grid_name(*grid): _described(grid, counts) for grid in grids}
    usual = _usual(counts, before)
    named = None if usual is None else grid_name(*usual)
    chosen = form.choice("grid", "Stored proposals", options, named)
    if not counts.grids:
        form.reject(
            "grid",
            f"none of these {counts.images} images has stored proposals of this "
            f"bank's encoder. {_SEGMENT_FIRST}",
        )
    elif chosen is None:
        form.reject("grid", _is_open(counts))
    else:
        grid = ntt.StoredGrid(**grid_of(chosen))
        if grid in counts.grids:
            form.note("proposals", f"{counts.described(grid)} have these proposals")
        else:
            form.reject("grid", f"none of these images has these proposals. {_offers(counts)}")


def chosen_grid(ctx: Context, encoder: str) -> dict[str, Any]:
    """What the form's answer means or, without one, what the field and the images say.

    Raises:
        InputError: see `meant_grid`.
    """
    if chosen := ctx.params.get("grid"):
        return grid_of(chosen)  # gone since or not: another one would give other detections
    counts = ntt.stored_counts(chosen_samples(ctx), encoder)
    return meant_grid(counts, last_run(ctx, output_field(ctx)))._asdict()


def meant_grid(counts: ntt.StoredCounts, before: dict[str, Any] | None) -> ntt.StoredGrid:
    """The grid that is meant where nobody names one.

    Args:
        counts: of the images.
        before: the field's last run, if there was one.

    Raises:
        InputError: neither says which proposals are meant; tells how many images have which.
    """
    meant = _usual(counts, None if before is None else settings_of_run(before)["grid"])
    if meant is not None:
        return meant
    if not counts.grids:
        raise InputError(
            f"none of these {counts.images} images has stored proposals of this bank's encoder. "
            f"{_SEGMENT_FIRST}"
        )
    raise InputError(_is_open(counts))


def _usual(counts: ntt.StoredCounts, before: str | None) -> ntt.StoredGrid | None:
    """The grid that is meant where none is named: that of the field's last run, if these images
    have proposals of it; or the one they have."""
    known = _known(before)
    return known[0] if known and known[0] in counts.grids else counts.only


def _known(before: str | None) -> list[ntt.StoredGrid]:
    return [] if before is None else [ntt.StoredGrid(**grid_of(before))]


def _described(grid: ntt.StoredGrid, counts: ntt.StoredCounts) -> str:
    text = f"of {grid.points_per_side} x {grid.points_per_side} points"
    crops = f" and {grid.crops} crops" if grid.crops else ""
    return f"{text}{crops} ({counts.described(grid)})"


def _is_open(counts: ntt.StoredCounts) -> str:
    return f"it is open which stored proposals are meant. {_offers(counts)}"


def _offers(counts: ntt.StoredCounts) -> str:
    """What there is, as advice."""
    return "Choose those " + "; or ".join(_described(grid, counts) for grid in counts.grids) + "."


@once_per_prompt
def _counts(ctx: Context, encoder: str, target: Any) -> ntt.StoredCounts:
    """How many of the form's samples have proposals; kept while the form is open."""
    return ntt.stored_counts(target_images(ctx), encoder)
