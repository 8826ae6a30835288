"""Names that things are written under: looked at before anything is written.

FiftyOne takes names that it then trips over, or that stand for something already, and says so late
or never: an evaluation `label` makes every class `tp` or `fp`, a field `to_mongo` cannot be saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import fiftyone.core.odm as foo
import fiftyone.core.sample as fos

from fiftyone_ntt.dataset.labels.coco_labels import CROWD, ID, SOURCE
from fiftyone_ntt.dataset.labels.correction_writing import CORRECTION_FIELDS
from fiftyone_ntt.dataset.labels.detections import ATTRIBUTES, PROPOSAL
from fiftyone_ntt.dataset.labels.digests import DIGEST
from fiftyone_ntt.dataset.labels.fields import label_field_type, prediction_paths
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.ownership import WRITTEN_TAGS
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError, problem_of

BOX_ID, AGREEMENT = "box_id", "box_agreement"
"""Attributes of masks that were made of boxes: the box's id, and how well the two agree."""

OWN_ATTRIBUTES = frozenset(
    {
        *("run", *ATTRIBUTES, BOX_ID, AGREEMENT, CROWD, ID, SOURCE),
        *(DIGEST, PROPOSAL, WRITTEN_TAGS, *CORRECTION_FIELDS),
    }
)
"""What this package keeps on labels."""

_OF_VIEWS = frozenset({"sample_id", "type", "iou", "crowd", "frames", "groups"})
"""Fields that FiftyOne gives the samples of its patches and evaluation views, of videos and of
groups: where a dataset has one of its own, those views fail."""

Paths = Mapping[str, type[fof.Field]]
"""Types of what a field holds, by path there, as in `detections.iscrowd`."""


