"""Small pictures of predictions for whoever reviews them, and apart the outlines of their masks."""

from __future__ import annotations

import base64
import logging
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO

import cv2
import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from bson import ObjectId
from jaxtyping import Bool, UInt8
from PIL import Image

from fiftyone_ntt.dataset.labels.fields import all_images, label_field_type, label_fields
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.masks import label_box, label_crop, relative_box
from fiftyone_ntt.dataset.labels.stored_labels import StoredLabel, label_paths, stored_labels
from fiftyone_ntt.dataset.review.decisions import owners_of
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError

logger = logging.getLogger(__name__)

SURROUNDINGS = 1.5
"""Sides of a crop, in longer sides of the prediction's box."""
_LEAST = 48
"""Of a crop, in pixels of the image: of a small thing one has to see where it lies."""
_QUALITY = 85
_FINE = 512
"""Pixels of a crop's longer side from which outlines need no finer grid than the image's."""
_MOST_FINER = 8
_DIGITS = 4
_KINDS = (fol.Detections, fol.Polylines)

Outline = tuple[tuple[float, float], ...]
Area = tuple[int, int, int, int]
"""Left, top, right and bottom in an image, in pixels."""


@dataclass(frozen=True)
class PredictionCrop:
    """A prediction and what is around it.

    Attributes:
        jpeg: the picture, without anything drawn on it.
        outlines: of the mask, or of the box where there is none; holes too. Points are x, y in 0..1
            of the picture.

    Example:
        >>> crop = ntt.PredictionCrop(b"...", (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),))
        >>> crop.uri
        'data:image/jpeg;base64,Li4u'
    """

    jpeg: bytes
    outlines: tuple[Outline, ...]

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


@needs_database
def prediction_crops(
    samples: foc.SampleCollection,
    label_field: str | None,
    label_ids: Collection[str],
    *,
    side: int = 400,
) -> dict[str, PredictionCrop]:
    """Cut predictions, or other labels, out of their images, for a person to look at.

    Args:
        samples: the dataset or a view of it; labels are found by their ids wherever they lie.
        label_field: Detections or Polylines; None where they may lie in any field of these.
        label_ids: of the labels; `<label id>@<sample id>` is found sooner.
        side: most pixels of a picture's longer side; what is smaller is not enlarged.

    Returns:
        By id as it was passed. Labels that are gone, or whose image or mask cannot be read,
        have none.

    Raises:
        InputError: no such field, an id that is none, or a side below 1.

    Example:
        >>> ids = view.first().predictions.detections[0].id
        >>> crop = ntt.prediction_crops(dataset, "predictions", [ids])[ids]
        >>> crop.jpeg[:2], len(crop.outlines) > 0
        (b'\\xff\\xd8', True)
    """
    dataset = samples._root_dataset
    refresh(dataset)
    if side < 1:
        raise InputError(f"side is {side}, but a picture has at least 1 pixel.")
    if label_field is None:
        fields = list(label_fields(all_images(dataset), _KINDS).items())
    else:
        kind = label_field_type(all_images(dataset), label_field, _KINDS)
        fields = [(label_field, kind)]
    found: dict[str, PredictionCrop] = {}
    for field, kind in fields:
        left = [name for name in label_ids if name not in found]
        names: dict[str, list[str]] = defaultdict(list)
        for name in left:
            names[name.partition("@")[0]].append(name)
        path = f"{field}.{kind._LABEL_LIST_FIELD}"
        for sample_id, label, crop in _crops(dataset, field, path, left, side) if left else ():
            for name in names[label]:
                if name.partition("@")[2] in ("", sample_id):
                    found.setdefault(name, crop)
    return {name: found[name] for name in label_ids if name in found}


def _crops(
    dataset: fo.Dataset, field: str, path: str, names: Collection[str], side: int
) -> Iterator[tuple[str, str, PredictionCrop]]:
    """Ids of samples and labels, and the crops; each image is read once."""
    owners, reading = owners_of(names), image_reading(dataset)
    for row in dataset._sample_collection.aggregate(_pipeline(field, path, owners)):
        try:
            image = reading.read(row["filepath"])
        except InputError as error:
            logger.warning("no crop: %s", error)
            continue
        for label in stored_labels(row, field):
            try:
                yield str(row["_id"]), label.id, _crop(label, image, side)
            except InputError as error:
                logger.warning("no crop of label %s: %s", label.id, error)


