"""Candidates that a bank lacks."""

from __future__ import annotations

import numpy as np

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.core.reference_additions import choose_additions
from fiftyone_ntt.core.reference_choice import EncodedCandidates
from tests.core.test_reference_choice import around, pool


def bank(candidates: EncodedCandidates) -> MemoryBank:
    """Of the first class's and second's rows that are along axes 0 and 1."""
    rows = np.concatenate([around(0, 2, 20), around(1, 2, 21)])
    ones, nothing = np.ones(4, np.float32), np.zeros((2, 4, 8), np.float32)
    return MemoryBank(
        ("a", "b"),
        ReferenceSet(
            ("0", "1", "2", "3"), np.array([0, 0, 1, 1]), rows, ones, rows, ones.astype(np.int64)
        ),
        ReferenceSet.empty(8),
        PatchStatistics(nothing[:, 0], nothing[:, :3], nothing),
        encoder="e",
    )


def test_an_appearance_that_the_bank_lacks_comes_first_and_names_what_resembles_it() -> None:
    candidates = pool((0, 0, 6), (0, 2, 5), (1, 1, 6))
    first, *others = choose_additions(bank(candidates), candidates, 3)
    assert 6 <= first.row < 11
    assert first.resembling == 4
    assert all(first.gain > other.gain for other in others)


def test_nothing_is_added_to_a_bank_that_lacks_nothing() -> None:
    candidates = pool((0, 0, 6), (1, 1, 6))
    assert choose_additions(bank(candidates), candidates, 3) == []


def test_a_wrong_label_is_never_to_be_added() -> None:
    candidates = pool((0, 0, 6), (1, 1, 6), (0, 1, 1))
    assert [found.row for found in choose_additions(bank(candidates), candidates, 3)] == []
