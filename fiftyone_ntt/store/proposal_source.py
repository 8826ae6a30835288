"""Proposals of image files: from a store where it has them, else computed and kept there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.images import ImageReading, image_size
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.settings import check_stored_mode
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.image_keys import image_key
from fiftyone_ntt.store.proposal_store import ProposalStore, rounded
from fiftyone_ntt.store.stored_images import stored_proposals

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """What could be had of an image without the models: its stored proposals, or its pixels.

    Attributes:
        key: of the image in the store; None where there is no store.
        content: proposals, or the image whose proposals are still to be computed.
    """

    key: str | None
    content: Proposals | UInt8[np.ndarray, "H W 3"]

    @property
    def is_stored(self) -> bool:
        """Whether no network has to run for it."""
        return isinstance(self.content, Proposals)


@dataclass(frozen=True, eq=False)
class ProposalSource:
    """The proposals of image files, computed at most once.

    Attributes:
        pipeline: computes what the store does not have.
        store: None to compute all and keep none.
        reading: how image files become pixels.

    Raises:
        InputError: there is a store, but the pipeline's proposals depend on its bank.
        StoreError: the store's folder holds other things.
    """

    pipeline: Pipeline
    store: ProposalStore | None
    reading: ImageReading

    def __post_init__(self) -> None:
        if self.store is not None:
            check_stored_mode(self.pipeline.mode)
            self.store.check_folder()

    @property
    def matcher(self) -> Matcher:
        """The pipeline's cheap half."""
        return self.pipeline.matcher

    def load(self, path: str | Path) -> LoadedImage:
        """What can be done without the models: stored proposals, or else the image.

        Raises:
            InputError: the image cannot be read.
        """
        if self.store is None:
            return LoadedImage(None, self.reading.read(path))
        key = image_key(path, self.reading)
        stored = self.store.get(
            self.matcher.setup,
            key,
            size=image_size(path),
            width=self.pipeline.bank.width,
            stability=self.matcher.scoring.needs_stability,
        )
        if stored is not None:
            return LoadedImage(key, stored)
        return LoadedImage(key, self.reading.read(path))

    def proposals(self, loaded: LoadedImage) -> Proposals:
        """The proposals of what `load` gave."""
        if isinstance(loaded.content, Proposals):
            return loaded.content
        proposals = self.pipeline.propose(loaded.content)
        if self.store is None or loaded.key is None:
            return proposals
        try:
            return self.store.put(self.matcher.setup, loaded.key, proposals)
        except StoreError as error:  # a full disk must not cost the work just done
            logger.warning("proposals are not kept: %s", error)
            return rounded(proposals)


@dataclass(frozen=True, eq=False)
class StoredSource:
    """The proposals of image files that a store has already; loads no network and no pixels.

    Attributes:
        matcher: says what they were made with, and what it needs of them.
        store: has them.
        reading: how image files become pixels, which is part of their keys.
    """

    matcher: Matcher
    store: ProposalStore
    reading: ImageReading

    def load(self, path: str | Path) -> LoadedImage:
        """The stored proposals of an image.

        Raises:
            InputError: the file cannot be read, or its proposals are not there.
        """
        found, key = stored_proposals(
            self.store,
            self.matcher.setup,
            path,
            self.reading,
            self.matcher.bank.width,
            stability=self.matcher.scoring.needs_stability,
        )
        return LoadedImage(key, found)

    def proposals(self, loaded: LoadedImage) -> Proposals:
        """The proposals of what `load` gave."""
        assert isinstance(loaded.content, Proposals)
        return loaded.content