def check_identifier(name: str, what: str, suggestion: str) -> None:
    """Accept a name that FiftyOne can use as a key.

    Args:
        name: as it was given.
        what: completes "... cannot ...", for the message.
        suggestion: a name that is accepted.

    Raises:
        InputError: anything else than letters, digits and underscores.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(
            f"{name!r} cannot {what}. Use letters, digits and underscores, not starting with a "
            f"digit, as in {suggestion!r}."
        )


def check_field_name(field: str) -> None:
    """Accept the name of a field that is still to be made.

    Raises:
        InputError: not a plain name, or one that FiftyOne keeps for itself.
    """
    _check_plain(field)
    if is_kept_field(field):
        raise InputError(
            f"{field!r} cannot name a field: FiftyOne keeps that name for itself. Pass another, as "
            "in 'predictions'."
        )


def check_new_field(
    dataset: fo.Dataset,
    field: str,
    kind: type[fol.Label] = fol.Detections,
    paths: Paths = MappingProxyType({}),
) -> None:
    """Accept `field` as a place for labels: absent, or a field of such labels.

    Another process may have made the field since this one loaded the dataset: the database is
    asked.

    Args:
        dataset: to be written to.
        field: to be written to.
        kind: of labels.
        paths: what is to be declared of them.

    Raises:
        InputError: not a plain name, FiftyOne's own, of another type, read-only, or its labels have
            an attribute of another type than the one to be written.
    """
    _check_plain(field)
    refresh(dataset)
    found = dataset.get_field(field)
    if found is None or field in fos.get_default_sample_fields(include_private=True):
        check_field_name(field)
        return
    held = found.document_type if isinstance(found, fof.EmbeddedDocumentField) else type(found)
    if not issubclass(held, kind):
        raise InputError(
            f"field {field!r} of {dataset.name!r} holds {held.__name__}, so no {kind.__name__} can "
            f"be written to it. Pass the name of a new field, or of one of {kind.__name__}."
        )
    check_writable(dataset, field)
    for path, wanted in paths.items():
        check_field_kind(dataset, f"{field}.{path}", wanted)


def check_new_predictions(dataset: fo.Dataset, field: str, attributes: Paths) -> None:
    """Accept `field` as a place for the predictions of a run; see `check_new_field`.

    Args:
        dataset: to be written to.
        field: to be written to.
        attributes: of the predictions.
    """
    check_new_field(dataset, field, fol.Detections, prediction_paths(attributes))


@needs_database
def output_field_problem(samples: foc.SampleCollection, field: str) -> str | None:
    """Why detections cannot be written to a field of this name, or None where they can.

    Example:
        >>> ntt.output_field_problem(dataset, "predictions") is None
        True
        >>> ntt.output_field_problem(dataset, "metadata")
        "'metadata' cannot name a field: FiftyOne keeps that name for itself. ..."
    """
    return problem_of(check_new_predictions, samples._root_dataset, field, ATTRIBUTES)


def check_field_kind(dataset: fo.Dataset, path: str, kind: type[fof.Field]) -> None:
    """Accept what a path is declared to hold, if it is declared.

    Raises:
        InputError: something of another type.
    """
    found = dataset.get_field(path)
    if found is not None and not isinstance(found, kind):
        raise InputError(
            f"{path!r} of {dataset.name!r} holds {type(found).__name__}, and {kind.__name__} is to "
            "be written there. Pass another field, or rename what is there "
            "(`dataset.rename_sample_field`)."
        )


def read_only_part(dataset: fo.Dataset, *paths: str) -> str | None:
    """What of some paths is read-only, lies in something that is, or holds something that is."""
    schema = dataset.get_field_schema(flat=True)
    locked = [path for path, field in schema.items() if field.read_only]
    for path in paths:
        for other in locked:
            if f"{path}.".startswith(f"{other}.") or other.startswith(f"{path}."):
                return other
    return None


def check_writable(dataset: fo.Dataset, *paths: str) -> None:
    """Accept paths that may be written to; what is not there yet may be.

    Raises:
        InputError: see `read_only_part`.
    """
    found = read_only_part(dataset, *paths)
    if found is not None:
        raise InputError(
            f"field {found!r} of {dataset.name!r} is read-only, so nothing is written to it. Pass "
            "another field, or make it writable (`field.read_only = False; field.save()`)."
        )


def check_still_there(
    dataset: fo.Dataset, field: str, writer: str, kind: type[fol.Label] = fol.Detections
) -> None:
    """Check that a field that is being written to may be written to further, whichever process may
    have done something to it.

    Writing on would leave labels that no schema knows and nobody sees.

    Args:
        dataset: written to.
        field: written to.
        writer: what writes to it, for the message.
        kind: of labels.

    Raises:
        InputError: it was deleted, holds something else by now, or became read-only; or the dataset
            is gone.
    """
    refresh(dataset)
    if dataset.get_field(field) is None:
        raise InputError(
            f"field {field!r} was deleted while {writer} was writing to it, so it stopped. Nothing "
            "else was touched; run it again to start anew."
        )
    label_field_type(dataset, field, (kind,))
    check_writable(dataset, field)


def is_kept_field(name: str) -> bool:
    """Whether FiftyOne keeps a name of samples for itself."""
    return name.startswith("_") or name in _kept_of_samples() | _OF_VIEWS


def is_kept_attribute(name: str) -> bool:
    """Whether FiftyOne or this package keeps a name of labels for itself."""
    return name.startswith("_") or name in _kept_of_labels() | OWN_ATTRIBUTES


def check_tag(samples: foc.SampleCollection, tag: str, label_field: str) -> None:
    """Accept a tag that labels of a field, and their samples, are to get.

    Raises:
        InputError: no tag, one that FiftyOne does not find again, or a read-only field.
    """
    if not isinstance(tag, str) or not tag.strip():
        raise InputError("the tag is empty. Pass a word, as in 'reference'.")
    if tag.startswith("$"):
        raise InputError(
            f"the tag {tag!r} begins with a dollar: FiftyOne would not find the labels that have "
            "it. Pass another, as in 'reference'."
        )
    dataset = samples._root_dataset
    refresh(dataset)
    kind = label_field_type(dataset, label_field, (fol.Label,))
    place = f".{kind._LABEL_LIST_FIELD}" if issubclass(kind, fol._HasLabelList) else ""
    check_writable(dataset, "tags", f"{label_field}{place}.tags")


@needs_database
def tag_problem(samples: foc.SampleCollection, tag: str, label_field: str) -> str | None:
    """Why a field's labels cannot be tagged so, or None where they can.

    Example:
        >>> ntt.tag_problem(dataset, "reference", "ground_truth") is None
        True
        >>> ntt.tag_problem(dataset, "$5", "ground_truth")
        "the tag '$5' begins with a dollar: FiftyOne would not find the labels that have it. ..."
    """
    return problem_of(check_tag, samples, tag, label_field)


def _check_plain(field: str) -> None:
    """Accept what may be the whole path of a field in the database."""
    if isinstance(field, str) and "." in field and all(map(str.isidentifier, field.split("."))):
        raise InputError(
            f"{field!r} cannot name a field to write: it lies inside another, which can be read "
            "but not written. Pass a plain name, as in 'predictions'."
        )
    check_identifier(field, "name a field", "predictions")
    if field.startswith("_"):
        raise InputError(
            f"{field!r} cannot name a field: FiftyOne keeps names that begin with an underscore "
            "for itself. Pass another, as in 'predictions'."
        )


@cache
def _kept_of_samples() -> frozenset[str]:
    """Names of what every sample has: its fields, and the methods that a field would hide."""
    kinds = (fos.Sample, fos.SampleView, foo.DatasetSampleDocument)
    return frozenset(fos.get_default_sample_fields(include_private=True)).union(*map(dir, kinds))


@cache
def _kept_of_labels() -> frozenset[str]:
    """Likewise of every detection."""
    return frozenset(dir(fol.Detection))
