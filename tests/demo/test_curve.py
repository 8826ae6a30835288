"""The demo models segment classes they never saw, from references, and only from the right ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from fiftyone_ntt import MemoryBank, load_models
from fiftyone_ntt.dataset.evaluation.bank_trial import BankTrial
from fiftyone_ntt.demo.curve import SEEDS
from fiftyone_ntt.demo.demo_dataset import CANDIDATE, GROUND_TRUTH, TARGET, make_demo_dataset
from fiftyone_ntt.demo.run import POINTS_PER_SIDE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BankTrial]:
    folder = tmp_path_factory.mktemp("demo")
    dataset = make_demo_dataset(folder, "test-demo-curve")
    yield BankTrial(
        dataset.match_tags(CANDIDATE),
        dataset.match_tags(TARGET),
        GROUND_TRUTH,
        load_models("demo"),
        points_per_side=POINTS_PER_SIDE,
        store=folder / "proposals",
    )
    dataset.delete()


@pytest.fixture(scope="module")
def mask_ap50(trial: BankTrial) -> dict[int, float]:
    """By number of references per class, the mean over seeds."""
    return {
        shots: float(
            np.mean([trial.evaluate(trial.bank(shots, seed)).masks["AP50"] for seed in SEEDS])
        )
        for shots in (1, 5)
    }


def shuffled(bank: MemoryBank, seed: int) -> MemoryBank:
    """The same references under each other's labels, none under its own."""
    right = bank.references.classes
    random = np.random.default_rng(seed)
    wrong = random.permutation(right)
    while (kept := wrong == right).any():
        # Each that kept its label swaps with a random other one.
        first, second = np.flatnonzero(kept)[0], random.integers(len(right))
        wrong[[first, second]] = wrong[[second, first]]
    return replace(bank, references=replace(bank.references, classes=wrong))


def test_five_references_per_class_suffice(mask_ap50: dict[int, float]) -> None:
    assert mask_ap50[5] >= 0.60


def test_more_references_help(mask_ap50: dict[int, float]) -> None:
    assert mask_ap50[5] >= mask_ap50[1] + 0.05


def test_the_labels_are_what_counts(trial: BankTrial, mask_ap50: dict[int, float]) -> None:
    banks = [shuffled(trial.bank(5, seed), seed) for seed in SEEDS]
    wrong = np.mean([trial.evaluate(bank).masks["AP50"] for bank in banks])
    assert wrong <= 0.05
