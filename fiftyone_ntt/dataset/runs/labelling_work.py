"""An image's file to its detections, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.dataset.labels.detections import Document, match_document
from fiftyone_ntt.dataset.runs.runner import Loader, prefetch_loader, spread_loader
from fiftyone_ntt.models.loadable import LoadablePipeline
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import LoadedImage, ProposalSource, StoredSource
from fiftyone_ntt.store.proposal_store import ProposalStore


def detections_of(source: ProposalSource | StoredSource, loaded: LoadedImage, run: str) -> Document:
    """The detections of an image.

    Args:
        source: of its proposals.
        loaded: what that loaded.
        run: key of the run that writes them.
    """
    proposals, matcher = source.proposals(loaded), source.matcher
    match = matcher(proposals)
    return match_document(match, matcher.bank, proposals.image_size, run, loaded.key)


@dataclass(frozen=True, eq=False)
class Labelling:
    """What a run does with each image.

    Attributes:
        source: of the proposals, with the pipeline that matches them.
        run: key of the run.
    """

    source: ProposalSource
    run: str

    def document(self, loaded: LoadedImage) -> Document:
        """The detections of what `source` loaded."""
        return detections_of(self.source, loaded, self.run)

    def compute(self, _: str, loaded: LoadedImage | Labelled) -> Document:
        """The detections of what `loader` loads."""
        if isinstance(loaded, LoadedImage):
            return self.document(loaded)
        if self.source.store is not None:
            self.source.store.account(loaded.stored)
        return loaded.document

    def loader(self, models: Models, workers: int) -> Loader[LoadedImage | Labelled]:
        """What is loaded of images: what can be had without the models or, where several processes
        compute, their results.

        Args:
            models: that the pipeline is made of.
            workers: processes; 1 for this one.

        Raises:
            InputError: other processes cannot have these models.
        """
        if workers == 1:
            return prefetch_loader(self.source.load)
        loadable = LoadablePipeline.of(self.source.pipeline, models)
        task = LabellingTask(loadable, self.source.store, self.source.reading, self.run)
        return spread_loader(task, lambda images: [path for _, path in images], workers)


@dataclass(frozen=True)
class Labelled:
    """What a worker makes of an image.

    Attributes:
        document: its detections.
        stored: bytes of the proposals that it put into the store.
    """

    document: Document
    stored: int


@dataclass(frozen=True, eq=False)
class LabellingTask:
    """What the workers of a run do.

    Attributes:
        loadable: the pipeline.
        store: of the proposals, if any.
        reading: how the images become pixels.
        run: key of the run.
    """

    loadable: LoadablePipeline
    store: ProposalStore | None
    reading: ImageReading
    run: str

    def begin(self) -> Callable[[str], Labelled]:
        """Loads the models; returns what makes an image's detections of its path.

        Raises:
            ModelError: the models cannot be loaded, or are others by now.
        """
        store = self.store
        source = ProposalSource(self.loadable.build(), store, self.reading)
        labelling = Labelling(source, self.run)
        if store is not None:
            store.take_unaccounted()  # the parent's

        def label(path: str) -> Labelled:
            """The detections of an image."""
            document = labelling.document(source.load(path))
            return Labelled(document, 0 if store is None else store.take_unaccounted())

        return label
