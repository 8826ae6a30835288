"""Showing in the grid what was picked in a plot."""

from __future__ import annotations

from collections import defaultdict

import fiftyone.core.media as fom

from fiftyone_ntt.plugin.panels.session_labels import give_selected_labels_a_type
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import labels_path
from fiftyone_ntt.plugin.shared.slices import dataset_images

_HIDDEN = "The view that is open leaves these images out. Reset it to see them."


def select_places(ctx: Context, places: list[str]) -> None:
    """Select labels in the grid, and show the samples they lie on.

    Args:
        ctx: of the panel's event.
        places: as `bank_figures.place` writes them. The samples are known, so that no other is
            searched.
    """
    by_field: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    samples: list[str] = []
    for place in filter(None, places):
        sample, field, label = place.split("/", 2)
        if field:
            by_field[field][sample].add(label)
        elif sample:
            samples.append(sample)
    labels = [
        row for field, wanted in by_field.items() for row in _existing_labels(ctx, field, wanted)
    ]
    samples += [row["sample_id"] for row in labels]
    if not samples:
        ctx.ops.notify("None of these labels is on the dataset (any more).", "warning")
        return
    found = _shown_ids(ctx, list(dict.fromkeys(samples)), {row["label_id"] for row in labels})
    if not found:
        ctx.ops.notify(_HIDDEN, "warning")
        return
    give_selected_labels_a_type()
    ctx.ops.set_selected_labels(labels)
    ctx.ops.show_samples(found, use_extended_selection=True)


def _shown_ids(ctx: Context, samples: list[str], labels: set[str]) -> list[str]:
    """What the grid can show of some samples: themselves, those of their labels that are patches
    there or, where none of these is, all patches of theirs."""
    view = ctx.view
    if view._is_generated:
        ids = view.select_by("sample_id", samples).values("id")
        return [patch for patch in ids if patch in labels] or list(ids)
    if view.media_type == fom.GROUP:
        return samples  # of whichever slice: what the grid shows is one of each group
    there = set(view.select(samples).values("id"))
    return [sample for sample in samples if sample in there]


def _existing_labels(ctx: Context, field: str, wanted: dict[str, set[str]]) -> list[dict[str, str]]:
    """Those labels of a field that are still there."""
    if ctx.dataset.get_field(field) is None:
        return []
    view = dataset_images(ctx).select(list(wanted))
    columns = view.values(["id", f"{labels_path(ctx.dataset, field)}.id"])
    return [
        {"sample_id": sample, "label_id": label, "field": field}
        for sample, ids in zip(*columns, strict=True)
        for label in ids or ()
        if label in wanted[sample]
    ]
