"""Images of a grouped dataset, of which FiftyOne's queries see the active slice alone."""

from __future__ import annotations

import fiftyone.core.collections as foc
import fiftyone.core.media as fom

from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.views import shown, whole_images


def dataset_images(ctx: Context) -> foc.SampleCollection:
    """The images of the open dataset; of a grouped one those of every slice."""
    return ctx.flatten_group_slices(ctx.dataset, media_type=fom.IMAGE)


def shown_images(ctx: Context) -> foc.SampleCollection:
    """The dataset's images that the grid shows, or shows patches of; of a grouped dataset those of
    one slice."""
    return whole_images(shown(ctx))
