"""The order in which predictions are looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fiftyone_ntt.core.review_order import Reviewable, doubts, margin_doubts, score_doubts


def items(scores: list[float], **more: Any) -> Reviewable:
    """Predictions of one class that nothing is known of but their scores."""
    count = len(scores)
    given = {name: np.asarray(values) for name, values in more.items()}
    plain = Reviewable(
        labels=np.zeros(count, dtype=np.int64),
        scores=np.array(scores, dtype=np.float64),
        chances=np.full(count, np.nan),
        margins=np.full(count, np.nan),
        contested=np.zeros(count, dtype=bool),
        odd=np.zeros(count, dtype=bool),
        nearest=np.arange(count),
        images=np.arange(count),
    )
    return replace(plain, **given)


def order(of: Reviewable) -> list[int]:
    return np.argsort(-doubts(of), kind="stable").tolist()


def test_low_scores_come_first_within_their_class() -> None:
    assert order(items([0.9, 0.3, 0.5])) == [1, 2, 0]
    # 0.7 is low for the second class.
    mixed = items([0.3, 0.4, 0.7, 0.9], labels=[0, 0, 1, 1])
    assert set(order(mixed)[:2]) == {0, 2}


def test_chances_are_compared_across_classes() -> None:
    known = items([0.3, 0.4, 0.7, 0.9], labels=[0, 0, 1, 1], chances=[0.9, 0.95, 0.2, 0.5])
    assert order(known) == [2, 3, 0, 1]
    # Beside predictions of another run, of which nobody knows any chance.
    some = score_doubts(items([0.3, 0.4, 0.7, 0.9], chances=[np.nan, np.nan, 0.2, 0.5]))
    assert some.tolist() == [0.75, 0.25, 0.75, 0.25]


def test_what_else_makes_a_doubt_decides_between_equals() -> None:
    assert order(items([0.5, 0.5], margins=[0.2, 0.1])) == [1, 0]
    assert order(items([0.5, 0.5], contested=[False, True])) == [1, 0]
    assert order(items([0.5, 0.5], odd=[False, True])) == [1, 0]
    assert margin_doubts(np.array([np.nan, 0.1, 0.2])).tolist() == [0.5, 0.75, 0.25]


def test_what_is_alike_takes_turns() -> None:
    scores = [0.3 + 0.01 * place for place in range(12)]
    others = list(range(3, 12))
    assert order(items(scores))[:4] == [0, 1, 2, 3]
    assert order(items(scores, images=[0, 0, 0, *others]))[:5] == [0, 1, 3, 4, 2]
    plain, same = doubts(items(scores)), doubts(items(scores, nearest=[0, 0, 0, *others]))
    assert same[0] == plain[0] and (same[1:3] < plain[1:3]).all()


def test_doubts_lie_in_0_to_1() -> None:
    assert doubts(items([])).shape == (0,)
    rng = np.random.default_rng(0)
    many = items(
        rng.random(200).tolist(),
        margins=rng.random(200),
        contested=rng.random(200) < 0.5,
        odd=rng.random(200) < 0.5,
        nearest=rng.integers(20, size=200),
        images=rng.integers(20, size=200),
        labels=rng.integers(3, size=200),
    )
    found = doubts(many)
    assert (found >= 0).all() and (found <= 1).all() and len(np.unique(found)) > 150
