"""The banks that were looked at last, in memory, by the id of what is stored of them."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from bson import ObjectId

from fiftyone_ntt.core.bank import MemoryBank

_KEPT = 3
"""Banks: one of 1,203 classes takes 100 MB."""
_lock = Lock()
_banks: OrderedDict[ObjectId, MemoryBank] = OrderedDict()


def cached_bank(content: ObjectId | None, name: str) -> MemoryBank | None:
    """What is stored under an id, if it is known and was called so."""
    if content is None:
        return None
    with _lock:
        found = _banks.get(content)
        if found is None or found.name != name:
            return None
        _banks.move_to_end(content)
        return found


def keep_bank(content: ObjectId | None, bank: MemoryBank) -> None:
    """Know what is stored under an id; nobody else may be about to change the bank's arrays."""
    if content is None:
        return
    with _lock:
        _banks[content] = bank
        _banks.move_to_end(content)
        while len(_banks) > _KEPT:
            _banks.popitem(last=False)
