"""The bank's own arithmetic and checks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fiftyone_ntt.core.bank import ReferenceSet, join_reference_sets, normalise
from fiftyone_ntt.errors import InputError
from tests.core.toy_models import reference_rows, toy_bank


def test_both_kinds_of_class_prototype_by_hand() -> None:
    rows = reference_rows([[4, 0], [0, 1], [3, 4]], [0, 0, 1], weights=[1, 3, 2])
    bank = toy_bank(("a", "b"), rows)
    np.testing.assert_allclose(rows.class_means(2), [[2, 0.5], [3, 4]])
    np.testing.assert_allclose(rows.foreground_means(2), [[1, 0.75], [3, 4]])
    np.testing.assert_allclose(bank.prototypes[1], [0.6, 0.8], atol=1e-7)
    np.testing.assert_allclose(bank.foreground_prototypes[0], [0.8, 0.6], atol=1e-7)


def test_normalise_keeps_zeros() -> None:
    found = normalise(np.array([[0, 0], [3, 4]], np.float32))
    np.testing.assert_allclose(found, [[0, 0], [0.6, 0.8]])


def test_every_class_needs_a_reference() -> None:
    with pytest.raises(InputError, match="no reference shows: b, d"):
        toy_bank(("a", "b", "c", "d"), reference_rows([[1, 0], [0, 1]], [0, 2]))


def test_joined_rows_keep_their_order() -> None:
    parts = [reference_rows([[1, 0]], [1]), ReferenceSet.empty(2), reference_rows([[0, 1]], [0])]
    joined = join_reference_sets(parts)
    assert joined.ids == ("r0", "r0")
    assert joined.classes.tolist() == [1, 0]
    assert joined.prototypes.tolist() == [[1, 0], [0, 1]]


def test_renamed_changes_the_name_alone() -> None:
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    assert bank.renamed("boats").name == "boats"
    assert bank.renamed("boats").references is bank.references
    assert bank.width == 2


def test_some_negatives_are_taken_out_with_their_notes() -> None:
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    rows = replace(reference_rows([[1, 0], [0, 1], [1, 1]], [0, 0, 0]), ids=("n1", "n2", "n3"))
    notes = ("reference r0 is odd", "reference n1 is odd", "reference n2 is odd")
    bank = replace(bank, negatives=rows, notes=notes)
    found = bank.without_negatives(ids=["n2"])
    assert found.negatives.ids == ("n1", "n3")
    assert found.negatives.prototypes.tolist() == [[1, 0], [1, 1]]
    assert found.notes == notes[:2]
    assert bank.without_negatives().negatives.ids == ()
    assert bank.without_negatives().notes == notes[:1]
    with pytest.raises(InputError, match="no negative 'n4'"):
        bank.without_negatives(ids=["n1", "n4"])
