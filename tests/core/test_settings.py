"""The paper's numbers, and values that cannot work."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest

from fiftyone_ntt.core.settings import (
    BEST_SCORING,
    PAPER_SCORING,
    AdaptiveSettings,
    MatchSettings,
    Mode,
    ProposalSettings,
    Scoring,
    check_mode,
    check_stored_mode,
    is_stored_mode,
    scoring_of,
    usual_threshold,
)
from fiftyone_ntt.errors import InputError


def test_the_defaults_are_the_papers() -> None:
    assert ProposalSettings(32, 0.4) == ProposalSettings()
    assert MatchSettings(0.5, 100, 8, 0.8, 0.0, False, 0.0, False) == MatchSettings()
    assert Scoring(None, None, False, False, None) == PAPER_SCORING == scoring_of("paper")
    assert scoring_of("adaptive") == PAPER_SCORING != scoring_of("best")


@pytest.mark.parametrize(
    "kind, name, value",
    [
        (ProposalSettings, "points_per_side", 0),
        (ProposalSettings, "points_per_side", -3),
        (ProposalSettings, "prompts_per_batch", 0),
        (ProposalSettings, "iou_threshold", 1.5),
        (ProposalSettings, "iou_threshold", float("nan")),
        (ProposalSettings, "crops", 1),
        (ProposalSettings, "crops", -4),
        (Scoring, "reference_temperature", 0),
        (Scoring, "class_temperature", float("nan")),
        (Scoring, "mask_nms_threshold", 1.1),
        (AdaptiveSettings, "min_gain", 1.5),
        (AdaptiveSettings, "min_gain", float("nan")),
        (MatchSettings, "max_instances", 0),
        (MatchSettings, "least_island", 1.1),
        (MatchSettings, "candidates_per_instance", 0),
        (MatchSettings, "nms_threshold", -0.1),
        (MatchSettings, "confidence_threshold", 50),
        (MatchSettings, "negative_temperature", 0),
        (MatchSettings, "negative_temperature", float("nan")),
    ],
)
def test_impossible_values_are_refused(kind: type, name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} is "):
        kind(**{name: value})


@pytest.mark.parametrize("strides", [(), (0,), (2, 4), (4, 4, 1), (4, 2, -1)])
def test_strides_must_fall(strides: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"strides are \(.*must fall"):
        AdaptiveSettings(strides=strides)


def test_modes() -> None:
    assert check_mode("paper") == "paper"
    assert check_mode("adaptive") == "adaptive"
    with pytest.raises(InputError, match=r"mode 'fast' is unknown. Use one of: 'paper', 'best'"):
        check_mode("fast")


def test_modes_whose_proposals_are_stored() -> None:
    assert [mode for mode in get_args(Mode) if is_stored_mode(mode)] == ["paper", "best"]
    assert check_stored_mode("best") == "best"
    with pytest.raises(InputError, match="in mode 'adaptive' proposals depend on the bank"):
        check_stored_mode("adaptive")
    with pytest.raises(InputError, match="mode 'fast' is unknown"):
        check_stored_mode("fast")


def test_a_grid_finer_than_the_masks_is_refused() -> None:
    assert ProposalSettings(points_per_side=128).points_per_side == 128
    with pytest.raises(InputError, match="points_per_side is 129: more than 128 take gigabytes"):
        ProposalSettings(points_per_side=129)


def test_thresholds_by_class() -> None:
    assert MatchSettings(confidence_threshold=0.3).thresholds(["a", "b"]) == [0.3, 0.3]
    assert MatchSettings(confidence_threshold={"b": 0.4}).thresholds(["a", "b"]) == [0.0, 0.4]
    with pytest.raises(InputError, match=r"for 'z', which is no class.*a, b"):
        MatchSettings(confidence_threshold={"z": 0.4}).thresholds(["a", "b"])
    with pytest.raises(InputError, match="confidence_threshold is 2"):
        MatchSettings(confidence_threshold={"a": 2})


def test_thresholds_are_noted_down_whatever_kind_of_number_they_are(unchecked: None) -> None:
    chosen = MatchSettings(confidence_threshold={"a": np.float32(0.5)})
    assert json.loads(json.dumps(chosen.identity()))["confidence_threshold"] == [["a", 0.5]]
    assert json.dumps(MatchSettings(confidence_threshold=np.float32(0.5)).identity())


def test_what_scores_mean_does_not_depend_on_the_threshold() -> None:
    plain, strict = MatchSettings(), MatchSettings(confidence_threshold=0.5)
    assert plain.ranking(PAPER_SCORING) == strict.ranking(PAPER_SCORING)
    assert plain.ranking(PAPER_SCORING) != plain.ranking(BEST_SCORING)
    cleaned = MatchSettings(fill_holes=True)
    assert plain.ranking(PAPER_SCORING) != cleaned.ranking(PAPER_SCORING)


def test_scores_of_best_count_from_lower_on() -> None:
    assert (usual_threshold("paper"), usual_threshold("adaptive")) == (0.5, 0.5)
    assert usual_threshold("best") == 0.3
