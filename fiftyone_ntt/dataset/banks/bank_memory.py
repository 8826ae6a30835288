"""Banks and their reviews, kept in memory while they are looked at.

Loading the bank of 200 classes takes longer than a person waits for a click. What is stored of a
bank never changes: what replaces it has another id, so what is kept is never out of date.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import fiftyone as fo

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.bank_review import BankReview, review_bank
from fiftyone_ntt.dataset.banks.bank_cache import cached_bank, keep_bank
from fiftyone_ntt.dataset.banks.saved_banks import find_content, load_memory_bank

_reviews: WeakKeyDictionary[MemoryBank, BankReview] = WeakKeyDictionary()


def kept_bank(dataset: fo.Dataset, name: str) -> MemoryBank:
    """A bank of a dataset to read from, as it is now.

    Raises:
        InputError: no such bank.
        StoreError: it is damaged or incomplete.
    """
    content = find_content(dataset, name)
    found = cached_bank(content, name)
    if found is None:
        found = load_memory_bank(dataset, name)
        # Not what was saved meanwhile, under what was there before.
        if find_content(dataset, name) == content:
            keep_bank(content, found)
    return found


def kept_review(dataset: fo.Dataset, name: str) -> BankReview:
    """The review of a bank of a dataset; see `kept_bank`."""
    bank = kept_bank(dataset, name)
    if bank not in _reviews:
        _reviews[bank] = review_bank(bank)
    return _reviews[bank]
