"""Proposals of image files: from a store where it has them, else computed and kept there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import Mode, check_stored_mode
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.proposal_store import (
    ProposalStore,
    default_store,
    image_hash,
    rounded,
)

logger = logging.getLogger(__name__)

StoreChoice = ProposalStore | str | Path | bool
"""A store, its folder, True for the default one, or False for none."""


def resolve_store(store: StoreChoice) -> ProposalStore | None:
    """The store that an argument stands for; None where it says not to use one."""
    if isinstance(store, ProposalStore):
        return store
    if isinstance(store, bool):
        return default_store() if store else None
    return ProposalStore(store)


def store_of_mode(store: StoreChoice, mode: Mode) -> ProposalStore | None:
    """The store that a run of this mode uses; the default one holds proposals for every bank, so
    a mode whose proposals depend on the bank leaves it alone.

    Raises:
        InputError: a store was named, and the mode cannot use one.
    """
    if isinstance(store, bool) and mode == "adaptive":
        return None
    check_stored_mode(mode)
    return resolve_store(store)


@dataclass(frozen=True, eq=False)
class _Pixels:
    """An image whose proposals are still to be computed."""

    image: NDArray[np.uint8]
    key: str | None


@dataclass(frozen=True, eq=False)
class ProposalSource:
    """The proposals of image files, computed at most once.

    Attributes:
        pipeline: computes what the store does not have.
        store: None to compute all and keep none.

    Raises:
        InputError: there is a store, but the pipeline's proposals depend on its bank.
    """

    pipeline: Pipeline
    store: ProposalStore | None

    def __post_init__(self) -> None:
        if self.store is not None:
            check_stored_mode(self.pipeline.mode)

    def load(self, path: str) -> Proposals | _Pixels:
        """What can be done without the models: stored proposals, or else the image.

        Raises:
            InputError: the image cannot be read.
        """
        if self.store is None:
            return _Pixels(read_image(path, oriented=True), None)
        key = image_hash(path)
        stored = self.store.get(self.pipeline.matcher.setup, key)
        return _Pixels(read_image(path, oriented=True), key) if stored is None else stored

    def proposals(self, loaded: Proposals | _Pixels) -> Proposals:
        """The proposals of what `load` gave."""
        if isinstance(loaded, Proposals):
            return loaded
        proposals = self.pipeline.propose(loaded.image)
        if self.store is None or loaded.key is None:
            return proposals
        try:
            return self.store.put(self.pipeline.matcher.setup, loaded.key, proposals)
        except StoreError as error:  # a full disk must not cost the work just done
            logger.warning("proposals are not kept: %s", error)
            return rounded(proposals)


def stored_proposals(store: ProposalStore, setup: ProposalSetup, path: str) -> Proposals:
    """Proposals that must be in the store.

    Raises:
        InputError: the file cannot be read, or its proposals are not there.
    """
    stored = store.get(setup, image_hash(path))
    if stored is None:
        raise InputError(
            f"image {path} has no proposals in {store.folder}: it was never segmented with these "
            "models and settings, or was edited since. Run `segment` on it once."
        )
    return stored
