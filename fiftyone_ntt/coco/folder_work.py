"""An image's record to its COCO results, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.image_files import ImageFolder
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loadable import LoadablePipeline
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import LoadedImage, ProposalSource
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.workers.spreading import Outcome, WorkerDied, spread

FileState = list[int]
"""Of an image's file: bytes, and when it was last written, in ns."""


@dataclass(frozen=True)
class ImageResults:
    """What is made of an image.

    Attributes:
        file: as it was before it was read; None if it was gone.
        rows: COCO results.
        stored: bytes that another process put into the store of proposals.
    """

    file: FileState | None
    rows: list[dict[str, Any]]
    stored: int = 0


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

    id: int | str
    path: Path
    oriented: bool
    file: FileState | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Reader:
    """Makes results of images that were opened.

    Attributes:
        pipeline: finds the instances.
        store: of the proposals, if any.
        reading: how image files become pixels, but for their orientation.
        category_ids: of the bank's classes.
        inclusive: boxes as the paper scores them.

    Raises:
        InputError, StoreError: see `ProposalSource`.
    """

    pipeline: Pipeline
    store: ProposalStore | None
    reading: ImageReading
    category_ids: list[int]
    inclusive: bool
    sources: dict[bool, ProposalSource] = field(init=False)
    """Of images as they are stored, and turned as they are shown."""

    def __post_init__(self) -> None:
        sources = {
            turned: ProposalSource(
                self.pipeline, self.store, replace(self.reading, oriented=turned)
            )
            for turned in (False, True)
        }
        object.__setattr__(self, "sources", sources)

    def load(self, opened: OpenedRecord) -> LoadedImage:
        """What can be had of an image without the models, on the pixels it was annotated on.

        Raises:
            InputError: it cannot be read.
        """
        if opened.reason:
            raise InputError(opened.reason)
        return self.sources[opened.oriented].load(opened.path)

    def rows(self, opened: OpenedRecord, loaded: LoadedImage) -> list[dict[str, Any]]:
        """The COCO results of an image."""
        match = self.pipeline.matcher(self.sources[opened.oriented].proposals(loaded))
        return coco_results(match, opened.id, self.category_ids, inclusive=self.inclusive)


@dataclass(frozen=True, eq=False)
class FolderTask:
    """What the workers of a run do.

    Attributes:
        loadable: the pipeline.
        store, reading, category_ids, inclusive: see `Reader`.
    """

    loadable: LoadablePipeline
    store: ProposalStore | None
    reading: ImageReading
    category_ids: list[int]
    inclusive: bool

    def begin(self) -> Callable[[OpenedRecord], ImageResults]:
        """Loads the models; returns what makes an image's results.

        Raises:
            ModelError: the models cannot be loaded, or are others by now.
        """
        store = self.store
        pipeline = self.loadable.build()
        reader = Reader(pipeline, store, self.reading, self.category_ids, self.inclusive)
        if store is not None:
            store.take_unaccounted()  # the parent's

        def segment(opened: OpenedRecord) -> ImageResults:
            """The results of an image."""
            rows = reader.rows(opened, reader.load(opened))
            return ImageResults(opened.file, rows, store.take_unaccounted() if store else 0)

        return segment


@dataclass(frozen=True, eq=False)
class FolderJob:
    """The images of a folder to COCO results.

    Attributes:
        lookup: finds the images.
        reader: makes their results.
    """

    lookup: ImageFolder
    reader: Reader

    def results(
        self, records: Sequence[Record], workers: int, models: Models | None
    ) -> Generator[Outcome[ImageResults], None, None]:
        """What becomes of each image, in their order.

        Args:
            records: of the images.
            workers: processes; 1 for this one.
            models: that the pipeline is made of.

        Raises:
            InputError: other processes cannot have these models.
        """
        if workers == 1:
            return self._here(records)
        if models is None:
            raise InputError("several workers load the models anew. Pass `models`, or workers=1.")
        reader = self.reader
        task = FolderTask(
            LoadablePipeline.of(reader.pipeline, models),
            reader.store,
            reader.reading,
            reader.category_ids,
            reader.inclusive,
        )
        return self._spread(records, spread(task, map(self._open, records), workers))

    def _here(self, records: Sequence[Record]) -> Generator[Outcome[ImageResults], None, None]:
        def load(record: Record) -> tuple[OpenedRecord, LoadedImage]:
            """What can be had of an image without the models."""
            opened = self._open(record)
            return opened, self.reader.load(opened)

        for _, ready in prefetched(records, load):
            try:
                opened, loaded = ready.result()
                rows = self.reader.rows(opened, loaded)
            except InputError as error:
                yield Outcome(error=error)
            else:
                yield Outcome(ImageResults(opened.file, rows))

    def _spread(
        self, records: Sequence[Record], found: Generator[Outcome[ImageResults], None, None]
    ) -> Generator[Outcome[ImageResults], None, None]:
        for record, outcome in zip(records, found, strict=True):
            if isinstance(outcome.error, WorkerDied):
                yield Outcome(error=WorkerDied(f"image {record['id']}: {outcome.error}"))
                continue
            if outcome.value is not None and self.reader.store is not None:
                self.reader.store.account(outcome.value.stored)
            yield outcome

    def _open(self, record: Record) -> OpenedRecord:
        try:
            image = self.lookup.open(record)
        except InputError as error:
            return OpenedRecord(record["id"], Path(), False, None, str(error))
        # Before it is read: it may be replaced meanwhile.
        return OpenedRecord(record["id"], image.path, image.oriented, file_state(image.path))


def file_state(path: Path) -> FileState | None:
    """What tells whether an image's file was replaced; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
