"""Showing in the grid what was picked in a plot."""

from __future__ import annotations

from collections import defaultdict

from fiftyone_ntt.plugin.panels.session_labels import give_selected_labels_a_type
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import labels_path
from fiftyone_ntt.plugin.shared.slices import dataset_images


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
    give_selected_labels_a_type()
    ctx.ops.set_selected_labels(labels)
    ctx.ops.show_samples(list(dict.fromkeys(samples)), use_extended_selection=True)


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
