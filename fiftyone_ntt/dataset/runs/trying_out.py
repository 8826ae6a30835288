"""Trying a bank out: what a run would write on a few images, without writing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.core.settings import MatchSettings, Mode, ProposalSettings, check_mode
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.fields import check_whole_images
from fiftyone_ntt.dataset.labels.gone import NOT_ANSWERING, needs_database
from fiftyone_ntt.dataset.runs.labelling_work import detections_of
from fiftyone_ntt.dataset.runs.runner import failure_reason
from fiftyone_ntt.dataset.work.even_choice import spread_rows
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.proposing import StoreChoice, store_of_mode
from fiftyone_ntt.errors import InputError, NttError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import ProposalSource, StoredSource
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.stored_images import stored_setup

_LOOKED = 60
"""Images with stored proposals that are looked at for the most telling."""
_NEAR = 0.1
"""Confidences this near to the threshold are what a threshold decides."""
_RUN = "tried"
"""In place of a run's key, on what no run has written."""


@dataclass(frozen=True, eq=False)
class TriedImage:
    """What a run would write on an image.

    Attributes:
        sample_id: of its sample.
        filepath: of the image.
        detections: as a run would write them; none where it failed.
        reason: why it failed; None where it did not.
        stored: whether its proposals were there already, so that no network ran.

    Example:
        >>> tried = ntt.TriedImage("6f0c", "boat.jpg", fo.Detections(), None, True)
        >>> len(tried.detections.detections)
        0
    """

    sample_id: str
    filepath: str
    detections: fol.Detections
    reason: str | None
    stored: bool


@needs_database
def try_out(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    *,
    models: str | Models | None = None,
    device: str = "cpu",
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    confidence_thresh: float | Mapping[str, float] = 0.0,
    one_per_object: bool = False,
    least_island: float = 0.0,
    fill_holes: bool = False,
    store: StoreChoice = True,
    most: int | None = None,
    progress: Progress = None,
) -> list[TriedImage]:
    """What `segment` would write with a bank, without writing it to the dataset.

    Proposals come from the store where it has them; else the networks run, and the store keeps what
    they propose, so that a run that follows does not propose it again.

    Args:
        samples: a dataset or view of images, a few of them or with `most`.
        bank: a bank, or the name of one saved on the dataset.
        models, device, mode, points_per_side, crops, confidence_thresh, one_per_object,
            least_island, fill_holes, store: see `segment`.
        most: try at most so many images: those of which the threshold decides most, of up to 60
            with stored proposals; where there are fewer, others spread over the view.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        One for each image that was tried, in the order of the samples. An image that failed says
        why.

    Raises:
        InputError: the samples or a setting do not fit; see `segment`.
        ModelError: the bank's models cannot be loaded.

    Example:
        >>> tried = ntt.try_out(view, "shapes", confidence_thresh=0.4, most=2)
        >>> [(image.stored, len(image.detections.detections)) for image in tried]
        [(True, ...), (True, ...)]
    """
    check_whole_images(samples, "trying a bank out")
    if most is not None and most < 1:
        raise InputError(f"most is {most}, but at least one image has to be tried.")
    trial = _Trial(
        bank=resolve_bank(samples._root_dataset, bank),
        models=models,
        device=device,
        mode=check_mode(mode),
        proposing=ProposalSettings(points_per_side=points_per_side, crops=crops),
        matching=MatchSettings(
            confidence_threshold=confidence_thresh,
            one_per_object=one_per_object,
            least_island=least_island,
            fill_holes=fill_holes,
        ),
        store=store_of_mode(store, check_mode(mode)),
        reading=image_reading(samples._root_dataset),
    )
    images = list(zip(*samples.values(["id", "filepath"]), strict=True))
    if most is not None and most < len(images):
        images = trial.most_telling(images, most)
    found = []
    with progress_steps(len(images), progress) as advance:
        for sample_id, path in images:
            found.append(trial.tried(sample_id, path))
            advance()
    return found


@dataclass(frozen=True, eq=False)
class _Trial:
    """All that an image is tried with; the networks are loaded for the first that needs them."""

    bank: MemoryBank
    models: str | Models | None
    device: str
    mode: Mode
    proposing: ProposalSettings
    matching: MatchSettings
    store: ProposalStore | None
    reading: ImageReading

    def __post_init__(self) -> None:
        self.matching.thresholds(self.bank.classes)  # a class that the bank does not have

    @cached_property
    def stored(self) -> StoredSource | None:
        """Of stored proposals, if there are any of these settings."""
        return self._stored_source(self.matching)

    @cached_property
    def source(self) -> ProposalSource:
        """Of all others."""
        chosen = models_of_bank(self.bank, self.models, self.device)
        pipeline = Pipeline(
            self.bank,
            chosen.encoder,
            chosen.segmenter,
            self.mode,
            self.proposing,
            self.matching,
        )
        return ProposalSource(pipeline, self.store, self.reading)

    def _stored_source(self, matching: MatchSettings) -> StoredSource | None:
        if self.store is None:
            return None
        asked = self.proposing
        try:
            setup = stored_setup(self.store, self.bank, asked.points_per_side, asked.crops)
            return StoredSource(
                Matcher(self.bank, setup, self.mode, matching), self.store, self.reading
            )
        except NttError:
            return None

    def tried(self, sample_id: str, path: str) -> TriedImage:
        """An image, whatever happens with it alone."""
        if (found := _match(self.stored, path)) is not None:
            return TriedImage(sample_id, path, found, None, stored=True)
        source = self.source
        try:
            document = detections_of(source, source.load(path), _RUN)
        except NOT_ANSWERING:
            raise
        except Exception as error:
            return TriedImage(sample_id, path, fol.Detections(), failure_reason(error), False)
        return TriedImage(sample_id, path, fol.Detections.from_dict(document), None, stored=False)

    def most_telling(self, images: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
        """Those of which the threshold decides most, in the order of the images."""
        looked = spread_rows(len(images), _LOOKED)
        every = self._stored_source(MatchSettings())
        doubts = {
            row: self._doubts(found)
            for row in looked
            if (found := _match(every, images[row][1])) is not None
        }
        best = sorted(doubts, key=lambda row: (-doubts[row], row))[:count]
        others = [row for row in spread_rows(len(images), count) if row not in best]
        chosen = [*best, *others][:count]
        return [images[row] for row in sorted(chosen)]

    def _doubts(self, found: fol.Detections) -> int:
        """Detections that a slightly other threshold would treat otherwise."""
        least = dict(
            zip(self.bank.classes, self.matching.thresholds(self.bank.classes), strict=True)
        )
        return sum(abs(one.confidence - least[one.label]) < _NEAR for one in found.detections)


def _match(source: StoredSource | None, path: str) -> fol.Detections | None:
    """The detections of an image's stored proposals; None where there are none."""
    if source is None:
        return None
    try:
        return fol.Detections.from_dict(detections_of(source, source.load(path), _RUN))
    except NttError:
        return None
