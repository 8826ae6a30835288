"""Drawing the small pictures of a bank's references; see `thumbnails` for where they are kept."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from io import BytesIO

import cv2
import fiftyone as fo
import fiftyone.core.collections as foc
import numpy as np
from jaxtyping import Bool
from PIL import Image

from fiftyone_ntt.core.bank import negative_source
from fiftyone_ntt.core.windows import Box, Reference, reference_window
from fiftyone_ntt.dataset.banks.saved_banks import load_memory_bank
from fiftyone_ntt.dataset.banks.thumbnails import Thumbnail, save_thumbnails, thumbnails_key
from fiftyone_ntt.dataset.labels.fields import all_images
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.label_lookup import LabelPlace, find_labels
from fiftyone_ntt.dataset.references.reference_reading import label_reference, labels_of
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError

logger = logging.getLogger(__name__)

SIDE = 72
"""Of a thumbnail, in pixels."""
_QUALITY = 80
_OUTLINE = (255, 220, 0)


@needs_database
def make_thumbnails(
    samples: foc.SampleCollection, name: str, *, progress: Progress = False
) -> dict[str, Thumbnail]:
    """Draw the references and negatives of a bank, and keep the pictures for `load_thumbnails`.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        By id. References whose label or image is gone have none.

    Raises:
        InputError: no such bank.

    Example:
        >>> pictures = ntt.make_thumbnails(dataset, "shapes")
        >>> len(pictures)
        4
    """
    dataset = samples._root_dataset
    key = thumbnails_key(dataset, name)
    bank = load_memory_bank(dataset, name)
    named: dict[str, list[str]] = defaultdict(list)
    for reference in (*bank.references.ids, *bank.negatives.ids):
        named[negative_source(reference)].append(reference)
    thumbnails: dict[str, Thumbnail] = {}
    with progress_steps(len(named), progress) as advance:
        for field, places in find_labels(all_images(dataset), named).items():
            for name, jpeg in _draw_labels(dataset, field, places):
                place = places[name]
                for reference in named[name]:
                    thumbnails[reference] = Thumbnail(
                        reference, place.label_id, place.sample_id, field, jpeg
                    )
                advance()
    save_thumbnails(dataset, key, list(thumbnails.values()))
    return thumbnails


def _draw_labels(
    dataset: fo.Dataset, field: str, places: Mapping[str, LabelPlace]
) -> Iterator[tuple[str, bytes]]:
    """Names and pictures of labels of a field."""
    names: dict[LabelPlace, list[str]] = defaultdict(list)
    for name, place in places.items():
        names[place].append(name)
    owners = list({place.sample_id for place in names})
    view = all_images(dataset).select(owners).select_fields(field)
    reading = image_reading(dataset)
    for sample in view.iter_samples():
        try:
            image = reading.read(sample.filepath)
        except InputError as error:
            logger.warning("no thumbnail: %s", error)
            continue
        for label in labels_of(sample[field]):
            for name in names.get(LabelPlace(sample.id, label.id), ()):
                try:
                    reference = label_reference(label, image, sample.filepath, name)
                except InputError as error:
                    logger.warning("no thumbnail: %s", error)
                else:
                    yield name, _reference_jpeg(reference)


def _reference_jpeg(reference: Reference) -> bytes:
    """A reference's window, stretched to a square as for the encoder, with its mask outlined."""
    left, top, right, bottom = reference_window(reference.box, reference.image.shape[:2])
    mask = reference.mask
    if mask is None:
        mask = _box_mask(reference.box, reference.image.shape[:2])
    size = (SIDE, SIDE)
    picture = np.array(
        Image.fromarray(reference.image[top:bottom, left:right]).resize(size, Image.Resampling.BOX)
    )
    inside = cv2.resize(
        mask[top:bottom, left:right].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST
    )
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, _OUTLINE, 2)
    buffer = BytesIO()
    # Colours at full resolution: halved, the outline would fade.
    Image.fromarray(picture).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def _box_mask(box: Box, size: tuple[int, int]) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
    x, y, width, height = (round(value) for value in box)
    mask = np.zeros(size, dtype=bool)
    mask[max(y, 0) : y + height, max(x, 0) : x + width] = True
    return mask
