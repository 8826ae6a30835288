"""A sample's boxes to copies with masks, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.box_masks import BoxMask, masks_from_boxes
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.rle import decode_crops, rle_boxes
from fiftyone_ntt.core.windows import Box
from fiftyone_ntt.dataset.labels.detections import PROPOSAL, Document
from fiftyone_ntt.dataset.labels.digests import DIGEST
from fiftyone_ntt.dataset.labels.masks import (
    NamedLabel,
    Size,
    label_box,
    label_crop,
    relative_box,
)
from fiftyone_ntt.dataset.labels.names import AGREEMENT, BOX_ID
from fiftyone_ntt.dataset.labels.ownership import WRITTEN_TAGS
from fiftyone_ntt.dataset.references.reference_reading import labels_of
from fiftyone_ntt.dataset.runs.runner import Image, Loader, prefetch_loader, spread_loader
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loadable import LoadableModels
from fiftyone_ntt.models.loading import Models

DONE = "done_boxes"
"""Attribute of a sample's masks: ids of the boxes they were made of."""


@dataclass(frozen=True, eq=False)
class BoxMasking:
    """What a run does with each sample.

    Attributes:
        samples: that have the boxes.
        box_field: their field.
        run: key of the run.
        done: ids of the boxes that have their masks, by sample id.
        segmenter: draws the masks.
    """

    samples: foc.SampleCollection
    box_field: str
    run: str
    done: Mapping[str, Sequence[str]]
    segmenter: Any

    def loader(
        self, reading: ImageReading, models: Models, workers: int
    ) -> Loader[UInt8[np.ndarray, "H W 3"] | MaskedBoxes]:
        """What is loaded of samples: their images or, where several processes compute, results.

        Args:
            reading: how the images become pixels.
            models: that the segmenter is of.
            workers: processes; 1 for this one.

        Raises:
            InputError: other processes cannot have these models.
        """
        if workers == 1:
            return prefetch_loader(reading.read)
        task = BoxMaskTask(LoadableModels.of(models), reading, self.run)
        return spread_loader(task, self._pieces, workers)

    def compute(self, sample_id: str, loaded: UInt8[np.ndarray, "H W 3"] | MaskedBoxes) -> Document:
        """A sample's boxes with masks, those that have none yet."""
        if not isinstance(loaded, MaskedBoxes):
            new = self._new_boxes(sample_id)
            made = with_masks(new, loaded, self.segmenter, self.run)
            loaded = MaskedBoxes(made, [box.id for box in new])
        known = self.done.get(sample_id, [])
        return {
            "_cls": "Detections",
            "detections": loaded.detections,
            DONE: [*known, *loaded.boxes],
        }

    def _new_boxes(self, sample_id: str) -> list[fol.Detection | fol.Polyline]:
        """The boxes of a sample without masks, as they are now.

        Raises:
            InputError: it is not there any more, or the field is not.
        """
        try:
            boxes = self.samples[sample_id][self.box_field]
        except KeyError as error:
            raise InputError(
                f"the sample, or its field {self.box_field!r}, was deleted or left the view "
                "meanwhile"
            ) from error
        known = self.done.get(sample_id, [])
        return [box for box in labels_of(boxes) if box.id not in known]

    def _pieces(self, images: Sequence[Image]) -> Iterator[BoxPiece]:
        for sample_id, path in images:
            try:
                boxes = self._new_boxes(sample_id)
            except InputError as error:
                yield BoxPiece(path, [], str(error))
            else:
                yield BoxPiece(path, [box.to_dict() for box in boxes])


@dataclass(frozen=True)
class BoxPiece:
    """What a worker is told of a sample.

    Attributes:
        path: of its image.
        boxes: that have no masks yet, as documents.
        reason: why there are none, where they cannot be read.
    """

    path: str
    boxes: list[Document]
    reason: str = ""


@dataclass(frozen=True)
class MaskedBoxes:
    """What is made of a sample.

    Attributes:
        detections: with masks.
        boxes: ids of the boxes that they are copies of.
    """

    detections: list[Document]
    boxes: list[str]


@dataclass(frozen=True)
class BoxMaskTask:
    """What the workers of a run do.

    Attributes:
        models: of which the segmenter is used.
        reading: how the images become pixels.
        run: key of the run.
    """

    models: LoadableModels
    reading: ImageReading
    run: str

    def begin(self) -> Callable[[BoxPiece], MaskedBoxes]:
        """Loads the models; returns what draws a sample's masks.

        Raises:
            ModelError: the models cannot be loaded, or are others by now.
        """
        segmenter = self.models.load().segmenter

        def draw(piece: BoxPiece) -> MaskedBoxes:
            """The masks of a sample's boxes.

            Raises:
                InputError: its boxes or its image cannot be read.
            """
            if piece.reason:
                raise InputError(piece.reason)
            boxes = [getattr(fol, box["_cls"]).from_dict(box) for box in piece.boxes]
            made = with_masks(boxes, self.reading.read(piece.path), segmenter, self.run)
            return MaskedBoxes(made, [box.id for box in boxes])

        return draw


def with_masks(
    boxes: list[fol.Detection | fol.Polyline],
    image: UInt8[np.ndarray, "H W 3"],
    segmenter: Any,
    run: str,
) -> list[Document]:
    """Copies of the boxes with masks, each packed before the next is drawn."""
    size = (image.shape[0], image.shape[1])
    areas, bare = [], []
    for box in boxes:
        with NamedLabel(box):
            if isinstance(box, fol.Polyline) or not _has_pixels(box, size):
                bare.append(box)
                areas.append(_prompt(box, size))
    masks = masks_from_boxes(image, areas, segmenter)
    made = {box.id: mask for box, mask in zip(bare, masks, strict=True)}
    return [dict(_copy(box, made.get(box.id), run).to_mongo()) for box in boxes]


def _has_pixels(box: fol.Detection, size: Size) -> bool:
    placed = label_crop(box, size)
    return placed is not None and bool(placed[0].any())


def _prompt(box: fol.Detection | fol.Polyline, size: Size) -> Box:
    if relative_box(box) is None:
        raise InputError("it has no box of finite numbers. Draw one, or remove this label.")
    return label_box(box, size)


def _copy(box: fol.Detection | fol.Polyline, made: BoxMask | None, run: str) -> fol.Detection:
    """The box's detection with a mask, under an id of its own."""
    copy = _as_detection(box) if isinstance(box, fol.Polyline) else box.copy()
    if made is not None:
        height, width = made.rle["size"]
        corners = rle_boxes([made.rle])
        [copy.mask] = decode_crops([made.rle], corners)
        (x, y), (h, w) = corners[0, :2].tolist(), copy.mask.shape
        copy.bounding_box = [x / width, y / height, w / width, h / height]
        copy[AGREEMENT] = made.agreement
    copy[BOX_ID], copy["run"] = box.id, run
    # Of a box that is itself a prediction: the copy's own are still to come.
    for name in (DIGEST, PROPOSAL, WRITTEN_TAGS):
        if copy.get_attribute_value(name, None) is not None:
            copy[name] = None
    return copy


def _as_detection(polyline: fol.Polyline) -> fol.Detection:
    """A detection with what a polyline says of its object, but no place yet."""
    own = {"id", "points", "closed", "filled"}
    given = {name: value for name, value in polyline.iter_fields() if name not in own}
    return fol.Detection(**{name: value for name, value in given.items() if value is not None})
