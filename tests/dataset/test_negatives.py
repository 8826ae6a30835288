"""Mined negatives: a bank learns from its own mistakes, and can forget them."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt import (
    build_memory_bank,
    load_memory_bank,
    mine_negatives,
    save_memory_bank,
    segment,
)
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.errors import InputError, ModelError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import BACKGROUND, COLOURS

MODELS = colour_models()
ORANGE = (220, 140, 30)
"""Near enough to red to be taken for it."""


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """A labelled red object on the left and an orange one on the right, which is no class."""
    for index in range(6):
        image = np.full((96, 128, 3), BACKGROUND, np.uint8)
        red = np.zeros((96, 128), bool)
        red[10 + index : 50, 8:40] = True
        image[red] = COLOURS["red"]
        image[30 + index : 80, 70:110] = ORANGE
        path = tmp_path / f"{index}.png"
        Image.fromarray(image).save(path)
        truth = fo.Detections(detections=[fo.Detection.from_mask(red, label="red")])
        dataset.add_sample(fo.Sample(filepath=str(path), ground_truth=truth))
    return dataset


@pytest.fixture
def bank(scenes: fo.Dataset) -> MemoryBank:
    return build_memory_bank(scenes[:2], "ground_truth", models=MODELS)


def scores_of_others(scenes: fo.Dataset, bank: MemoryBank, field: str) -> tuple[float, float]:
    """Highest confidence on a red and on an orange object."""
    view = scenes[2:]
    segment(view, bank, field, models=MODELS, progress=False)
    best = {True: 0.0, False: 0.0}
    for sample in view:
        for found in sample[field].detections:
            left = found.bounding_box[0] < 0.5
            best[left] = max(best[left], found.confidence)
    return best[True], best[False]


def test_mistakes_become_negatives_and_lower_their_like(
    scenes: fo.Dataset, bank: MemoryBank
) -> None:
    steps: list[tuple[int, int]] = []
    sharper = mine_negatives(
        scenes[:2],
        bank,
        "ground_truth",
        per_class=1,
        models=MODELS,
        progress=lambda *step: steps.append(step),
    )
    assert steps == [(1, 2), (2, 2)]
    assert len(sharper.negatives) == 1
    assert sharper.negatives.classes.tolist() == [0]
    [name] = sharper.negatives.ids
    assert name.split("-")[0] in scenes[:2].values("id")
    red, green, blue, _ = sharper.negatives.prototypes[0]
    assert red > green + 0.1 > blue  # an orange one
    assert len(bank.negatives) == 0

    right, wrong = scores_of_others(scenes, bank, "before")
    right_after, wrong_after = scores_of_others(scenes, sharper, "after")
    assert wrong_after < wrong - 0.05
    assert right_after == pytest.approx(right, abs=0.02)


def test_negatives_can_be_stored_and_removed(scenes: fo.Dataset, bank: MemoryBank) -> None:
    sharper = mine_negatives(scenes, bank, "ground_truth", per_class=2, models=MODELS)
    save_memory_bank(scenes, sharper.renamed("sharper"))
    loaded = load_memory_bank(scenes, "sharper")
    assert loaded.negatives.ids == sharper.negatives.ids
    assert len(sharper.negatives) == 2
    plain = loaded.without_negatives()
    assert len(plain.negatives) == 0
    np.testing.assert_array_equal(plain.prototypes, bank.prototypes)
    # Mining again replaces them.
    again = mine_negatives(scenes, sharper, "ground_truth", per_class=1, models=MODELS)
    assert len(again.negatives) == 1


def test_a_bank_without_mistakes_gets_no_negatives(scenes: fo.Dataset, bank: MemoryBank) -> None:
    """What is labelled as the class is no mistake."""
    for sample in scenes.iter_samples(autosave=True, progress=False):
        box = fo.Detection(label="red", bounding_box=[70 / 128, 0.3, 40 / 128, 0.5])
        sample.ground_truth.detections.append(box)
    assert len(mine_negatives(scenes, bank, "ground_truth", models=MODELS).negatives) == 0


def test_what_cannot_be_mined(scenes: fo.Dataset, bank: MemoryBank) -> None:
    with pytest.raises(InputError, match=r"per_class is 0: keep at least 1"):
        mine_negatives(scenes, bank, "ground_truth", per_class=0, models=MODELS)
    with pytest.raises(InputError, match=r"has no samples in this view"):
        mine_negatives(scenes[:0], bank, "ground_truth", models=MODELS)
    with pytest.raises(InputError, match=r"there is no field 'truth'"):
        mine_negatives(scenes, bank, "truth", models=MODELS)
    with pytest.raises(ModelError, match=r"features cannot be compared"):
        mine_negatives(scenes, bank, "ground_truth", models=colour_models(encoder="other:1"))
