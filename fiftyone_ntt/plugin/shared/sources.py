"""Where references come from: a tag, the view, selected samples, or selected labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import fiftyone.core.collections as foc

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError, counted
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import label_tags, labels_path, once_per_prompt, sample_tags
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.slices import dataset_images
from fiftyone_ntt.plugin.shared.views import patch_fields, shown, with_field

LABEL_TAG, SAMPLE_TAG, VIEW = "label_tag", "sample_tag", "view"
SELECTED_SAMPLES, SELECTED_LABELS = "selected_samples", "selected_labels"
USUAL_TAG = "reference"
_AT = "@"
"""Between a label's and its sample's id, see `fiftyone_ntt.build_memory_bank`."""


def choose_new_tag(form: Form, field: str | None) -> None:
    """The tag that labels of a field, and their samples, are to get."""
    tag = form.text("tag", "Tag", USUAL_TAG, description="Put on the labels and their samples")
    problem = ntt.tag_problem(form.ctx.dataset, tag, field) if tag and field else None
    if problem is not None:
        form.reject("tag", problem)


def choose_source(form: Form, field: str) -> tuple[str | None, str | None]:
    """Fields for the source and, where it is one, the tag."""
    options = _sources(form.ctx, field)
    usual = USUAL_TAG in label_tags(form.ctx, field)
    selected = next((name for name in (SELECTED_LABELS, SELECTED_SAMPLES) if name in options), None)
    # Those that were tagged just now stay selected; with the tag, earlier ones are meant as well.
    if usual and (selected is None or _all_tagged(form.ctx, field, selected)):
        selected = LABEL_TAG
    source = form.choice("source", "References", options, selected or next(iter(options)))
    if source not in (LABEL_TAG, SAMPLE_TAG):
        return source, None
    counts = label_tags(form.ctx, field) if source == LABEL_TAG else sample_tags(form.ctx)
    thing = "labels" if source == LABEL_TAG else "samples"
    tags = {tag: f"{tag} ({count} {thing})" for tag, count in sorted(counts.items())}
    tag = form.choice("tag", "Tag", tags, USUAL_TAG if USUAL_TAG in tags else next(iter(tags)))
    return source, tag


def _sources(ctx: Context, field: str) -> dict[str, str]:
    options = {}
    if label_tags(ctx, field):
        options[LABEL_TAG] = "Labels with a tag"
    if sample_tags(ctx):
        options[SAMPLE_TAG] = "All labels of samples with a tag"
    patches = field in patch_fields(ctx)
    options[VIEW] = "The patches shown" if patches else "All labels of the current view"
    if ctx.selected:
        selected = counted(len(ctx.selected), "selected patch" if patches else "selected sample")
        options[SELECTED_SAMPLES] = f"The {selected}" if patches else f"All labels of {selected}"
    if selected_ids(ctx, field):
        options[SELECTED_LABELS] = f"The {counted(len(selected_ids(ctx, field)), 'selected label')}"
    return options


@once_per_prompt
def _all_tagged(ctx: Context, field: str, source: str) -> bool:
    """Whether all labels of a source have the usual tag."""
    samples, ids = source_samples(ctx, field, source, None)
    path = labels_path(samples, field)
    if ids:
        return all(USUAL_TAG in (tags or ()) for tags in _values(samples, path, "tags", ids))
    tagged = samples.count_values(f"{path}.tags").get(USUAL_TAG, 0)
    return 0 < tagged == samples.count(path)


def source_samples(
    ctx: Context, field: str, source: str, tag: str | None
) -> tuple[foc.SampleCollection, list[str]]:
    """The view, and the ids of the labels in it that are meant (none for all)."""
    if source == SAMPLE_TAG:
        return dataset_images(ctx).match_tags(tag), []
    if source == LABEL_TAG:
        return dataset_images(ctx).select_labels(tags=tag, fields=field), []
    if source == SELECTED_SAMPLES:
        return with_field(shown(ctx).select(ctx.selected), field), []
    if source == SELECTED_LABELS:
        ids = selected_ids(ctx, field)
        owners = [sample_id for _, _, sample_id in (name.partition(_AT) for name in ids)]
        images = dataset_images(ctx)
        return images.select(owners) if all(owners) else images, ids
    if source == VIEW:
        return with_field(shown(ctx), field), []
    raise InputError(
        f"there is no source {source!r} of references. Pass one of: "
        f"{', '.join((LABEL_TAG, SAMPLE_TAG, VIEW, SELECTED_SAMPLES, SELECTED_LABELS))}."
    )


@once_per_prompt
def source_counts(ctx: Context, field: str, source: str, tag: str | None) -> dict[str, int]:
    """References per class that a source has."""
    samples, ids = source_samples(ctx, field, source, tag)
    path = labels_path(samples, field)
    counts: Mapping[Any, int] = (
        Counter(_values(samples, path, "label", ids))
        if ids
        else samples.count_values(f"{path}.label")
    )
    return {str(label): count for label, count in counts.items() if label is not None}


def _values(samples: foc.SampleCollection, path: str, name: str, ids: list[str]) -> list[Any]:
    """An attribute of some labels."""
    columns = samples.values(["id", f"{path}.id", f"{path}.{name}"])
    return [
        value
        for sample_id, *of_labels in zip(*columns, strict=True)
        for label_id, value in zip(*(column or [] for column in of_labels), strict=True)
        if not {label_id, f"{label_id}{_AT}{sample_id}"}.isdisjoint(ids)
    ]


def selected_labels(ctx: Context) -> list[dict[str, Any]]:
    """`field`, `label_id` and the dataset's `sample_id` of each label that is selected."""
    rows = ctx.selected_labels or []
    if not rows or not ctx.view._is_generated:
        return rows
    patches = {row.get("sample_id") for row in rows}
    found = ctx.view.select([patch for patch in patches if patch])
    owners = dict(zip(*found.values(["id", "sample_id"]), strict=True))
    return [{**row, "sample_id": owners.get(row.get("sample_id"))} for row in rows]


def selected_ids(ctx: Context, field: str) -> list[str]:
    """The labels of a field that are selected in the App, as `label_ids` takes them.

    With their samples, as far as they are known: samples may share the ids of their labels.
    """
    return [
        f"{row['label_id']}{_AT}{row['sample_id']}" if row.get("sample_id") else row["label_id"]
        for row in selected_labels(ctx)
        if row["field"] == field
    ]
