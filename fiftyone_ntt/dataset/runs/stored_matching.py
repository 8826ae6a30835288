"""Matching stored proposals with a bank, in this process or in several."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Matcher
from fiftyone_ntt.dataset.labels.detections import Document
from fiftyone_ntt.dataset.runs.labelling_work import detections_of
from fiftyone_ntt.dataset.runs.runner import Image, failure_reason
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.proposal_source import StoredSource
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.workers.processes import default_workers
from fiftyone_ntt.workers.spreading import Outcome, Ready, WorkerDied, spread

BATCH = 16
"""Images per piece of work: a second's, and at most a few MB of masks."""

MIN_IMAGES_PER_PROCESS = 500
"""Images that take longer to match than a process to start."""


@dataclass(frozen=True)
class MatchOutcome:
    """The detections of an image, or why there are none."""

    document: Document | None
    reason: str = ""

    def result(self) -> Document:
        """The detections.

        Raises:
            InputError: there are none.
        """
        if self.document is None:
            raise InputError(self.reason)
        return self.document


@dataclass(frozen=True, eq=False)
class StoredMatcher:
    """What images are matched with.

    Attributes:
        store: of their proposals.
        matcher: decides the detections.
        reading: how the images become pixels.
        run: key of the run that writes them.
    """

    store: ProposalStore
    matcher: Matcher
    reading: ImageReading
    run: str

    def match_images(
        self, images: Sequence[Image], workers: int | None = None
    ) -> Generator[MatchOutcome, None, None]:
        """The images' detections, in their order.

        Args:
            images: ids and paths.
            workers: processes; as many as are worth it when None, 1 for this one.
        """
        bank = self.matcher.bank
        _ = bank.prototypes, bank.unit_references, bank.unit_negatives  # computed once for all
        paths = [path for _, path in images]
        batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
        count = workers or default_workers(len(paths), MIN_IMAGES_PER_PROCESS)
        if count == 1:
            for batch in batches:
                yield from self.match_batch(batch)
            return
        found = spread(Ready(self.match_batch), batches, count)
        for batch, outcome in zip(batches, found, strict=True):
            yield from _outcomes(batch, outcome)

    def match_batch(self, paths: Sequence[str]) -> list[MatchOutcome]:
        """The detections of a few images."""
        return [self._match_image(path) for path in paths]

    def _match_image(self, path: str) -> MatchOutcome:
        try:
            source = StoredSource(self.matcher, self.store, self.reading)
            return MatchOutcome(detections_of(source, source.load(path), self.run))
        except Exception as error:
            return MatchOutcome(None, failure_reason(error))


def _outcomes(batch: Sequence[str], outcome: Outcome[list[MatchOutcome]]) -> list[MatchOutcome]:
    """The detections of a batch; workers that died of it have none."""
    try:
        return outcome.result()
    except WorkerDied as error:
        return [MatchOutcome(None, str(error))] * len(batch)
