"""Which changes make another run."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.settings import (
    BEST_SCORING,
    AdaptiveSettings,
    MatchSettings,
    ProposalSettings,
)
from fiftyone_ntt.store.run_identity import ingredients_hash, run_ingredients
from tests.core.toy_models import ToyEncoder, ToySegmenter
from tests.store.test_bank_file import example, rows_of


def identity(bank: MemoryBank | None = None, segmenter: str = "sam2:1", **changes: Any) -> str:
    bank = bank or example()
    pipeline = Pipeline(bank, ToyEncoder(bank.encoder), ToySegmenter(segmenter), **changes)
    return ingredients_hash(
        run_ingredients(pipeline.matcher, ImageReading(oriented=True), rounded=False)
    )


def test_equal_runs_are_equal() -> None:
    assert identity() == identity()


@pytest.mark.parametrize(
    "changes",
    [
        {"segmenter": "sam2:2"},
        {"proposal_settings": ProposalSettings(points_per_side=31)},
        {"proposal_settings": ProposalSettings(iou_threshold=0.41)},
        {"proposal_settings": ProposalSettings(crops=4)},
        {"match_settings": MatchSettings(nms_threshold=0.51)},
        {"mode": "best"},
        {"match_settings": MatchSettings(one_per_object=True)},
        {"match_settings": MatchSettings(least_island=0.1)},
        {"match_settings": MatchSettings(fill_holes=True)},
        {"match_settings": MatchSettings(max_instances=99)},
        {"match_settings": MatchSettings(candidates_per_instance=7)},
        {"match_settings": MatchSettings(negative_temperature=0.7)},
        {"match_settings": MatchSettings(confidence_threshold=0.1)},
        {"match_settings": MatchSettings(confidence_threshold={"bird": 0.1})},
    ],
)
def test_settings_that_decide_results_count(changes: dict[str, Any]) -> None:
    assert identity(**changes) != identity()


@pytest.mark.parametrize("changes", [{}, {"strides": (4, 1)}, {"strides": (3,)}, {"min_gain": 0.1}])
def test_adaptive_settings_count_in_adaptive_mode_alone(changes: dict[str, Any]) -> None:
    settings = AdaptiveSettings(**changes)
    assert identity(adaptive_settings=settings) == identity()
    adaptive = identity(mode="adaptive", adaptive_settings=settings)
    assert adaptive != identity()
    assert (adaptive == identity(mode="adaptive")) == (changes == {})


def test_runs_of_earlier_versions_go_on() -> None:
    # Settings that they did not know are not named where they say what was done before.
    names = run_ingredients(
        Pipeline(example(), ToyEncoder(example().encoder), ToySegmenter()).matcher,
        ImageReading(oriented=True),
        rounded=False,
    )
    assert names["proposal_settings"] == {"points_per_side": 32, "iou_threshold": 0.4}
    assert list(names["match_settings"]) == [
        "nms_threshold",
        "max_instances",
        "candidates_per_instance",
        "negative_temperature",
        "confidence_threshold",
    ]
    assert "scoring" not in names


def test_another_meaning_of_a_mode_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    now = identity(mode="best")
    assert now == identity(mode="best") != identity()
    other = dataclasses.replace(BEST_SCORING, mask_nms_threshold=0.7)
    monkeypatch.setattr("fiftyone_ntt.core.pipeline.scoring_of", lambda mode: other)
    assert identity(mode="best") != now


def test_every_setting_was_tried() -> None:
    assert [field.name for field in dataclasses.fields(ProposalSettings)] == [
        "points_per_side",
        "iou_threshold",
        "prompts_per_batch",
        "crops",
    ]
    assert len(dataclasses.fields(MatchSettings)) == 8
    assert len(dataclasses.fields(AdaptiveSettings)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ("bird", "boat")},
        {"references": rows_of(4, 7)},
        {"references": rows_of(6, 0)},
        {"negatives": rows_of(2, 1)},
        {"encoder": "dinov2:xyz"},
    ],
)
def test_the_banks_content_counts(changes: dict[str, Any]) -> None:
    assert identity(dataclasses.replace(example(), **changes)) != identity()


def test_one_number_of_the_bank_counts() -> None:
    bank = example()
    prototypes = bank.references.prototypes.copy()
    prototypes[2, 3] = np.nextafter(prototypes[2, 3], np.float32(9))
    references = dataclasses.replace(bank.references, prototypes=prototypes)
    assert identity(dataclasses.replace(bank, references=references)) != identity()


@pytest.mark.parametrize(
    "changes", [{"name": "x"}, {"notes": ()}, {"models": {}}, {"versions": {}}]
)
def test_what_decides_nothing_does_not_count(changes: dict[str, Any]) -> None:
    assert identity(dataclasses.replace(example(), **changes)) == identity()


def test_where_references_come_from_does_not_count() -> None:
    bank = example()
    unnamed = dataclasses.replace(bank.references, image_names=())
    assert identity(dataclasses.replace(bank, references=unnamed)) == identity()
    unnamed = dataclasses.replace(bank.negatives, image_names=())
    assert identity(dataclasses.replace(bank, negatives=unnamed)) == identity()


def test_the_batch_does_not_count() -> None:
    assert identity(proposal_settings=ProposalSettings(prompts_per_batch=3)) == identity()


def test_thresholds_by_class_in_any_order_are_the_same_run() -> None:
    first = {"bird": 0.1, "Möwe, große": 0.2}
    second = dict(reversed(first.items()))
    assert identity(match_settings=MatchSettings(confidence_threshold=first)) == identity(
        match_settings=MatchSettings(confidence_threshold=second)
    )
