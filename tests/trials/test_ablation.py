"""Differences of variants, and what is advised."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fiftyone_ntt.trials.ablation import Ablation, TrialSetup, jackknife_error
from fiftyone_ntt.trials.ablation_table import markdown_table, text_table
from fiftyone_ntt.trials.advice import LADDER, advise
from fiftyone_ntt.trials.cells import Cell
from fiftyone_ntt.trials.trial_proposals import ProposalCost

IMAGES = 24
EMPTY = Ablation(TrialSetup("toys", "e", "s", 8), {"photos": "24 targets"}, LADDER)


def cells(variant: str, ap: Callable[[int], float], images: int = IMAGES) -> list[Cell]:
    """Of two draws with 1 and 3 shots, of an AP that is the mean of the images'."""
    found = []
    for shots in (1, 3):
        for seed in (0, 1):
            values = np.array([ap(image) + 0.01 * seed + 0.02 * shots for image in range(images)])
            without = (values.sum() - values) / (images - 1)
            row = float(values.mean()), tuple(without.tolist()), 0.002
            found.append(Cell("photos", shots, seed, variant, *row))
    return found


def uneven(gain: float) -> Callable[[int], float]:
    """Above 0.3 by a gain, more on every other image."""
    return lambda image: 0.3 + gain * (1 + (-1) ** image / 2)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=30)
    without = (values.sum() - values) / 29
    assert jackknife_error(without) == pytest.approx(values.std(ddof=1) / np.sqrt(30))
    assert np.isnan(jackknife_error(np.array([0.5])))
    assert np.isnan(jackknife_error(np.array([0.5, np.nan])))


def test_a_difference_is_paired_over_draws_and_images() -> None:
    found = EMPTY.with_cells([*cells("paper", uneven(0)), *cells("best", uneven(0.1))])
    difference = found.difference("photos", "best")
    assert difference is not None
    assert difference.mean == pytest.approx(0.1)
    values = np.array([0.1 * (1 + (-1) ** image / 2) for image in range(IMAGES)])
    assert difference.error == pytest.approx(values.std(ddof=1) / np.sqrt(IMAGES))
    one = found.difference("photos", "best", shots=3)
    assert one is not None and one.mean == pytest.approx(0.1)
    assert found.difference("photos", "best + 9 crops") is None


def test_only_draws_that_both_have_are_compared() -> None:
    found = EMPTY.with_cells([*cells("paper", uneven(0)), *cells("best", uneven(0.1))[:1]])
    difference = found.difference("photos", "best")
    assert difference is not None and difference.mean == pytest.approx(0.1)


def test_cells_are_replaced_by_those_of_the_same_key() -> None:
    twice = EMPTY.with_cells(cells("paper", uneven(0))).with_cells(cells("paper", uneven(0.2)))
    assert len(twice.cells) == 4
    assert twice.of("photos", "paper", 1)[0].ap == pytest.approx(0.52)


def test_what_is_clearly_better_is_advised_with_what_it_costs() -> None:
    rows = [("paper", 0.0), ("best", 0.1), ("best + 4 crops", 0.1), ("best + 9 crops", 0.2)]
    found = EMPTY.with_cells([cell for name, gain in rows for cell in cells(name, uneven(gain))])
    for crops in (0, 4, 9):
        found = found.with_cost(ProposalCost("photos", crops, 0.2 * (crops + 1), 9000.0, 40.0))
    advice = advise(found, "photos")
    assert (advice.mode, advice.crops) == ("best", 9)
    assert "best against paper: +0.100 ± 0.010 mask AP, +9.6 standard" in advice.reasons[0]
    assert "best + 4 crops against best: +0.000 ± 0.000" in advice.reasons[1]
    assert "not clearly better" in advice.reasons[1]
    assert "+0.100 ± 0.010 mask AP" in advice.reasons[2]
    assert "(0.20 to 2.00 s an image; 9 to 9 kB an image)" in advice.reasons[2]
    assert 'mode="best", crops=9' in str(advice)


def test_the_published_method_stays_where_nothing_is_clearly_better() -> None:
    def noise(image: int) -> float:
        return 0.31 if image % 2 else 0.3 - 0.009

    found = EMPTY.with_cells([*cells("paper", lambda _: 0.3), *cells("best", noise)])
    advice = advise(found, "photos")
    assert (advice.mode, advice.crops) == ("paper", 0)
    assert advice.reasons[-1] == ("Nothing is clearly better than the published method: keep it.")


def test_of_few_images_nothing_is_said() -> None:
    rows = [*cells("paper", uneven(0), 19), *cells("best", uneven(0.3), 19)]
    advice = advise(EMPTY.with_cells(rows), "photos")
    assert (advice.mode, advice.crops) == ("paper", 0)
    assert "too few images to tell: 19 targets" in advice.reasons[0]


def test_tables_say_the_same() -> None:
    found = EMPTY.with_cells([*cells("paper", uneven(0)), *cells("best", uneven(0.1))])
    found = found.with_cost(ProposalCost("photos", 0, 0.25, 9000.0, 40.0))
    text, page = text_table(found), markdown_table(found)
    for part in ("0.425 ± 0.005", "+0.100 ± 0.010", "0.25", "0.0020", "2 draws", "24 targets"):
        assert part in text
        assert part in page
    [row] = [line for line in page.splitlines() if "| best |" in line]
    cells_of_row = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells_of_row == [
        *("photos", "best", "0.425 ± 0.005", "+0.100 ± 0.010", "0.465 ± 0.005"),
        *("+0.100 ± 0.010", "0.25", "0.0020", "9"),
    ]
