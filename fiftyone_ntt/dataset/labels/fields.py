"""What a view must be like before anything is read from it or written to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import fiftyone.core.media as fom
from fiftyone import ViewField as F

from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError

_NAN = float("nan")

LabelTypes = tuple[type[fol.Label], ...]

SHAPE_TYPES: LabelTypes = (fol.Detections, fol.Polylines)
"""Fields of several labels that each have a box and, in it, a mask or an inside."""


def check_samples(samples: Any, purpose: str) -> foc.SampleCollection:
    """`samples` if it is a collection of images.

    Args:
        samples: what the user passed.
        purpose: completes "... needs images", for messages.

    Raises:
        InputError: not a collection, or of another or mixed media.
    """
    if not isinstance(samples, foc.SampleCollection):
        raise InputError(
            f"{purpose} needs a FiftyOne dataset or view, but got {type(samples).__name__}. "
            "Pass a dataset (`fo.load_dataset(...)`) or a view of one."
        )
    if dataset_of(samples).deleted:
        raise InputError(
            f"{purpose} needs a dataset, but {dataset_of(samples).name!r} was deleted. Load "
            "another."
        )
    name = samples._root_dataset.name
    if samples.media_type == fom.GROUP:
        dynamic = isinstance(samples, fo.DatasetView) and samples._is_dynamic_groups
        way_out = (
            "the images one by one (`view.flatten()`)"
            if dynamic
            else "one kind of slice, as in `dataset.select_group_slices(media_type='image')`"
        )
        raise InputError(f"{purpose} needs images, but {name!r} holds groups. Pass {way_out}.")
    if samples.media_type not in (None, fom.IMAGE):
        raise InputError(
            f"{purpose} needs images, but {name!r} holds {samples.media_type}. For video, "
            "pass `dataset.to_frames(sample_frames=True)`."
        )
    return samples


def dataset_of(samples: foc.SampleCollection) -> fo.Dataset:
    """The dataset that a collection is or shows, also if it was deleted: FiftyOne then tells no
    more of it than its name."""
    return samples if isinstance(samples, fo.Dataset) else samples._root_dataset


def sample_count(samples: foc.SampleCollection) -> int:
    """How many samples there are, counted.

    `len` of a whole dataset is MongoDB's estimate, which is wrong after the database broke down.
    """
    return int(samples.match({}).count())


def check_whole_images(samples: foc.SampleCollection, purpose: str) -> foc.SampleCollection:
    """`samples` if each of its samples is one image of the dataset itself.

    Raises:
        InputError: a patches, frames or clips view, whose samples are made up for the view.
    """
    check_samples(samples, purpose)
    if isinstance(samples, fo.DatasetView) and samples._is_generated:
        raise InputError(
            f"{purpose} works on whole images, but this view holds patches, frames or clips. Pass "
            "the dataset or a view of its samples; of a frames view, save it as a dataset first "
            "(`view.clone()`)."
        )
    return samples


def all_images(dataset: fo.Dataset) -> foc.SampleCollection:
    """The images of a dataset; of a grouped one those of every slice.

    A grouped dataset shows FiftyOne's queries its active slice alone: `select`, `match`, `exists`
    and `values` miss everything else.
    """
    if dataset.media_type != fom.GROUP:
        return dataset
    return dataset.select_group_slices(media_type=fom.IMAGE)


def source_id_path(samples: foc.SampleCollection) -> str:
    """Where the ids of the dataset's own samples are: patches and frames have ids of their own."""
    generated = isinstance(samples, fo.DatasetView) and samples._is_generated
    return "sample_id" if generated else "id"


def label_fields(samples: foc.SampleCollection, allowed: LabelTypes) -> dict[str, type[fol.Label]]:
    """The label fields of some types, by path, also those inside embedded documents."""
    schema = samples.get_field_schema(flat=True, ftype=fof.EmbeddedDocumentField)
    return {
        path: field.document_type
        for path, field in schema.items()
        if isinstance(field, fof.EmbeddedDocumentField)
        and issubclass(field.document_type, allowed)
        and _list_around(samples, path) is None
    }


def _list_around(samples: foc.SampleCollection, path: str) -> str | None:
    """Path of the list that a field lies in, if it does."""
    parts = path.split(".")
    parents = (".".join(parts[:end]) for end in range(1, len(parts)))
    lists = (name for name in parents if isinstance(samples.get_field(name), fof.ListField))
    return next(lists, None)


