"""False positives: what counts as one, and which are kept."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.mining import FalsePositive, false_positives, worst


def match_of(boxes: list[list[int]], labels: list[int]) -> Match:
    count = len(boxes)
    nothing = np.zeros(count, np.float32)
    return Match(
        labels=np.array(labels, np.int64),
        scores=np.linspace(0.9, 0.1, count, dtype=np.float32),
        masks=[{"size": [1, 1], "counts": b"1"}] * count,
        boxes=np.array(boxes, np.int64).reshape(-1, 4),
        runners_up=np.zeros(count, np.int64),
        margins=nothing,
        nearest=np.zeros(count, np.int64),
        proposals=np.zeros(count, np.int64),
    )


@pytest.mark.parametrize(
    ("box", "label", "wrong"),
    [
        ([0, 0, 9, 9], 0, False),  # the object itself
        ([0, 0, 9, 9], 1, True),  # of another class
        ([50, 50, 59, 59], 0, True),  # beside it
        ([0, 8, 9, 17], 0, False),  # 20 of 180 px shared
        ([0, 9, 9, 18], 0, True),  # 10 of 190
        ([0, 0, 39, 39], 0, True),  # 100 of 1600
    ],
)
def test_the_overlap_that_makes_a_false_positive(box: list[int], label: int, wrong: bool) -> None:
    found = false_positives(match_of([box], [label]), [[0, 0, 10, 10]], [0], "image")
    assert [item.label for item in found] == ([label] if wrong else [])
    assert all(item.source == "image" for item in found)


def test_without_truth_or_detections() -> None:
    everything = false_positives(match_of([[0, 0, 9, 9], [5, 5, 9, 9]], [0, 1]), [], [], 7)
    assert [item.score for item in everything] == pytest.approx([0.9, 0.1])
    assert false_positives(match_of([], []), [[0, 0, 10, 10]], [0], 7) == []


def test_the_most_confident_of_each_class_are_kept() -> None:
    def wrong(label: int, score: float, source: str) -> FalsePositive:
        return FalsePositive(label, score, np.zeros(4, np.int64), {}, source)

    items = [wrong(1, 0.5, "a"), wrong(0, 0.2, "b"), wrong(1, 0.9, "c"), wrong(1, 0.5, "d")]
    assert [item.source for item in worst(items, 2)] == ["b", "c", "a"]
    assert worst([], 3) == []
