"""Negative references out of a bank's own mistakes on labelled images (method 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.geometry import decode_mask
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.mining import FalsePositive, false_positives, worst
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prototypes import with_negatives
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.dataset.fields import check_whole_images, label_field_type
from fiftyone_ntt.dataset.masks import pixel_box
from fiftyone_ntt.dataset.model_choice import models_of_bank
from fiftyone_ntt.dataset.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models


def mine_negatives(
    samples: foc.SampleCollection,
    bank: MemoryBank,
    gt_field: str,
    *,
    per_class: int = 10,
    models: str | Models | None = None,
    device: str = "cpu",
    points_per_side: int = 32,
    progress: Progress = None,
) -> MemoryBank:
    """Give a bank the false positives it produces on labelled images as negative references.

    A detection is a false positive if its box overlaps every true box of its class by an IoU below
    0.1; the most confident ones of each class are kept. An object of the classes that nobody
    labelled would count as a mistake: pass images that are labelled completely. A bank with
    negatives scores otherwise than one without, which can also make it worse: evaluate both.

    Args:
        samples: a dataset or view of labelled images, not the ones evaluated on later.
        bank: is left as it is. Negatives it has take part in the detection, and are replaced.
        gt_field: Detections, all objects of the bank's classes in those images.
        per_class: negatives per class, at most.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        points_per_side: prompts per row and column of the grid.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        The bank with its new negatives, each named by its sample's id, its class's index and its
        rank; none for a class without false positives. `save_memory_bank` stores it, and
        `bank.without_negatives()` is the bank as it was.

    Raises:
        InputError: no samples, a field of another type, an unreadable image.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> import fiftyone_ntt as ntt  # doctest: +SKIP
        >>> sharper = ntt.mine_negatives(labelled, bank, "ground_truth")  # doctest: +SKIP
        >>> len(sharper.negatives)  # doctest: +SKIP
        20
    """
    check_whole_images(samples, "mining negatives")
    label_field_type(samples, gt_field, (fol.Detections,))
    if per_class < 1:
        raise InputError(f"per_class is {per_class}: keep at least 1 negative per class.")
    if not len(samples):
        raise InputError(
            f"{samples.name!r} has no samples in this view, so there is nothing to learn from. "
            "Pass labelled images."
        )
    loaded = models_of_bank(bank, models, device)
    settings = ProposalSettings(points_per_side=points_per_side)
    detect = Pipeline(bank, loaded.encoder, loaded.segmenter, proposal_settings=settings)
    kept: list[FalsePositive] = []
    with progress_steps(len(samples), progress) as advance:
        for sample in samples.select_fields(gt_field).iter_samples():
            image = read_image(sample.filepath, oriented=True)
            boxes, labels = _truth(sample[gt_field], bank.classes, image.shape[:2])
            source = (sample.id, sample.filepath)
            wrong = false_positives(detect(image), boxes, labels, source)
            # Thinned out as it goes, so that no more masks are held than are needed.
            kept = worst([*kept, *wrong], per_class)
            advance()
    negatives = {
        bank.classes[label]: _Negatives(tuple(item for item in kept if item.label == label))
        for label in dict.fromkeys(item.label for item in kept)
    }
    return with_negatives(bank, negatives, loaded.encoder)


def _truth(
    labels: fol.Detections | None, classes: Sequence[str], size: tuple[int, int]
) -> tuple[list[list[float]], list[int]]:
    """Corners in pixels and class indices of an image's true objects; -1 for other classes."""
    boxes, indices = [], []
    for label in labels.detections if labels is not None else ():
        x, y, width, height = pixel_box(label.bounding_box, size)
        boxes.append([x, y, x + width, y + height])
        indices.append(classes.index(label.label) if label.label in classes else -1)
    return boxes, indices


@dataclass(frozen=True)
class _Negatives:
    """The negatives of one class as references; their images are read one at a time."""

    items: tuple[FalsePositive, ...]

    def __iter__(self) -> Iterator[Reference]:
        for rank, item in enumerate(self.items, start=1):
            sample_id, path = item.source
            x1, y1, x2, y2 = item.box.tolist()
            box = (x1, y1, x2 + 1 - x1, y2 + 1 - y1)
            name = f"{sample_id}-{item.label}-{rank}"
            yield Reference(name, read_image(path, oriented=True), box, decode_mask(item.mask))
