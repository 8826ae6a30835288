"""Banks and their reviews, kept in memory while they are looked at.

Loading the bank of 200 classes takes longer than a person waits for a click. A saved bank never
changes: what replaces it has another id in the database, so what is kept is never out of date.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from weakref import WeakKeyDictionary

import fiftyone as fo
from bson import ObjectId

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.bank_review import BankReview, review_bank
from fiftyone_ntt.dataset.banks.saved_banks import find_bank, load_memory_bank
from fiftyone_ntt.dataset.work.stored_runs import run_ids

_KEPT = 2
"""Banks: one of 1,203 classes takes 100 MB."""
_lock = Lock()
_banks: OrderedDict[ObjectId, MemoryBank] = OrderedDict()
_reviews: WeakKeyDictionary[MemoryBank, BankReview] = WeakKeyDictionary()


def kept_bank(dataset: fo.Dataset, name: str) -> MemoryBank:
    """A bank of a dataset to read from, as it is now.

    Raises:
        InputError: no such bank.
        StoreError: it is damaged or incomplete.
    """
    # The id first: a bank saved meanwhile is then at worst loaded again.
    run_id = run_ids(dataset).get(find_bank(dataset, name))
    with _lock:
        if run_id is not None and run_id in _banks:
            _banks.move_to_end(run_id)
            return _banks[run_id]
    bank = load_memory_bank(dataset, name)
    if run_id is not None and run_ids(dataset).get(find_bank(dataset, name)) == run_id:
        with _lock:
            _banks[run_id] = bank
            while len(_banks) > _KEPT:
                _banks.popitem(last=False)
    return bank


def kept_review(dataset: fo.Dataset, name: str) -> BankReview:
    """The review of a bank of a dataset; see `kept_bank`."""
    bank = kept_bank(dataset, name)
    if bank not in _reviews:
        _reviews[bank] = review_bank(bank)
    return _reviews[bank]
