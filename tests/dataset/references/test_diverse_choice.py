"""References chosen by what an encoder sees; on flat-coloured scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

DIVERSE: dict[str, Any] = {
    "strategy": "diverse",
    "models": colour_models(),
    "min_size": 1,
    "border": 0,
    "progress": False,
}


@pytest.fixture
def warm_and_cold(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Class "warm" is red or green, and says which in a tag."""
    add_scenes(dataset, tmp_path, 6)
    for sample in dataset:
        for label in sample.ground_truth.detections:
            label.tags = [label.label]
            label.label = "cold" if label.label == "blue" else "warm"
        sample.save()
    return dataset


def test_one_of_each_appearance(warm_and_cold: fo.Dataset) -> None:
    """At random every other seed would have two of one colour."""
    steps: list[tuple[int, int]] = []
    for seed in range(3):
        options = {**DIVERSE, "progress": lambda *step: steps.append(step)}
        chosen = ntt.sample_references(
            warm_and_cold, "ground_truth", shots=2, seed=seed, tag=f"s{seed}", **options
        )
        tags = {
            label.id: label.tags[0]
            for sample in warm_and_cold
            for label in sample.ground_truth.detections
        }
        assert sorted(tags[label_id] for label_id in chosen.label_ids["warm"]) == ["green", "red"]
        assert chosen.counts == {"cold": 2, "warm": 2}
        assert steps[-1] == (12, 12)  # one of each class and image


def test_the_pool_bounds_what_is_encoded_and_must_hold_the_shots(warm_and_cold: fo.Dataset) -> None:
    steps: list[tuple[int, int]] = []
    options = {**DIVERSE, "progress": lambda *step: steps.append(step)}
    ntt.sample_references(warm_and_cold, "ground_truth", shots=1, pool=3, tag="t", **options)
    assert steps[-1] == (6, 6)
    with pytest.raises(InputError, match="pool is 3"):
        ntt.sample_references(warm_and_cold, "ground_truth", shots=4, pool=3, **DIVERSE)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategy": "medoid"}, "'random', 'diverse'"),
        ({"too_few": "repeat"}, "random draws"),
        ({"shots": 0}, "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    warm_and_cold: fo.Dataset, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ntt.sample_references(warm_and_cold, "ground_truth", **{"shots": 1, **DIVERSE, **wrong})
    assert warm_and_cold.count_label_tags("ground_truth").keys() == {
        "red",
        "green",
        "blue",
    }


def test_a_tag_that_others_have_is_told_before_anything_is_encoded(
    warm_and_cold: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiftyone_ntt.dataset.references.reference_sampling.encode_labels", None)
    few = warm_and_cold[:2]
    with pytest.raises(InputError, match="already tagged 'red'"):
        ntt.sample_references(few, "ground_truth", shots=1, tag="red", **DIVERSE)
