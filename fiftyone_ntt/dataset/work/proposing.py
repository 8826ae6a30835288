"""Which store of proposals a call is to use."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.core.settings import Mode, check_stored_mode, is_stored_mode
from fiftyone_ntt.store.proposal_store import ProposalStore, default_store

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
