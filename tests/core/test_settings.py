"""The paper's numbers, and values that cannot work."""

from __future__ import annotations

import pytest

from fiftyone_ntt.core.settings import MatchSettings, ProposalSettings, check_mode
from fiftyone_ntt.errors import InputError


def test_the_defaults_are_the_papers() -> None:
    assert ProposalSettings(32, 0.4) == ProposalSettings()
    assert MatchSettings(0.5, 100, 8, 0.8, 0.0) == MatchSettings()


@pytest.mark.parametrize(
    "kind, name, value",
    [
        (ProposalSettings, "points_per_side", 0),
        (ProposalSettings, "points_per_side", -3),
        (ProposalSettings, "prompts_per_batch", 0),
        (ProposalSettings, "iou_threshold", 1.5),
        (ProposalSettings, "iou_threshold", float("nan")),
        (MatchSettings, "max_instances", 0),
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


def test_modes() -> None:
    assert check_mode("paper") == "paper"
    with pytest.raises(InputError, match=r"mode 'fast' is unknown. Use one of: 'paper'"):
        check_mode("fast")
