"""Drawing the small pictures of a bank's references; see `thumbnails` for where they are kept."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from io import BytesIO

import cv2
import fiftyone as fo
import fiftyone.core.collections as foc
import numpy as np
from jaxtyping import Bool
from PIL import Image

from fiftyone_ntt.core.bank import MemoryBank, negative_source
from fiftyone_ntt.core.windows import Box, Reference, reference_window
from fiftyone_ntt.dataset.banks.bank_memory import kept_bank
from fiftyone_ntt.dataset.banks.thumbnails import (
    Thumbnail,
    load_thumbnails,
    save_thumbnails,
    thumbnail_keys,
)
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
    samples: foc.SampleCollection,
    name: str,
    *,
    ids: Collection[str] | None = None,
    progress: Progress = False,
) -> dict[str, Thumbnail]:
    """Draw references and negatives of a bank, and keep the pictures for `load_thumbnails`.

    Those that are kept already are not drawn again.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        ids: of references and negatives; all of the bank when None.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        By id. References whose label or image is gone have none, and nor have mined negatives,
        which are no labels.

    Raises:
        InputError: no such bank.

    Example:
        >>> pictures = ntt.make_thumbnails(dataset, "shapes")
        >>> len(pictures)
        4
    """
    dataset = samples._root_dataset
    bank = kept_bank(dataset, name)
    known = load_thumbnails(dataset, name, ids)
    keys = thumbnail_keys(bank, ids)
    missing = [reference for reference in keys if reference not in known]
    with progress_steps(len(missing), progress) as advance:
        made = {one.id: one for one in _drawn(dataset, missing, SIDE, advance)}
    save_thumbnails(dataset, keys, made.values(), none=set(missing) - made.keys())
    found = known | made
    return {reference: one for reference in keys if (one := found.get(reference)) is not None}


@needs_database
def reference_picture(
    samples: foc.SampleCollection, name: str, reference: str, *, side: int = 400
) -> Thumbnail | None:
    """A reference or negative of a bank in large, drawn anew.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        reference: its id there.
        side: of the picture, in pixels.

    Returns:
        As `make_thumbnails` draws it; None if its label or image is gone.

    Raises:
        InputError: no such bank, or no such reference in it.

    Example:
        >>> first, *_ = ntt.load_memory_bank(dataset, "shapes").references.ids
        >>> ntt.reference_picture(dataset, "shapes", first).field
        'ground_truth'
    """
    dataset = samples._root_dataset
    if not thumbnail_keys(kept_bank(dataset, name), [reference]):
        raise InputError(f"memory bank {name!r} has no reference {reference!r} (any more).")
    return next(_drawn(dataset, [reference], side), None)


def keep_pictures(
    dataset: fo.Dataset, bank: MemoryBank, references: Iterable[tuple[str, Reference]]
) -> None:
    """Draw negatives that are no labels, and keep the pictures for `load_thumbnails`.

    Args:
        dataset: of the bank.
        bank: that has them.
        references: each with the id of the sample it lies on.
    """
    made = [
        Thumbnail(reference.id, "", sample_id, "", _reference_jpeg(reference, SIDE))
        for sample_id, reference in references
    ]
    save_thumbnails(dataset, thumbnail_keys(bank, [one.id for one in made]), made)


def _drawn(
    dataset: fo.Dataset,
    ids: Collection[str],
    side: int,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Thumbnail]:
    """Pictures of references and negatives, as far as their labels are there."""
    named: dict[str, list[str]] = defaultdict(list)
    for reference in ids:
        named[negative_source(reference)].append(reference)
    for field, places in find_labels(all_images(dataset), named).items():
        for name, jpeg in _draw_labels(dataset, field, places, side):
            for reference in named[name]:
                place = places[name]
                yield Thumbnail(reference, place.label_id, place.sample_id, field, jpeg)
                advance()


def _draw_labels(
    dataset: fo.Dataset, field: str, places: Mapping[str, LabelPlace], side: int
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
                    yield name, _reference_jpeg(reference, side)


def _reference_jpeg(reference: Reference, side: int) -> bytes:
    """A reference's window, stretched to a square as for the encoder, with its mask outlined."""
    left, top, right, bottom = reference_window(reference.box, reference.image.shape[:2])
    mask = reference.mask
    if mask is None:
        mask = _box_mask(reference.box, reference.image.shape[:2])
    size = (side, side)
    shown = Image.fromarray(reference.image[top:bottom, left:right])
    smaller = max(shown.size) > side
    way = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    picture = np.array(shown.resize(size, way))
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
