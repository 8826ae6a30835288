"""Which store of proposals a call is to use."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.core.images import ImageReading, image_size
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import Mode, check_stored_mode, is_stored_mode
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.proposal_store import ProposalStore, default_store, image_key

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
    """The store that a run of this mode uses: the default one only if the mode can use any.

    Raises:
        InputError: a store was named, and the mode cannot use one.
    """
    if isinstance(store, bool) and not is_stored_mode(mode):
        return None
    check_stored_mode(mode)
    return resolve_store(store)


def stored_proposals(
    store: ProposalStore,
    setup: ProposalSetup,
    path: str,
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
