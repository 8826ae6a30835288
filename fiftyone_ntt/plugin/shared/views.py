"""What is open in the App, in terms of the dataset's own samples and labels.

A grid may show patches, which have ids of their own; views may leave fields out, or group samples
by a field. What this package writes goes to the dataset's images, whichever way somebody looks at
them.
"""

from __future__ import annotations

import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import fiftyone.core.media as fom
import fiftyone.core.stages as fos
import fiftyone.core.view as fov

from fiftyone_ntt.plugin.shared.context import Context

_OF_FIELDS = (fos.SelectFields, fos.ExcludeFields)


def shown(ctx: Context) -> foc.SampleCollection:
    """What the grid shows, be it patches; of a grouped dataset that is one slice."""
    return flat(ctx, ctx.view)


def needs_flat(ctx: Context) -> bool:
    """Whether FiftyOne is to flatten the form's choice of samples: of groups by a field, which have
    no slices, it fails to."""
    return not _is_grouped_by_field(ctx.view)


def target_images(ctx: Context) -> foc.SampleCollection:
    """The dataset's images that the form's choice of samples means."""
    return whole_images(flat(ctx, ctx.target_view(require_flat=needs_flat(ctx))))


def whole_images(samples: foc.SampleCollection) -> foc.SampleCollection:
    """The dataset's own samples that a collection shows, or shows patches of, with all fields."""
    if not isinstance(samples, fov.DatasetView):
        return samples
    if samples._is_generated:
        dataset = samples._root_dataset
        images = dataset
        if dataset.media_type == fom.GROUP:
            images = dataset.select_group_slices(media_type=fom.IMAGE)
        return images.select(list(dict.fromkeys(samples.values("sample_id"))))
    kept = [stage for stage in samples._stages if not isinstance(stage, _OF_FIELDS)]
    if len(kept) == len(samples._stages):
        return samples
    whole = samples._root_dataset.view()
    for stage in kept:
        whole = whole.add_stage(stage)
    return whole


def with_field(samples: foc.SampleCollection, field: str) -> foc.SampleCollection:
    """Patches where they hold the labels of a field, else the dataset's images; see
    `whole_images`."""
    patches = isinstance(samples, fov.DatasetView) and samples._is_generated
    return samples if patches and samples.get_field(field) is not None else whole_images(samples)


def patch_fields(ctx: Context) -> list[str]:
    """The fields whose labels the grid shows as patches; none where it shows samples."""
    view = ctx.view
    if not view._is_generated:
        return []
    return [
        name
        for name, field in view.get_field_schema(ftype=fof.EmbeddedDocumentField).items()
        if issubclass(field.document_type, fol.Label)
    ]


def flat(ctx: Context, samples: foc.SampleCollection) -> foc.SampleCollection:
    """Of groups the active slice, or all samples where they are grouped by a field; others as they
    are."""
    if _is_grouped_by_field(samples):
        return samples.flatten()
    return ctx.flatten_group_slices(samples)


def _is_grouped_by_field(samples: foc.SampleCollection) -> bool:
    return isinstance(samples, fov.DatasetView) and bool(samples._is_dynamic_groups)