def label_field_type(
    samples: foc.SampleCollection, field: str, allowed: LabelTypes
) -> type[fol.Label]:
    """Type of a label field.

    Raises:
        InputError: no such field, or of another type; the message lists the fields that would do.
    """
    found = samples.get_field(field)
    kind = found.document_type if isinstance(found, fof.EmbeddedDocumentField) else None
    around = _list_around(samples, field)
    if kind is not None and issubclass(kind, allowed) and around is None:
        return kind
    # Not the view's own name, which is None until it is saved.
    dataset = samples._root_dataset.name
    names = " or ".join(label.__name__ for label in allowed)
    if found is None:
        problem = f"there is no field {field!r} in {dataset!r}"
    elif around is not None:
        problem = (
            f"field {field!r} of {dataset!r} lies in the list {around!r}, so a sample may "
            "have several of it"
        )
    else:
        shown = kind.__name__ if kind is not None else type(found).__name__
        problem = f"field {field!r} of {dataset!r} holds {shown}, not {names}"
    raise InputError(f"{problem}. {_usable_fields(samples, allowed, names)}")


def _usable_fields(samples: foc.SampleCollection, allowed: LabelTypes, names: str) -> str:
    usable = label_fields(samples, allowed)
    if not usable:
        return f"It has no field of type {names}; add or import such labels first."
    return f"Pass one of its {names} fields: {', '.join(usable)}."


def labels_path(samples: foc.SampleCollection, field: str) -> str:
    """Where the labels of a field are: `found.detections`, `drawn.polylines`; of a field of one
    label, as patches have, the field itself."""
    kind = samples.get_field(field).document_type
    return f"{field}.{kind._LABEL_LIST_FIELD}" if issubclass(kind, fol._HasLabelList) else field


def check_confidences(samples: foc.SampleCollection, field: str) -> None:
    """Check that every label can be ranked.

    Raises:
        InputError: some have no confidence, or one that is no number.
    """
    path = labels_path(samples, field)
    noun = path.rpartition(".")[2]
    total, given, no_numbers = samples.count(path), 0, 0
    if samples.get_field(f"{path}.confidence") is not None:
        given = samples.count(f"{path}.confidence")
        no_numbers = samples.filter_labels(field, F("confidence") == _NAN).count(path)
    for count, what in ((total - given, "no confidence"), (no_numbers, "the confidence NaN")):
        if count:
            raise InputError(
                f"{count} of {total} {noun} in field {field!r} have {what}, so they cannot be "
                "ranked. Give each a `confidence`, or evaluate another field."
            )


def declare_detections(
    dataset: fo.Dataset, field: str, attributes: Mapping[str, type[fof.Field]]
) -> bool:
    """Declare a Detections field and its detections' attributes, so the App can filter by them.

    Both the field and each detection also get `run`, the run that wrote them. What only this
    package reads (`digest`, `written_at`, `proposal`) stays undeclared: the App does not show it.

    Returns:
        Whether the field is new.
    """
    new = dataset.get_field(field) is None
    dataset.add_sample_field(field, fof.EmbeddedDocumentField, embedded_doc_type=fol.Detections)
    for path, kind in prediction_paths(attributes).items():
        dataset.add_sample_field(f"{field}.{path}", kind)
    return new


def declared_attributes(dataset: fo.Dataset, field: str) -> dict[str, str]:
    """What a Detections field declares of its detections besides FiftyOne's own attributes: the
    name of each one's type, for `declare_again`."""
    schema = dataset.get_field_schema(flat=True)
    start = f"{field}.detections."
    own = set(fol.Detection._fields)
    return {
        path.removeprefix(start): type(found).__name__
        for path, found in schema.items()
        if path.startswith(start)
        and "." not in (name := path.removeprefix(start))
        and name not in own
    }


def declare_again(dataset: fo.Dataset, field: str, attributes: Mapping[str, str]) -> None:
    """Declare a Detections field as `declared_attributes` told of it; of types with parameters of
    their own, nothing is declared."""
    plain = (fof.StringField, fof.FloatField, fof.IntField, fof.BooleanField)
    kinds = {kind.__name__: kind for kind in plain}
    known = {name: kinds[kind] for name, kind in attributes.items() if kind in kinds}
    declare_detections(dataset, field, known)


def prediction_paths(attributes: Mapping[str, type[fof.Field]]) -> dict[str, type[fof.Field]]:
    """What `declare_detections` declares in a field, by path there."""
    run = {"run": fof.StringField}
    return run | {f"detections.{name}": kind for name, kind in {**attributes, **run}.items()}


def delete_if_empty(dataset: fo.Dataset, field: str) -> bool:
    """Delete a field that holds nothing any more.

    Returns:
        Whether it was there and is gone.
    """
    refresh(dataset)
    if dataset.get_field(field) is None:
        return False
    if dataset._sample_collection.find_one({field: {"$ne": None}}, {"_id": 1}) is not None:
        return False
    dataset.delete_sample_field(field)
    return True
