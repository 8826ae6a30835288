"""AP without each image equals a scorer's that never saw it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fiftyone_ntt.coco.leaving_out import ap_without_each
from fiftyone_ntt.coco.scorer import Candidate, Scorer

Image = tuple[list[Candidate], list[Candidate]]


def boxes(rng: np.random.Generator, count: int, near: Sequence[Candidate] = ()) -> list[Candidate]:
    """Some objects, each near one of those given, where there are any; many share a score."""
    found = []
    for _ in range(count):
        label, box = str(rng.choice(["a", "b", "c"])), rng.integers(10, 60, 4).tolist()
        if near:
            close = near[rng.integers(len(near))]
            label = str(close.label) if rng.random() < 0.8 else label
            box = (np.array(close.box) + rng.integers(-4, 5, 4)).tolist()
        crowd = not near and rng.random() < 0.15
        score = float(rng.integers(1, 12)) / 12
        found.append(Candidate(label, None, box, float(box[2] * box[3]), crowd, score))
    return found


def pictures(seed: int, count: int = 9) -> list[Image]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        truth = boxes(rng, int(rng.integers(0, 5)))
        found.append((truth, boxes(rng, int(rng.integers(0, 12)), truth) if truth else []))
    return found


def scored(images: Sequence[Image]) -> Scorer:
    scorer = Scorer("boxes")
    for truth, predictions in images:
        scorer.add(truth, predictions)
    return scorer


def ap(images: Sequence[Image]) -> float:
    value = scored(images).scores().metrics["AP"]
    return float("nan") if value < 0 else value


@pytest.mark.parametrize("seed", range(8))
def test_each_equals_a_scorer_without_that_image(seed: int) -> None:
    images = pictures(seed)
    whole, without = ap_without_each(scored(images))
    assert whole == pytest.approx(ap(images), abs=1e-12)
    assert 0 < whole < 1
    others = [ap([*images[:index], *images[index + 1 :]]) for index in range(len(images))]
    assert without == pytest.approx(np.array(others), abs=1e-12, nan_ok=True)


def test_a_class_on_one_image_alone_is_none_without_it() -> None:
    one, two = (Candidate(name, None, (0, 0, 40, 40), 1600.0, score=0.5) for name in "ab")
    images: list[Image] = [([one], [one]), ([two], [])]
    whole, without = ap_without_each(scored(images))
    assert whole == pytest.approx(0.5)
    assert without == pytest.approx(np.array([0.0, 1.0]))


def test_without_the_only_image_there_is_nothing() -> None:
    one = Candidate("a", None, (0, 0, 40, 40), 1600.0, score=0.5)
    whole, without = ap_without_each(scored([([one], [one])]))
    assert whole == pytest.approx(1.0)
    assert np.isnan(without).tolist() == [True]
    assert np.isnan(ap_without_each(Scorer("boxes"))[0])


def test_joined_scorers_know_whose_image_is_which() -> None:
    images = pictures(3)
    joined = scored(images[:4])
    joined.extend(scored(images[4:]))
    assert ap_without_each(joined)[1] == pytest.approx(ap_without_each(scored(images))[1])
