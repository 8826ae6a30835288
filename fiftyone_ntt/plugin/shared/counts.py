"""Counts that forms show, taken once per opening of a form.

FiftyOne asks for a form at every keystroke; its execution cache, bound to the prompt, keeps a
dataset from being scanned each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
from fiftyone.operators import execution_cache

from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import label_fields
from fiftyone_ntt.plugin.shared.slices import dataset_images
from fiftyone_ntt.plugin.shared.views import target_images

F = TypeVar("F", bound=Callable[..., Any])


def once_per_prompt(function: F) -> F:
    """Keep what a function of the context and plain values returns while a form is open.

    Without a prompt (a call from the SDK, a scheduled run) nothing is kept: FiftyOne's cache
    would then hand the value to every later call in this process, of whatever dataset. Values
    are passed by position: that cache overlooks named ones.
    """
    cached = execution_cache(prompt_scoped=True, residency="ephemeral")(function)

    @wraps(function)
    def wrapper(ctx: Context, *values: object) -> Any:
        """The function's value, kept while a form is open."""
        return function(ctx, *values) if ctx.prompt_id is None else cached(ctx, *values)

    return cast(F, wrapper)


@once_per_prompt
def label_tags(ctx: Context, field: str) -> dict[str, int]:
    """Label tags in a field of the dataset, and on how many labels each is."""
    return dict(dataset_images(ctx).count_values(f"{labels_path(ctx.dataset, field)}.tags"))


@once_per_prompt
def sample_tags(ctx: Context) -> dict[str, int]:
    """Sample tags of the dataset, and on how many samples each is."""
    return dict(dataset_images(ctx).count_sample_tags())


@once_per_prompt
def target_size(ctx: Context, target: str | None, empty_field: str | None = None) -> int:
    """Samples of the form's target view; with `empty_field` only those with nothing in it."""
    samples = target_images(ctx)
    if empty_field is not None and ctx.dataset.get_field(empty_field) is not None:
        samples = samples.exists(empty_field, False)
    return len(samples)


@once_per_prompt
def field_of_boxes(ctx: Context) -> str | None:
    """The first field of detections some of which have no masks."""
    images = dataset_images(ctx)
    fields = label_fields(ctx.dataset, (fol.Detections,))
    return next((field for field in fields if count_boxes(images, field)), None)


def count_boxes(images: foc.SampleCollection, field: str) -> int:
    """Detections of a field that have no mask."""
    path = labels_path(images, field)
    if not path.endswith(f".{fol.Detections._LABEL_LIST_FIELD}"):
        return 0
    masks = [f"{path}.{name}" for name in ("mask", "mask_path")]
    counts = [images.count(mask) for mask in masks if images.get_field(mask) is not None]
    return int(images.count(path)) - sum(map(int, counts))


def labels_path(samples: foc.SampleCollection, field: str) -> str:
    """Path of the labels themselves: `ground_truth.detections`, or `ground_truth` in patches."""
    found = samples.get_field(field)
    kind = found.document_type if isinstance(found, fof.EmbeddedDocumentField) else None
    if kind is not None and issubclass(kind, fol._HasLabelList):
        return f"{field}.{kind._LABEL_LIST_FIELD}"
    return field


def format_counts(counts: dict[str, int]) -> str:
    """`bird 10, boat 10`."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
