"""An image's record to its COCO results, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.folder_runs import FileState, ImageRows, Rows, file_state, results_here
from fiftyone_ntt.coco.image_files import ImageFolder
from fiftyone_ntt.coco.reading import ImageId
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loadable import LoadablePipeline
from fiftyone_ntt.store.proposal_source import LoadedImage, ProposalSource, StoredSource
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.workers.spreading import Outcome, WorkerDied, spread


@dataclass(frozen=True, eq=False)
class Labelling:
    """How images come to their instances.

    Attributes:
        matcher: finds them among an image's proposals.
        store: of the proposals, if any.
        source: where they come from, of images that are read so.
    """

    matcher: Matcher
    store: ProposalStore | None
    source: Callable[[ImageReading], ProposalSource | StoredSource]


def from_networks(pipeline: Pipeline, store: ProposalStore | None) -> Labelling:
    """Proposals are computed, but for those that the store has."""
    return Labelling(pipeline.matcher, store, partial(ProposalSource, pipeline, store))


def from_loaded(loadable: LoadablePipeline, store: ProposalStore | None) -> Labelling:
    """`from_networks`, with models loaded anew.

    Raises:
        ModelError: they cannot be loaded, or are others by now.
    """
    return from_networks(loadable.build(), store)


def from_store(matcher: Matcher, store: ProposalStore) -> Labelling:
    """All proposals are stored already."""
    return Labelling(matcher, store, partial(StoredSource, matcher, store))


@dataclass(frozen=True)
class ImageResults:
    """What a worker makes of an image.

    Attributes:
        found: its COCO results.
        not_run: whether its proposals were stored, so that no network ran.
        stored: bytes that were put into the store of proposals.
    """

    found: ImageRows
    not_run: bool
    stored: int


@dataclass(frozen=True)
class OpenedRecord:
    """An image that was found and looked at, and not yet read.

    Attributes:
        id: of its record.
        path: of its file.
        oriented: whether it is to be turned as its file says.
        file: as it was before it was read; None if it was gone.
        reason: why it cannot be used; empty if it can.
    """

    id: ImageId
    path: Path
    oriented: bool
    file: FileState | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Reader:
    """Makes results of image files.

    Attributes:
        labelling: finds the instances.
        reading: how image files become pixels, but for their orientation.
        category_ids: of the bank's classes.
        inclusive: boxes as the paper scores them.

    Raises:
        InputError, StoreError: see `ProposalSource`.
    """

    labelling: Labelling
    reading: ImageReading
    category_ids: list[int]
    inclusive: bool
    sources: dict[bool, ProposalSource | StoredSource] = field(init=False)
    """Of images as they are stored, and turned as they are shown."""

    def __post_init__(self) -> None:
        sources = {
            turned: self.labelling.source(replace(self.reading, oriented=turned))
            for turned in (False, True)
        }
        object.__setattr__(self, "sources", sources)

    def load(self, path: Path, oriented: bool) -> LoadedImage:
        """What can be had of an image without the models, on the pixels it was annotated on.

        Raises:
            InputError: it cannot be read, or its proposals are not where they must be.
        """
        return self.sources[oriented].load(path)

    def rows(self, key: ImageId, loaded: LoadedImage) -> Rows:
        """The COCO results of an image.

        Args:
            key: its id.
            loaded: what `load` gave.
        """
        match = self.labelling.matcher(self.sources[False].proposals(loaded))
        return coco_results(match, key, self.category_ids, inclusive=self.inclusive)


@dataclass(frozen=True, eq=False)
class FolderTask:
    """What the workers of a run do.

    Attributes:
        anew: makes the run's labelling again, in another process.
        reading, category_ids, inclusive: see `Reader`.
    """

    anew: Callable[[], Labelling]
    reading: ImageReading
    category_ids: list[int]
    inclusive: bool

    def begin(self) -> Callable[[OpenedRecord], ImageResults]:
        """Loads the models; returns what makes an image's results.

        Raises:
            ModelError: the models cannot be loaded, or are others by now.
        """
        labelling = self.anew()
        store = labelling.store
        reader = Reader(labelling, self.reading, self.category_ids, self.inclusive)
        if store is not None:
            store.take_unaccounted()  # the parent's

        def label(opened: OpenedRecord) -> ImageResults:
            """The results of an image."""
            if opened.reason:
                raise InputError(opened.reason)
            loaded = reader.load(opened.path, opened.oriented)
            rows = reader.rows(opened.id, loaded)
            stored = store.take_unaccounted() if store else 0
            return ImageResults(ImageRows(opened.file, rows), loaded.is_stored, stored)

        return label


@dataclass(eq=False)
class FolderWork:
    """The images of a folder to COCO results.

    Attributes:
        lookup: finds the images.
        paths: of the images.
        reader: makes their results.
        not_run: how many were not run through the networks, as their proposals were stored.
    """

    lookup: ImageFolder
    paths: Mapping[ImageId, Path]
    reader: Reader
    not_run: int = 0

    def here(self, records: Sequence[Record]) -> Generator[Outcome[ImageRows], None, None]:
        """What becomes of each image in this process, in their order."""

        def load(record: Record) -> LoadedImage:
            """What can be had of an image without the models."""
            image = self.lookup.open(record)
            return self.reader.load(image.path, image.oriented)

        def compute(record: Record, loaded: LoadedImage) -> Rows:
            rows = self.reader.rows(record["id"], loaded)
            self.not_run += loaded.is_stored
            return rows

        return results_here(records, self.paths, load, compute)

    def spread(
        self, records: Sequence[Record], anew: Callable[[], Labelling], workers: int
    ) -> Generator[Outcome[ImageRows], None, None]:
        """What becomes of each image in other processes, in their order.

        Args:
            records: of the images.
            anew: makes the reader's labelling again, there; can be pickled.
            workers: processes.
        """
        reader = self.reader
        task = FolderTask(anew, reader.reading, reader.category_ids, reader.inclusive)
        with closing(spread(task, map(self._open, records), workers)) as found:
            for record, outcome in zip(records, found, strict=True):
                yield self._taken(record, outcome)

    def _taken(self, record: Record, outcome: Outcome[ImageResults]) -> Outcome[ImageRows]:
        if isinstance(outcome.error, WorkerDied):
            return Outcome(error=WorkerDied(f"image {record['id']}: {outcome.error}"))
        if outcome.value is None:
            return Outcome(error=outcome.error)
        self.not_run += outcome.value.not_run
        if (store := self.reader.labelling.store) is not None:
            store.account(outcome.value.stored)
        return Outcome(outcome.value.found)

    def _open(self, record: Record) -> OpenedRecord:
        try:
            image = self.lookup.open(record)
        except InputError as error:
            return OpenedRecord(record["id"], Path(), False, None, str(error))
        # Before it is read: it may be replaced meanwhile.
        return OpenedRecord(record["id"], image.path, image.oriented, file_state(image.path))
