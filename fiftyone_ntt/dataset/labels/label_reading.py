"""The labels of a view, image by image, without their masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.stored_labels import LISTS, StoredLabel, stored_labels

_NAMES = ("_id", "label", "bounding_box", "points", "closed", "filled")


@dataclass(frozen=True)
class ImageLabels:
    """An image of a view and its labels in a field.

    Attributes:
        sample_id: its sample's.
        path: of the image.
        height: in pixels; None where the metadata do not have it.
        width: likewise.
        labels: with their ids, classes, boxes or points, and the attributes asked for.
    """

    sample_id: str
    path: str
    height: int | None
    width: int | None
    labels: list[StoredLabel]


def read_labels(
    samples: foc.SampleCollection, field: str, attributes: Iterable[str] = ()
) -> Iterator[ImageLabels]:
    """The images of a view in its order, each with the labels that the view shows.

    Args:
        samples: of whole images.
        field: Detections or Polylines.
        attributes: of the labels, to be read too.
    """
    names = ["filepath", "metadata.height", "metadata.width"]
    names += [f"{field}.{part}.{name}" for part in LISTS for name in (*_NAMES, *attributes)]
    pipeline = samples._pipeline(pipeline=[{"$project": dict.fromkeys(names, 1)}])
    for row in samples._dataset._sample_collection.aggregate(pipeline, allowDiskUse=True):
        metadata = row.get("metadata") or {}
        yield ImageLabels(
            str(row["_id"]),
            row["filepath"],
            metadata.get("height"),
            metadata.get("width"),
            stored_labels(row, field),
        )
