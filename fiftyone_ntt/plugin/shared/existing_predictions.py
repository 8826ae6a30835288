"""What a run is to do with predictions that its output field holds already: asked with the counts,
before anything runs."""

from __future__ import annotations

import itertools

import fiftyone.core.collections as foc

from fiftyone_ntt.errors import counted
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.views import target_images

RESUME, EMPTY, OVERWRITE, NEW = "resume", "empty", "overwrite", "new"


def choose_existing(form: Form, field: str, *, same: bool, usual: str = NEW) -> str:
    """What to do with what is in a field; nothing is asked where nothing is.

    Args:
        form: of the operator.
        field: that will be written to.
        same: whether the form describes the run that wrote the field last, as far as it can tell:
            then it goes on.
        usual: what is chosen at first where it does not.
    """
    predictions, filled, empty = _count_existing(form.ctx, field, _target_name(form.ctx))
    given = form.ctx.params.get("existing")
    if not filled:
        return RESUME if given is None else str(given)
    options = {
        RESUME: f"Continue: {counted(filled, 'image')} done, {empty} to do",
        NEW: f"New field {free_field(form.ctx.dataset, field)!r}",
        OVERWRITE: _replacing(predictions, filled),
        EMPTY: f"Only the {counted(empty, 'image')} without predictions",
    }
    if not same and given != RESUME:
        del options[RESUME]
    if not empty and given != EMPTY:
        del options[EMPTY]
    chosen = form.choice(
        "existing",
        "Predictions that are there",
        options,
        RESUME if same else usual,
        side_by_side=True,
    )
    if chosen == RESUME and not same:
        form.reject(
            "existing",
            f"what is in {field!r} is of another bank or of other settings. Replace it, or write "
            "to a new field.",
        )
    return chosen or RESUME


def _replacing(predictions: int, filled: int) -> str:
    if not predictions:
        return "Add to what is there, which stays"
    return (
        f"Replace {counted(predictions, 'prediction')} of runs in {counted(filled, 'image')}; what "
        "you drew, tagged or edited stays"
    )


def free_field(dataset: foc.SampleCollection, field: str) -> str:
    """The first name like that of a field that no field has."""
    names = (f"{field}_{number}" for number in itertools.count(2))
    return next(name for name in names if dataset.get_field(name) is None)


def _target_name(ctx: Context) -> str | None:
    name = ctx.request_params.get("view_target")
    return None if name is None else str(name)


@once_per_prompt
def _count_existing(ctx: Context, field: str, target: str | None) -> tuple[int, int, int]:
    """Predictions of runs in a field of the chosen samples, samples in which it is filled, and
    those in which it is not."""
    if ctx.dataset.get_field(field) is None:
        return 0, 0, 0
    images = target_images(ctx)
    total, filled = images.count(), images.exists(field).count()
    of_runs = 0
    if filled and ctx.dataset.get_field(f"{field}.detections.run") is not None:
        of_runs = images.count(f"{field}.detections.run")
    return of_runs, filled, total - filled
