"""Negative references: things that resemble a bank's classes and are none of them.

They come from three places, which a bank tells apart: its own mistakes on labelled images (method
10), labels that a person tagged, and the background around its references.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fiftyone.core.collections as foc
import numpy as np

from fiftyone_ntt.core.bank import MemoryBank, negative_id
from fiftyone_ntt.core.images import ImageReading, known_size
from fiftyone_ntt.core.mining import FalsePositive, false_positives, worst
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.core.prototypes import with_negatives
from fiftyone_ntt.core.rle import RLE, decode_mask, encode_masks, rle_boxes
from fiftyone_ntt.core.settings import ProposalSettings, check_stored_mode
from fiftyone_ntt.core.surroundings import surroundings
from fiftyone_ntt.core.windows import Box, Reference
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.banks.thumbnail_drawing import keep_pictures
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    check_whole_images,
    label_field_type,
    sample_count,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.label_reading import read_labels
from fiftyone_ntt.dataset.labels.masks import NamedLabel, Size, label_box, label_mask
from fiftyone_ntt.dataset.references.label_lookup import labels_in_field
from fiftyone_ntt.dataset.references.reference_reading import labels_of, read_references
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.proposing import StoreChoice, resolve_store
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import ProposalSource


@dataclass(frozen=True, eq=False)
class _Negative:
    """One negative whose image is still to be read."""

    id: str
    label: str
    path: str
    mask: RLE
    sample_id: str


@needs_database
def mine_negatives(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    gt_field: str,
    *,
    per_class: int = 10,
    models: str | Models | None = None,
    device: str = "cpu",
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    store: StoreChoice = True,
    progress: Progress = None,
) -> MemoryBank:
    """Give a bank the false positives it produces on labelled images as negative references.

    A detection is a false positive if its box overlaps every true box of its class by an IoU below
    0.1; the most confident ones of each class are kept. An object of the classes that nobody
    labelled would count as a mistake: pass images that are labelled completely. A bank with
    negatives scores otherwise than one without, which can also make it worse: evaluate both.

    Images that `segment` has seen are not computed again, nor are those of an earlier call.

    Args:
        samples: a dataset or view of labelled images, not the ones evaluated on later.
        bank: a bank, which is left as it is, or the name of one saved on the dataset. Mined
            negatives it has take no part in the detection, and are replaced; others stay.
        gt_field: Detections or closed Polylines, all objects of the bank's classes in those images.
        per_class: negatives per class, at most.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        mode: of the method, whose mistakes are looked for: `"paper"` or `"best"`; see `segment`.
        points_per_side: prompts per row and column of the grid.
        crops: parts of the images that are looked at besides the whole, 0, 4 or 9; see `segment`.
        store: where the images' proposals are kept, as in `segment`.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        The bank with its new negatives, each named by its sample's id, its class's index and its
        rank; none for a class without false positives. `save_memory_bank` stores it, and
        `bank.without_negatives("mined")` is the bank as it was.

    Raises:
        InputError: no samples, a field of another type, an unreadable image.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> labelled = dataset.match_tags("candidate")
        >>> sharper = ntt.mine_negatives(labelled, bank, "ground_truth", points_per_side=16)
        >>> set(sharper.negative_origins)
        {'mined'}
    """
    _check_labelled_images(samples, gt_field, "mining negatives")
    if per_class < 1:
        raise InputError(f"per_class is {per_class}: keep at least 1 negative per class.")
    bank = resolve_bank(samples._root_dataset, bank).without_negatives("mined")
    loaded = models_of_bank(bank, models, device)
    settings = ProposalSettings(points_per_side=points_per_side, crops=crops)
    pipeline = Pipeline(
        bank, loaded.encoder, loaded.segmenter, check_stored_mode(mode), proposal_settings=settings
    )
    source = ProposalSource(pipeline, resolve_store(store), image_reading(samples))
    kept: list[FalsePositive] = []
    with progress_steps(sample_count(samples), progress) as advance:
        for image, ready in prefetched(
            _labelled_images(samples, gt_field), lambda item: source.load(item.path)
        ):
            match = pipeline.matcher(source.proposals(ready.result()))
            wrong = false_positives(match, *image.true_objects(bank.classes), image)
            # Thinned out as it goes, so that no more masks are held than are needed.
            kept = worst([*kept, *wrong], per_class)
            advance()
    if source.store is not None:
        source.store.keep_within_limit()
    ranks: dict[int, int] = {}
    negatives = []
    for item in kept:
        rank = ranks[item.label] = ranks.get(item.label, 0) + 1
        name = negative_id("mined", f"{item.source.sample_id}-{item.label}-{rank}")
        negatives.append(
            _Negative(
                name, bank.classes[item.label], item.source.path, item.mask, item.source.sample_id
            )
        )
    found = with_negatives(bank, _group_by_class(negatives, source.reading), loaded.encoder)
    keep_pictures(samples._root_dataset, found, _pictured(negatives, source.reading))
    return found


@needs_database
def add_tagged_negatives(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    label_field: str,
    *,
    tag: str = "negative",
    models: str | Models | None = None,
    device: str = "cpu",
    progress: Progress = None,
) -> MemoryBank:
    """Give a bank labels that were tagged by hand as negative references.

    A label's class is the one it must not be taken for: tag false positives of a prediction field
    in the App, and they are what this wants.

    Args:
        samples: a dataset or view of images.
        bank: a bank, which is left as it is, or the name of one saved on the dataset. Tagged
            negatives it has are replaced; others stay.
        label_field: Detections with masks, or boxes alone, or closed Polylines.
        tag: label tag of the negatives.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        The bank with its new negatives, each named by its label;
        `bank.without_negatives("tagged")` is the bank as it was.

    Raises:
        InputError: no label has the tag, or one that has it is of no class of the bank.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> view.limit_labels("predictions", 1).tag_labels("negative", "predictions")
        >>> sharper = ntt.add_tagged_negatives(view, "shapes", "predictions")
        >>> ntt.save_memory_bank(view, sharper, overwrite=True).negatives
        3
    """
    bank = resolve_bank(samples._root_dataset, bank).without_negatives("tagged")
    found = read_references(samples, label_field, label_tags=tag)
    unknown = [name for name in found if name not in bank.classes]
    if unknown:
        raise InputError(
            f"labels tagged {tag!r} in field {label_field!r} are of {', '.join(unknown)}, which "
            f"is no class of the memory bank ({', '.join(bank.classes)}). Give them the class they "
            "must not be taken for, or remove the tag."
        )
    loaded = models_of_bank(bank, models, device)
    with progress_steps(sum(map(len, found.values())), progress) as advance:
        negatives = {
            name: _with_progress(tagged_negatives(group), advance) for name, group in found.items()
        }
        return with_negatives(bank, negatives, loaded.encoder, loaded.segmenter)


@needs_database
def add_background_negatives(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    label_field: str,
    *,
    models: str | Models | None = None,
    device: str = "cpu",
    progress: Progress = None,
) -> MemoryBank:
    """Give a bank what surrounds its references as negative references.

    Of each reference it is the ring around its mask, as far as a quarter of the reference's size,
    without the other labels of that image.

    Args:
        samples: a dataset or view with the images of the bank's references.
        bank: a bank, which is left as it is, or the name of one saved on the dataset. Background
            negatives it has are replaced; others stay.
        label_field: Detections with masks or closed Polylines, the field the bank was built from.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        The bank with its new negatives, each named by its reference, none for a reference
        that leaves no room; `bank.without_negatives("background")` is the bank as it was.

    Raises:
        InputError: none of the bank's references is a label with a mask there, or an image cannot
            be read.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> sharper = ntt.add_background_negatives(dataset, "shapes", "ground_truth")
        >>> sharper.negative_origins.count("background")
        4
    """
    _check_labelled_images(samples, label_field, "taking background")
    bank = resolve_bank(samples._root_dataset, bank).without_negatives("background")
    loaded = models_of_bank(bank, models, device)
    names: dict[str, dict[str, str]] = defaultdict(dict)
    for name, place in labels_in_field(samples, label_field, bank.references.ids).items():
        names[place.sample_id][place.label_id] = name
    images = samples.select(list(names)).select_fields(label_field)
    negatives = [
        negative
        for sample in images.iter_samples()
        for negative in _background_negatives(sample, label_field, names[sample.id], bank.classes)
    ]
    if not negatives:
        raise InputError(
            f"none of the memory bank's {len(bank.references)} references is a label with a mask "
            f"and some background around it in field {label_field!r} of this view. Pass the field "
            "and the samples it was built from."
        )
    with progress_steps(len(negatives), progress) as advance:
        groups = {
            name: _with_progress(group, advance)
            for name, group in _group_by_class(negatives, image_reading(samples)).items()
        }
        found = with_negatives(bank, groups, loaded.encoder)
    keep_pictures(samples._root_dataset, found, _pictured(negatives, image_reading(samples)))
    return found


def _check_labelled_images(samples: foc.SampleCollection, field: str, purpose: str) -> None:
    check_whole_images(samples, purpose)
    label_field_type(samples, field, SHAPE_TYPES)
    if not sample_count(samples):
        raise InputError(
            f"{samples._root_dataset.name!r} has no samples in this view, so there is nothing to "
            "learn from. Pass labelled images."
        )


@dataclass(frozen=True, eq=False)
class _LabelledImage:
    """An image and the boxes and classes of its labels."""

    sample_id: str
    path: str
    size: Size
    boxes: list[Box]
    names: list[Any]

    def true_objects(self, classes: Sequence[str]) -> tuple[list[list[float]], list[int]]:
        """Corners in pixels and class indices of its objects; -1 for other classes."""
        corners = [[x, y, x + width, y + height] for x, y, width, height in self.boxes]
        return corners, [classes.index(name) if name in classes else -1 for name in self.names]


def _labelled_images(samples: foc.SampleCollection, field: str) -> list[_LabelledImage]:
    images = []
    for image in read_labels(samples, field):
        size = known_size(image.path, image.height, image.width)
        boxes = []
        for label in image.labels:
            with NamedLabel(label):
                boxes.append(label_box(label, size))
        names = [label.label for label in image.labels]
        images.append(_LabelledImage(image.sample_id, image.path, size, boxes, names))
    return images


def _background_negatives(
    sample: Any, field: str, names: Mapping[str, str], classes: Sequence[str]
) -> Iterator[_Negative]:
    """What surrounds the references of an image, unless it is another label.

    Args:
        sample: of the image.
        field: of the labels.
        names: of the references, by label id.
        classes: of the bank.
    """
    metadata, path = sample.metadata, sample.filepath
    size = known_size(path, *((metadata.height, metadata.width) if metadata else (None, None)))
    labels = labels_of(sample[field])
    masks = {}
    for label in labels:
        with NamedLabel(label):
            masks[label.id] = label_mask(label, size)
    drawn = {key: mask for key, mask in masks.items() if mask is not None and mask.any()}
    for label in labels:
        if label.id not in names or label.id not in drawn or label.label not in classes:
            continue
        others = np.zeros(size, dtype=bool)
        for key, mask in drawn.items():
            if key != label.id:
                others |= mask
        ring = surroundings(drawn[label.id], others)
        if ring.any():
            name = negative_id("background", names[label.id])
            yield _Negative(name, label.label, path, encode_masks(ring[None])[0], sample.id)


@dataclass(frozen=True)
class _ClassNegatives:
    """The negatives of one class as references; their images are read one at a time."""

    items: tuple[_Negative, ...]
    reading: ImageReading

    def __iter__(self) -> Iterator[Reference]:
        for item in self.items:
            [(x1, y1, x2, y2)] = rle_boxes([item.mask]).tolist()
            box = (x1, y1, x2 + 1 - x1, y2 + 1 - y1)
            image = self.reading.read(item.path)
            yield Reference(item.id, image, box, decode_mask(item.mask), Path(item.path).name)


def _pictured(
    negatives: Sequence[_Negative], reading: ImageReading
) -> Iterator[tuple[str, Reference]]:
    """Negatives to be drawn now, as no label shows them, and the samples they lie on."""
    references = _ClassNegatives(tuple(negatives), reading)
    for negative, reference in zip(negatives, references, strict=True):
        yield negative.sample_id, reference


def _group_by_class(
    negatives: Iterable[_Negative], reading: ImageReading
) -> dict[str, _ClassNegatives]:
    groups: dict[str, list[_Negative]] = {}
    for negative in negatives:
        groups.setdefault(negative.label, []).append(negative)
    return {name: _ClassNegatives(tuple(group), reading) for name, group in groups.items()}


def tagged_negatives(references: Iterable[Reference]) -> Iterator[Reference]:
    """References under the names that they have as negatives chosen by a person."""
    for reference in references:
        yield replace(reference, id=negative_id("tagged", reference.id))


def _with_progress(
    references: Iterable[Reference], advance: Callable[[], None]
) -> Iterator[Reference]:
    for reference in references:
        yield reference
        advance()
