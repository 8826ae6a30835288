"""Counts that forms show, taken once per opening of a form.

FiftyOne asks for a form at every keystroke; its execution cache, bound to the prompt, keeps a
dataset from being scanned each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
from fiftyone.operators import execution_cache

T = TypeVar("T")


def once_per_prompt(function: Callable[..., T]) -> Callable[..., T]:
    """Keep what a function of the context and plain values returns while a form is open.

    Without a prompt (a call from the SDK, a scheduled run) nothing is kept: FiftyOne's cache
    would then hand the value to every later call in this process, of whatever dataset.
    """
    cached = execution_cache(prompt_scoped=True, residency="ephemeral")(function)

    @wraps(function)
    def wrapper(ctx: Any, *values: Any) -> T:
        """The function's value, kept while a form is open."""
        result: T = function(ctx, *values) if ctx.prompt_id is None else cached(ctx, *values)
        return result

    return wrapper


@once_per_prompt
def label_tags(ctx: Any, field: str) -> dict[str, int]:
    """Label tags in a field of the dataset, and on how many labels each is."""
    return dict(ctx.dataset.count_values(f"{labels_path(ctx.dataset, field)}.tags"))


@once_per_prompt
def sample_tags(ctx: Any) -> dict[str, int]:
    """Sample tags of the dataset, and on how many samples each is."""
    return dict(ctx.dataset.count_sample_tags())


@once_per_prompt
def target_size(ctx: Any, target: str | None, empty_field: str | None = None) -> int:
    """Samples of the form's target view; with `empty_field` only those with nothing in it."""
    samples = ctx.target_view()
    if empty_field is not None and ctx.dataset.get_field(empty_field) is not None:
        samples = samples.exists(empty_field, False)
    return len(samples)


def labels_path(samples: Any, field: str) -> str:
    """Path of the labels themselves: `ground_truth.detections`, or `ground_truth` in patches."""
    found = samples.get_field(field)
    kind = found.document_type if isinstance(found, fof.EmbeddedDocumentField) else None
    if kind is not None and issubclass(kind, fol._HasLabelList):
        return f"{field}.{kind._LABEL_LIST_FIELD}"
    return field


def format_counts(counts: dict[str, int]) -> str:
    """`bird 10, boat 10`."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
