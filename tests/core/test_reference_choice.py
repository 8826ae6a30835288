"""The candidates that a choice with `strategy="diverse"` makes references."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiftyone_ntt.core.bank import normalise
from fiftyone_ntt.core.reference_choice import EncodedCandidates, choose_diverse


def around(centre: int, count: int, seed: int) -> NDArray[np.float32]:
    """Unit rows near one axis of eight."""
    rng = np.random.default_rng(seed)
    rows = 0.2 * rng.normal(size=(count, 8)) + np.eye(8)[centre]
    return normalise(rows.astype(np.float32))


def pool(*groups: tuple[int, int, int]) -> EncodedCandidates:
    """Of (class, axis, count) each; seen the same in windows and in pictures."""
    rows = [around(axis, count, seed) for seed, (_, axis, count) in enumerate(groups)]
    classes = np.repeat([group[0] for group in groups], [group[2] for group in groups])
    vectors = np.concatenate(rows)
    return EncodedCandidates(vectors, vectors, classes.astype(np.int64))


def test_one_of_each_appearance_comes_before_a_second_of_any():
    candidates = pool((0, 0, 9), (0, 1, 6), (0, 2, 4), (1, 3, 8))
    chosen = choose_diverse(candidates, 3)
    axes = candidates.prototypes[chosen].argmax(axis=1)
    assert sorted(axes[:3]) == [0, 1, 2]
    assert candidates.classes[chosen].tolist() == [0, 0, 0, 1, 1, 1]


def test_a_wrong_label_is_not_chosen():
    """The last of class 0 looks like class 1."""
    candidates = pool((0, 0, 6), (1, 1, 6), (0, 1, 1))
    for shots in (1, 3, 5):
        assert 12 not in choose_diverse(candidates, shots)


def test_one_shot_prefers_what_tells_two_classes_apart():
    """Class 0 is half like class 1; a reference of that half would take class 1's objects."""
    candidates = pool((0, 0, 5), (0, 1, 6), (1, 1, 12))
    assert choose_diverse(candidates, 1)[0] < 5


def test_all_are_chosen_where_there_are_no_more_and_none_twice():
    candidates = pool((0, 0, 2), (1, 1, 4))
    chosen = choose_diverse(candidates, 3)
    assert sorted(chosen[:2]) == [0, 1]
    assert len(set(chosen[2:])) == 3


def test_the_choice_is_the_best_of_all_for_two_classes_and_one_shot():
    """Against every pair, scored as the module's docstring says."""
    candidates = pool((0, 0, 5), (0, 2, 3), (1, 1, 6), (1, 2, 2))
    cosines = (candidates.features @ candidates.prototypes.T).astype(np.float64)

    def value(pair: tuple[int, int]) -> float:
        both = cosines[:, list(pair)]
        weight = np.exp(both / 0.05)
        scores = np.maximum(both, 0) * weight / weight.sum(axis=1, keepdims=True)
        own = scores[np.arange(len(scores)), candidates.classes]
        return float(np.mean([own[candidates.classes == k].mean() for k in (0, 1)]))

    first, second = choose_diverse(candidates, 1)
    every = [(i, j) for i in range(8) for j in range(8, 16)]
    assert value((first, second)) == max(map(value, every))