def _pipeline(
    field: str, path: str, owners: dict[ObjectId, set[ObjectId]]
) -> list[dict[str, object]]:
    """Of each sample the wanted labels alone: masks of a hundred others take long to send."""
    ids = list(owners)
    match: dict[str, object] = {f"{path}._id": {"$in": ids}}
    if all(owners.values()):
        match = {"_id": {"$in": list(set().union(*owners.values()))}}
    wanted = {"$filter": {"input": f"${path}", "cond": {"$in": ["$$this._id", ids]}}}
    read = [name for name in label_paths(field) if name.startswith(path)]
    return [
        {"$match": match},
        {"$project": {"filepath": 1, path: wanted}},
        {"$project": dict.fromkeys(["filepath", *read], 1)},
    ]


def _crop(label: StoredLabel, image: UInt8[np.ndarray, "H W 3"], side: int) -> PredictionCrop:
    size = (image.shape[0], image.shape[1])
    if relative_box(label) is None:
        raise InputError("it has no place in its image")
    left, top, right, bottom = area = crop_area(label_box(label, size), size)
    picture = Image.fromarray(image[top:bottom, left:right])
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    mask = _mask_in(label, size, area)
    return PredictionCrop(buffer.getvalue(), mask_outlines(mask))


def crop_area(box: tuple[float, float, float, float], size: tuple[int, int]) -> Area:
    """The square around a box, moved into the image and no larger than that.

    Args:
        box: x, y, width, height in pixels.
        size: the image's height and width.

    Example:
        >>> crop_area((0.0, 100.0, 60.0, 40.0), (480, 640))
        (0, 75, 90, 165)
    """
    x, y, width, height = box
    side = max(round(max(width, height) * SURROUNDINGS), _LEAST)
    left, right = _edges(x + width / 2, side, size[1])
    top, bottom = _edges(y + height / 2, side, size[0])
    return left, top, right, bottom


def _edges(centre: float, side: int, limit: int) -> tuple[int, int]:
    side = min(side, limit)
    low = min(max(round(centre - side / 2), 0), limit - side)
    return low, low + side


def _mask_in(label: StoredLabel, size: tuple[int, int], area: Area) -> Bool[np.ndarray, "h w"]:
    """The mask of a label, or its box where it has none, in a part of its image."""
    left, top, right, bottom = area
    placed = label_crop(label, size)
    if placed is None:
        x, y, width, height = label_box(label, size)
        shape = (max(round(height), 1), max(round(width), 1))
        placed = np.ones(shape, dtype=bool), (round(y), round(x))
    mask, (first, before) = placed
    found = np.zeros((bottom - top, right - left), dtype=bool)
    rows = slice(max(first, top), min(first + mask.shape[0], bottom))
    columns = slice(max(before, left), min(before + mask.shape[1], right))
    if rows.start < rows.stop and columns.start < columns.stop:
        inside = mask[
            rows.start - first : rows.stop - first, columns.start - before : columns.stop - before
        ]
        found[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = (
            inside
        )
    return found


def mask_outlines(mask: Bool[np.ndarray, "h w"]) -> tuple[Outline, ...]:
    """The borders of a mask and of its holes, along the edges of its pixels.

    Returns:
        Points x, y in 0..1 of the mask's width and height.

    Example:
        >>> [outline] = mask_outlines(np.ones((2, 2), dtype=bool))
        >>> sorted(outline)
        [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    """
    finer = min(max(_FINE // max(mask.shape), 2), _MOST_FINER)
    grid = mask.astype(np.uint8).repeat(finer, axis=0).repeat(finer, axis=1)
    borders, _ = cv2.findContours(grid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    last = np.array([grid.shape[1] - 1, grid.shape[0] - 1])
    outlines = []
    for border in borders:
        # Half a pixel of the image: its steps go, its shape stays.
        simple = cv2.approxPolyDP(border, finer / 2, closed=True)[:, 0] / last
        outlines.append(tuple((round(x, _DIGITS), round(y, _DIGITS)) for x, y in simple.tolist()))
    return tuple(outlines)
