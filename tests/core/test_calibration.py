"""Scores become chances that hold, rise, and follow all classes where one has little to say."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.calibration import (
    BINS,
    STEPS,
    Calibration,
    Judged,
    Setting,
    calibrated,
    reliability,
    score_steps,
)
from fiftyone_ntt.errors import InputError

SETTING = Setting("labelled samples", "paper", "sam", "hash", {}, {"points_per_side": 16})


def drawn(count: int, powers: tuple[float, ...], seed: int = 0, share: float = 1.0) -> Judged:
    """Predictions of which one with score s is right with the chance `share * s ** power`."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(powers), count)
    scores = random.uniform(0, 1, count)
    right = random.uniform(size=count) < share * scores ** np.array(powers)[labels]
    return Judged(labels, scores, right, np.arange(count) // 8)


def error(known: Calibration, judged: Judged) -> float:
    return reliability(known.chances[judged.labels, score_steps(judged.scores)], judged.right).error


def test_chances_hold_on_other_images() -> None:
    known = calibrated(drawn(1500, (2.0, 4.0)), ("a", "b"), SETTING)
    others = drawn(4000, (2.0, 4.0), seed=1)
    assert reliability(others.scores, others.right).error > 0.12
    assert error(known, others) < 0.05
    assert known.chance("a", 0.5) == pytest.approx(0.5**2, abs=0.12)
    assert known.chance("b", 0.5) == pytest.approx(0.5**4, abs=0.12)
    # What is said of itself, on images left out, is what others find.
    assert known.error == pytest.approx(error(known, others), abs=0.04)
    assert known.raw_error == pytest.approx(
        reliability(others.scores, others.right).error, abs=0.03
    )


def test_a_higher_score_never_has_a_lower_chance() -> None:
    for seed in range(5):
        known = calibrated(drawn(60, (1.0, 2.0, 0.5), seed), ("a", "b", "c"), SETTING)
        assert (np.diff(known.chances, axis=1) >= -1e-12).all()
        assert known.chances.min() >= 0 and known.chances.max() <= 1


def test_where_the_best_scores_are_often_wrong_chances_say_so() -> None:
    known = calibrated(drawn(3000, (1.0,), share=0.6), ("a",), SETTING)
    assert 0.5 < known.chance("a", 0.99) < 0.8
    assert known.threshold("a", 0.9) == 1.0


def test_a_class_with_few_predictions_follows_the_others() -> None:
    many = drawn(1000, (1.0,))
    few = Judged(
        np.ones(2, np.int64), np.array([0.9, 0.8]), np.zeros(2, bool), np.array([900, 901])
    )
    known = calibrated(Judged.joined([many, few]), ("a", "b"), SETTING)
    assert abs(known.chance("b", 0.85) - known.chance("a", 0.85)) < 0.2
    assert "b" in known.pooled and known.counts == {
        "a": (1000, int(many.right.sum())),
        "b": (2, 0),
    }


def test_a_class_without_predictions_has_the_chances_of_all() -> None:
    known = calibrated(drawn(500, (1.0,)), ("a", "b"), SETTING)
    assert known.chance("b", 0.7) == pytest.approx(known.chance("a", 0.7), abs=0.1)


def test_a_threshold_leaves_the_precision_it_promises() -> None:
    known = calibrated(drawn(3000, (1.0, 3.0)), ("a", "b"), SETTING)
    others = drawn(20000, (1.0, 3.0), seed=1)
    for precision in (0.6, 0.8, 0.9):
        least = np.array(list(known.thresholds(precision).values()))[others.labels]
        passing = others.scores >= least
        assert others.right[passing].mean() == pytest.approx(precision, abs=0.03)
    assert known.threshold("a", 0) == 0
    assert known.threshold("b", 0.8) > known.threshold("a", 0.8)


def test_the_error_by_hand() -> None:
    found = reliability(np.array([0.95, 0.99, 0.05, 0.5]), np.array([True, False, False, True]))
    assert found.counts[[0, BINS // 2, BINS - 1]].tolist() == [1, 1, 2]
    assert found.error == pytest.approx((2 * abs(0.97 - 0.5) + 0.05 + 0.5) / 4)


def test_steps_of_scores() -> None:
    scores = np.array([0, 0.29, np.float32(0.29), 0.2899, 0.999, 1])
    assert score_steps(scores).tolist() == [0, 29, 29, 28, STEPS - 1, STEPS - 1]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="no prediction to learn from"):
        calibrated(Judged.joined([]), ("a",), SETTING)
    known = calibrated(drawn(100, (1.0,)), ("a",), SETTING)
    with pytest.raises(InputError, match="no class 'z'"):
        known.threshold("z")
    with pytest.raises(InputError, match="precision is 90"):
        known.threshold("a", 90)
    with pytest.raises(InputError, match="score is 2"):
        known.chance("a", 2)


def test_all_right_and_all_wrong_are_no_trouble() -> None:
    scores = np.linspace(0, 1, 50)
    for value in (True, False):
        judged = Judged(np.zeros(50, np.int64), scores, np.full(50, value), np.arange(50))
        known = calibrated(judged, ("a",), SETTING)
        assert known.chance("a", 0.5) == pytest.approx(float(value), abs=0.15)
        assert (known.threshold("a") < 0.5) == value


def test_it_says_what_it_is_in_one_line() -> None:
    known = calibrated(drawn(100, (1.0,)), ("a",), SETTING)
    assert repr(known).startswith(
        "<Calibration of mode 'paper' from labelled samples: 100 predictions on 13 images"
    )
