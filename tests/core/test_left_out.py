"""A bank that is asked about images it was made of forgets them first."""

from __future__ import annotations

from fiftyone_ntt.core.left_out import with_stand_ins
from tests.core.toy_models import reference_rows, toy_bank

BANK = toy_bank(
    ("a", "b"),
    reference_rows([[1, 0, 0], [0.9, 0.1, 0], [0, 0, 1], [0, 1, 0]], [0, 0, 0, 1]),
)


def test_the_most_similar_takes_the_place() -> None:
    ids = BANK.references.ids
    found = with_stand_ins(BANK, {ids[0]})
    assert found.references.ids == (ids[1], ids[1], ids[2], ids[3])
    assert found.references.classes.tolist() == [0, 0, 0, 1]


def test_a_class_that_has_nothing_else_keeps_what_it_has() -> None:
    ids = BANK.references.ids
    assert with_stand_ins(BANK, {ids[3]}).references.ids == ids


def test_other_names_do_not_matter() -> None:
    assert with_stand_ins(BANK, {"nobody"}).references.ids == BANK.references.ids
