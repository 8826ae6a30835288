"""Images of a grouped dataset, of which FiftyOne's queries see the active slice alone."""

from __future__ import annotations

import fiftyone.core.collections as foc
import fiftyone.core.media as fom

from fiftyone_ntt.plugin.shared.context import Context


def dataset_images(ctx: Context) -> foc.SampleCollection:
    """The images of the open dataset; of a grouped one those of every slice."""
    return ctx.flatten_group_slices(ctx.dataset, media_type=fom.IMAGE)


def shown_images(ctx: Context) -> foc.SampleCollection:
    """What the grid shows; of a grouped dataset that is one slice."""
    return ctx.flatten_group_slices(ctx.view)
