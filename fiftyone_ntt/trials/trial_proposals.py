"""Proposals of a trial's images: computed once, timed, and kept in a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.trials.trial_data import TrialImage

_TIMED = 3
"""Images whose proposals are made again, where the store had all, to measure how long it takes."""


@dataclass(frozen=True)
class ProposalCost:
    """What proposals cost with so many crops.

    Attributes:
        data: name of the images' set.
        crops: parts of a picture that are looked at besides the whole.
        seconds: per image; the median.
        bytes: per image in the store; the mean.
        proposals: per image; the mean.
    """

    data: str
    crops: int
    seconds: float
    bytes: float
    proposals: float


def setup_of(models: Models, points_per_side: int, crops: int) -> ProposalSetup:
    """What proposals with so many crops are kept under."""
    settings = ProposalSettings(points_per_side=points_per_side, crops=crops)
    return ProposalSetup(models.encoder.identity, models.segmenter.identity, settings)


def require_proposals(
    data: str,
    images: Sequence[TrialImage],
    models: Models,
    setup: ProposalSetup,
    store: ProposalStore,
    known: ProposalCost | None,
    advance: Callable[[], None],
) -> ProposalCost:
    """See to it that the store holds the images' proposals.

    Args:
        data: name of the set.
        images: at least one.
        models: of the setup.
        setup: what to make the proposals with.
        store: where to keep them.
        known: what they cost, where that was measured.
        advance: called after each image.

    Returns:
        What they cost, as it was known, or measured now.

    Raises:
        StoreError: the store cannot be written.
    """
    seconds: list[float] = []
    counts, sizes = [], []
    for image in images:
        found = store.get(setup, image.key, width=models.encoder.width, stability=True)
        if found is None or (known is None and len(seconds) < _TIMED):
            pixels, start = image.load(), time.perf_counter()
            made = propose(pixels, models.segmenter, models.encoder, setup.settings)
            _ = made.overlaps  # part of what a store keeps
            seconds.append(time.perf_counter() - start)
            found = found or store.put(setup, image.key, made)
        counts.append(len(found))
        sizes.append(store.size(setup, image.key))
        advance()
    return known or ProposalCost(
        data,
        setup.settings.crops,
        float(np.median(seconds)),
        float(np.mean(sizes)),
        float(np.mean(counts)),
    )


def kept_proposals(store: ProposalStore, setup: ProposalSetup, key: str) -> Proposals:
    """Proposals that `require_proposals` saw to.

    Raises:
        StoreError: they are gone.
    """
    found = store.get(setup, key, stability=True)
    if found is None:
        raise StoreError(
            f"proposals that were in {store.folder} a moment ago are gone. Run the same call "
            "again, with a store that nothing else prunes."
        )
    return found
