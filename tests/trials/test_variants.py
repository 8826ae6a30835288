"""The list of variants follows the options there are."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from fiftyone_ntt import ablate_command
from fiftyone_ntt.core.settings import BEST_SCORING, PAPER_SCORING, Scoring
from fiftyone_ntt.demo.worlds import WORLDS
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.trials.advice import LADDER
from fiftyone_ntt.trials.variants import all_variants, find_variants

OPTIONS = [field.name for field in fields(Scoring)]


def differing(first: Scoring, second: Scoring) -> list[str]:
    return [name for name in OPTIONS if getattr(first, name) != getattr(second, name)]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("mode", ["paper", "best"])
def test_every_option_of_scoring_is_turned_alone(mode: str, option: str) -> None:
    scoring = {"paper": PAPER_SCORING, "best": BEST_SCORING}[mode]
    [found] = [
        variant
        for variant in all_variants()
        if variant.name.startswith((f"{mode} + {option}", f"{mode} - {option}"))
    ]
    assert differing(found.scoring, scoring) == [option]
    on = getattr(found.scoring, option) != getattr(PAPER_SCORING, option)
    assert on == (" + " in found.name)
    assert found.crops == 0


def test_modes_and_crops_are_tried() -> None:
    known = {variant.name: variant for variant in all_variants()}
    assert known["paper"].scoring == PAPER_SCORING
    assert known["best"].scoring == known["best + 9 crops"].scoring == BEST_SCORING
    crops = {name: variant.crops for name, variant in known.items() if variant.crops}
    assert crops == {"paper + 9 crops": 9, "best + 4 crops": 4, "best + 9 crops": 9}
    assert len(known) == len(all_variants()) == 2 + 2 * len(OPTIONS) + 3
    assert set(LADDER) <= set(all_variants())


def test_an_option_that_best_does_without_is_still_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    without = replace(BEST_SCORING, mask_nms_threshold=None, quality=False)
    monkeypatch.setattr("fiftyone_ntt.trials.variants.BEST_SCORING", without)
    names = [variant.name for variant in all_variants()]
    assert "paper + quality" in names
    assert "best + quality" in names
    assert "best + mask_nms_threshold 0.8" in names


def test_variants_by_name_have_paper_beside_them() -> None:
    assert [found.name for found in find_variants(["best"])] == ["paper", "best"]
    assert find_variants(None) == all_variants()
    with pytest.raises(InputError, match=r"no variant 'worst'\. Use some of: 'paper', "):
        find_variants(["best", "worst"])


def test_the_command_s_worlds_are_all_there_are() -> None:
    assert tuple(WORLDS) == ablate_command._WORLDS
