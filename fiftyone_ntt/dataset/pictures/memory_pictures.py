"""The pictures of a bank's references, class by class: what drawing fields and files share.

Colours mean the same in all references of a class, so a class is the unit of work: an interrupted
run goes on with the class it was at.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.prototypes import encode_reference
from fiftyone_ntt.core.reference_pictures import (
    ReferencePicture,
    component_colours,
    picture_reference,
)
from fiftyone_ntt.dataset.labels.fields import all_images
from fiftyone_ntt.dataset.labels.gone import NOT_ANSWERING
from fiftyone_ntt.dataset.references.label_lookup import LabelPlace, find_labels
from fiftyone_ntt.dataset.references.reference_reading import label_reference, labels_of
from fiftyone_ntt.dataset.runs.runner import failure_reason
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError, first_lines
from fiftyone_ntt.models.loading import Models

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PicturesReport:
    """What was drawn.

    Attributes:
        target: the fields' common beginning, or the folder.
        references: of the bank.
        drawn: references drawn now.
        skipped: references of classes that an earlier run of the same bank finished.
        failures: reference to why it is not drawn.
        seconds: wall-clock time.
    """

    target: str
    references: int
    drawn: int
    skipped: int
    failures: dict[str, str]
    seconds: float

    def __str__(self) -> str:
        parts = [f"{self.drawn} of {self.references} references drawn"]
        parts += [f"{self.skipped} already done"] if self.skipped else []
        parts += [f"{len(self.failures)} failed"] if self.failures else []
        head = f"{self.target}: {', '.join(parts)}; {self.seconds:.1f} s"
        failed = [f"{key}: {reason}" for key, reason in self.failures.items()]
        return "\n".join([head, *first_lines(failed)])


@dataclass(frozen=True, eq=False)
class DrawnReference:
    """A reference's picture, and where it belongs.

    Attributes:
        sample_id: of the sample it lies on.
        picture: patch by patch.
        colours: RGB, see `component_colours`.
    """

    sample_id: str
    picture: ReferencePicture
    colours: UInt8[np.ndarray, "g g 3"]


@dataclass(frozen=True, eq=False)
class LocatedReferences:
    """The references of a bank that are to be drawn.

    Attributes:
        dataset: that they lie on.
        bank: that remembers them.
        places: reference to its field and where its label lies.
    """

    dataset: fo.Dataset
    bank: MemoryBank
    places: dict[str, tuple[str, LabelPlace]]

    @staticmethod
    def of(samples: foc.SampleCollection, bank: MemoryBank) -> LocatedReferences:
        """All of a bank's references that lie on a dataset.

        Raises:
            InputError: none of them.
        """
        dataset = samples._root_dataset
        found = find_labels(all_images(dataset), bank.references.ids)
        places = {
            name: (field, place)
            for field, labels in found.items()
            for name, place in labels.items()
        }
        if not places:
            raise InputError(
                f"none of the {len(bank.references)} references of memory bank {bank.name!r} is a "
                f"label on dataset {dataset.name!r} (any more), so there is nothing to draw. Pass "
                "the dataset they were tagged on, or rebuild the bank."
            )
        return LocatedReferences(dataset, bank, places)

    def classes(self) -> Iterator[tuple[int, list[str]]]:
        """Class indices, each with its references that can be found."""
        rows = dict(zip(self.bank.references.ids, self.bank.references.classes, strict=True))
        for label in range(len(self.bank.classes)):
            ids = [name for name, index in rows.items() if index == label and name in self.places]
            if ids:
                yield label, ids

    def draw(
        self,
        target: str,
        models: str | Models | None,
        device: str,
        done: set[str],
        write: Callable[[Sequence[DrawnReference]], dict[str, str]],
        failures: dict[str, str],
        progress: Progress,
    ) -> PicturesReport:
        """Draw the classes that are not all done.

        Args:
            target: for the report.
            models: a named set or loaded models; the bank's own when None.
            device: where models that are loaded here run.
            done: references drawn by an earlier run.
            write: keeps the pictures of one class; returns why it cannot keep some, by reference.
            failures: reference to why it is not drawn; added to.
            progress: see `progress_steps`.
        """
        start, drawn = time.monotonic(), 0
        ids = self.bank.references.ids
        gone = str(self._gone())
        failures.update({name: gone for name in ids if name not in self.places})
        todo = [(label, group) for label, group in self.classes() if not done.issuperset(group)]
        if todo:
            chosen = models_of_bank(self.bank, models, device)
            with progress_steps(sum(len(group) for _, group in todo), progress) as advance:
                read = lru_cache(maxsize=1)(image_reading(self.dataset).read)
                for label, group in todo:
                    rows = list(self._pictures(label, group, chosen, read, failures, advance))
                    colours = component_colours([picture for _, picture in rows])
                    pairs = zip(rows, colours, strict=True)
                    lost = write([DrawnReference(*row, found) for row, found in pairs])
                    failures |= lost
                    drawn += len(rows) - len(lost)
        skipped = len(self.places) - sum(len(group) for _, group in todo)
        seconds = time.monotonic() - start
        return PicturesReport(target, len(set(ids)), drawn, skipped, dict(failures), seconds)

    def _pictures(
        self,
        label: int,
        ids: Sequence[str],
        models: Models,
        read: Callable[[str], UInt8[np.ndarray, "H W 3"]],
        failures: dict[str, str],
        advance: Callable[[], None],
    ) -> Iterator[tuple[str, ReferencePicture]]:
        """Sample ids and pictures of references of one class; one encoder pass each."""
        images = all_images(self.dataset)
        for name in sorted(ids, key=self._order):  # an image's all at once
            field, place = self.places[name]
            try:
                path, found = self._label(images, field, place)
                reference = label_reference(found, read(path), path, name)
                encoded = encode_reference(reference, models.encoder, models.segmenter)
                picture = picture_reference(encoded, self.bank, label)
            except NOT_ANSWERING:
                raise
            except Exception as error:
                failures[name] = failure_reason(error)
                logger.debug("reference %s failed", name, exc_info=True)
            else:
                yield place.sample_id, picture
            advance()

    def _order(self, name: str) -> tuple[str, str]:
        field, place = self.places[name]
        return field, place.sample_id

    def _label(
        self, images: foc.SampleCollection, field: str, place: LabelPlace
    ) -> tuple[str, fol.Label]:
        """A reference's label, and the file of its image.

        Raises:
            InputError: it is not there any more.
        """
        refresh(self.dataset)
        if self.dataset.get_field(field) is not None:
            for sample in images.select(place.sample_id).select_fields(field):
                for label in labels_of(sample[field]):
                    if label.id == place.label_id:
                        return sample.filepath, label
        raise self._gone()

    def _gone(self) -> InputError:
        return InputError(f"its label is not on dataset {self.dataset.name!r} (any more)")
