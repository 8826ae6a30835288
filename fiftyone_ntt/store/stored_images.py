"""What a store must hold for images to be matched without a network: a setup, and proposals."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading, image_size
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.image_keys import image_key
from fiftyone_ntt.store.proposal_store import ProposalStore


def stored_setup(
    store: ProposalStore, bank: MemoryBank, points_per_side: int, crops: int
) -> ProposalSetup:
    """The stored setup with the bank's encoder, this grid and crops; the one of most images.

    Args:
        store: holds proposals of it.
        bank: says which encoder.
        points_per_side: prompts per row and column of the grid.
        crops: parts of the pictures that were looked at besides the whole.

    Raises:
        InputError: there is none.
    """
    stored = [
        setup
        for setup in store.setups()
        if setup.encoder == bank.encoder
        and (setup.settings.points_per_side, setup.settings.crops) == (points_per_side, crops)
    ]
    if not stored:
        raise InputError(
            f"{store.folder} holds no proposals with the encoder {bank.encoder} and "
            f"{points_per_side} points per side{f' and {crops} crops' if crops else ''}. Run "
            "`segment` on these samples once; it stores them."
        )
    if len(stored) == 1:  # counting images lists their files
        return stored[0]
    return max(stored, key=lambda setup: store.usage(setup).images)


def stored_proposals(
    store: ProposalStore,
    setup: ProposalSetup,
    path: str | Path,
    reading: ImageReading,
    width: int,
    *,
    stability: bool = False,
) -> tuple[Proposals, str]:
    """Proposals that must be in the store, and the image's key there.

    Args:
        store: holds them.
        setup: what they were made with.
        path: of the image.
        reading: how it is read.
        width: of the encoder's tokens.
        stability: whether it has to be known.

    Raises:
        InputError: the file cannot be read, or its proposals are not there.
    """
    key = image_key(path, reading)
    stored = store.get(setup, key, size=image_size(path), width=width, stability=stability)
    if stored is None:
        earlier = ", or by a version that did not keep what this mode needs" if stability else ""
        raise InputError(
            f"image {path} has no proposals in {store.folder}: it was never segmented with these "
            f"models and settings{earlier}, or was edited since. Run `segment` on it once."
        )
    return stored, key
