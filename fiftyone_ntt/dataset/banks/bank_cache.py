"""The banks that were looked at last, in memory, by the id of what holds them."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from bson import ObjectId

from fiftyone_ntt.core.bank import MemoryBank

_KEPT = 3
"""Banks: one of 1,203 classes takes 100 MB."""
_lock = Lock()
_banks: OrderedDict[ObjectId, MemoryBank] = OrderedDict()


def cached_bank(run_id: ObjectId | None) -> MemoryBank | None:
    """What a custom run's document holds, if it is known."""
    with _lock:
        if run_id is None or run_id not in _banks:
            return None
        _banks.move_to_end(run_id)
        return _banks[run_id]


def keep_bank(run_id: ObjectId | None, bank: MemoryBank) -> None:
    """Know what a custom run's document holds."""
    if run_id is None:
        return
    with _lock:
        _banks[run_id] = bank
        _banks.move_to_end(run_id)
        while len(_banks) > _KEPT:
            _banks.popitem(last=False)
