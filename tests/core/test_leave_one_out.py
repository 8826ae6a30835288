"""Margins, and what the others would gain without a reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fiftyone_ntt.core.bank_review import review_bank
from fiftyone_ntt.core.leave_one_out import leave_one_out
from fiftyone_ntt.core.reference_choice import TEMPERATURE
from tests.core.test_reference_additions import bank
from tests.core.test_reference_choice import pool


def shares(units: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Each row's share of its own class against the others of its bank, the long way round."""
    found = []
    for row in range(len(units)):
        means = []
        for label in range(count):
            others = [i for i in np.flatnonzero(classes == label) if i != row]
            cosines = units[others] @ units[row]
            means.append(np.exp(cosines / TEMPERATURE).mean() if others else 0.0)
        found.append(means[classes[row]] / sum(means))
    return np.array(found)


def test_harms_are_what_the_others_gain() -> None:
    candidates = pool((0, 0, 4), (1, 1, 4), (0, 1, 1))
    base = bank(candidates)
    units, classes = candidates.prototypes.astype(np.float64), candidates.classes
    size = len(units)
    rows = replace(
        base.references.rows([0] * size),
        ids=tuple(map(str, range(size))),
        classes=classes,
        prototypes=candidates.prototypes,
    )
    found = leave_one_out(replace(base, references=rows))
    before = shares(units, classes, 2)
    for row in range(size):
        kept = [i for i in range(size) if i != row]
        after = shares(units[kept], classes[kept], 2)
        np.testing.assert_allclose(found.harms[row], (after - before[kept]).sum(), atol=1e-5)
    assert found.harms.argmax() == 8
    assert found.margins[8] < 0 < found.margins[:8].min()
    assert found.rivals[8] == 1


def test_the_only_one_of_its_class_has_no_margin() -> None:
    base = bank(pool((0, 0, 2)))
    found = leave_one_out(base.without_references([1]))
    assert np.isnan(found.margins[0])
    assert not np.isnan(found.margins[1:]).any()


def test_one_class_alone_has_no_rival() -> None:
    base = bank(pool((0, 0, 2))).without_references([2, 3])
    assert base.classes == ("a",)
    found = leave_one_out(base)
    assert np.isnan(found.margins).all()
    assert (found.rivals == -1).all()


def test_a_reference_that_is_repeated_is_not_dropped_for_equalling_itself() -> None:
    """As LVIS's rule has it: the ids are one, so dropping one would drop both."""
    base = bank(pool((0, 0, 2)))
    repeated = replace(base, references=base.references.rows([0, 0, 2, 3]))
    [first, second, *_] = review_bank(repeated).references
    assert (first.id, first.verdict) == (second.id, second.verdict) == ("0", "keep")
    copied = replace(repeated.references, ids=("0", "1", "2", "3"))
    assert review_bank(replace(base, references=copied)).references[1].verdict == "drop"
