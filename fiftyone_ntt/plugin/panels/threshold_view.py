"""The panel's threshold, as the grid shows it: predictions below are hidden, as by a filter."""

from __future__ import annotations

from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.stages as fos
import fiftyone.core.view as fov
from fiftyone import ViewField as F

from fiftyone_ntt.plugin.shared.context import PanelContext
from fiftyone_ntt.plugin.shared.views import flat, whole_images


def hide_below(ctx: PanelContext, field: str, threshold: float) -> None:
    """Have the grid show the predictions of a field from a threshold on; 0 shows all."""
    view = without_threshold(_given_view(ctx), field)
    if view.get_field(field) is None:
        return  # deleted meanwhile, or the view holds something else
    if view._is_generated:
        shown = view.match(F(f"{field}.confidence") >= threshold) if threshold else view
    else:
        stage = fos.FilterLabels(field, F("confidence") >= threshold, only_matches=False)
        shown = view.add_stage(stage) if threshold else view
    ctx.ops.set_view(shown)


def without_threshold(view: fov.DatasetView, field: str) -> fov.DatasetView:
    """A view without what `hide_below` added to it."""
    stages = view._serialize(include_uuids=False)
    kept = [stage for stage in stages if not _is_threshold(stage, field)]
    if len(kept) == len(stages):
        return view
    return fov.DatasetView._build(view._root_dataset, kept)


def counted_images(ctx: PanelContext, field: str) -> foc.SampleCollection:
    """The images that the grid shows, with all of their predictions."""
    return whole_images(flat(ctx, without_threshold(ctx.view, field)))


def _given_view(ctx: PanelContext) -> fov.DatasetView:
    """What was asked for in the view bar; the context's own has the sidebar's filters in it."""
    stages = ctx.request_params.get("view")
    if stages is None or ctx.request_params.get("view_name"):
        return ctx.view
    return fov.DatasetView._build(ctx.dataset, stages)


def _is_threshold(stage: dict[str, Any], field: str) -> bool:
    """Whether a stage is one that `hide_below` adds, of whatever threshold."""
    kind, given = stage["_cls"].rpartition(".")[2], dict(stage["kwargs"])
    if kind == fos.FilterLabels.__name__:
        compared = given["filter"] if given["field"] == field else None
        path = "$$this.confidence"
    elif kind == fos.Match.__name__:
        compared, path = given["filter"].get("$expr"), f"${field}.confidence"
    else:
        return False
    return isinstance(compared, dict) and compared.get("$gte", [None])[0] == path
