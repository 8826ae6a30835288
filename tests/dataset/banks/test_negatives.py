"""Mined negatives: a bank learns from its own mistakes, and can forget them."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt import (
    add_background_negatives,
    add_tagged_negatives,
    build_memory_bank,
    load_memory_bank,
    mine_negatives,
    save_memory_bank,
    segment,
)
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.errors import InputError, ModelError
from fiftyone_ntt.store.proposal_store import ProposalStore
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
    origin, _, name = name.partition(":")
    assert origin == "mined" and name.split("-")[0] in scenes[:2].values("id")
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


def test_mining_again_computes_nothing_again(
    scenes: fo.Dataset, bank: MemoryBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    segment(scenes[:3], bank, "predictions", models=MODELS, store=store, progress=False)
    proposed = []
    original = Pipeline.propose
    monkeypatch.setattr(
        Pipeline, "propose", lambda self, image: proposed.append(1) or original(self, image)
    )
    first = mine_negatives(scenes, bank, "ground_truth", models=MODELS, store=store)
    assert len(proposed) == 3  # those that `segment` has not seen
    again = mine_negatives(scenes, first, "ground_truth", models=MODELS, store=store)
    assert len(proposed) == 3
    assert again.negatives.ids == first.negatives.ids
    np.testing.assert_array_equal(again.negatives.prototypes, first.negatives.prototypes)


def test_mining_that_is_interrupted_goes_on_where_it_was(
    scenes: fo.Dataset, bank: MemoryBank, tmp_path: Path
) -> None:
    store = ProposalStore(tmp_path / "store")

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    arguments = {"models": MODELS, "store": store}
    with pytest.raises(KeyboardInterrupt):
        mine_negatives(scenes, bank, "ground_truth", progress=stop, **arguments)
    [setup] = store.setups()
    assert store.usage(setup).images == 4
    resumed = mine_negatives(scenes, bank, "ground_truth", progress=False, **arguments)
    whole = mine_negatives(scenes, bank, "ground_truth", models=MODELS, store=tmp_path / "other")
    assert resumed.negatives.ids == whole.negatives.ids


def add_labels_of_orange(scenes: fo.Dataset, tag: str, label: str = "red") -> list[str]:
    """Predictions of the orange things, of which all but the first two are tagged."""
    for index, sample in enumerate(scenes.iter_samples(autosave=True, progress=False)):
        mask = np.zeros((96, 128), bool)
        mask[30 + index : 80, 70:110] = True
        found = fo.Detection.from_mask(mask, label=label, tags=[tag] if index >= 2 else [])
        sample["found"] = fo.Detections(detections=[found])
    return scenes.match_labels(tags=tag, fields="found").values("found.detections.id", unwind=True)


def file_names(samples: fo.DatasetView) -> tuple[str, ...]:
    return tuple(Path(path).name for path in samples.values("filepath"))


def test_labels_tagged_by_hand(scenes: fo.Dataset, bank: MemoryBank) -> None:
    ids = add_labels_of_orange(scenes, "negative")
    save_memory_bank(scenes, bank.renamed("reds"))
    sharper = add_tagged_negatives(scenes, "reds", "found", models=MODELS)
    assert sharper.negatives.ids == tuple(f"tagged:{key}" for key in ids)
    assert sharper.negative_origins == ("tagged",) * 4
    assert sharper.negatives.image_names == file_names(scenes[2:])
    right, wrong = scores_of_others(scenes, bank, "before")
    right_after, wrong_after = scores_of_others(scenes, sharper, "after")
    assert wrong_after < wrong - 0.05
    assert right_after == pytest.approx(right, abs=0.02)
    with pytest.raises(InputError, match=r"no label in field 'found' .* has the tag 'wrong'"):
        add_tagged_negatives(scenes, bank, "found", tag="wrong", models=MODELS)
    add_labels_of_orange(scenes, "negative", label="orange")
    with pytest.raises(InputError, match=r"are of orange, which is no class .* \(red\)"):
        add_tagged_negatives(scenes, bank, "found", models=MODELS)


def test_background_around_the_references(scenes: fo.Dataset, bank: MemoryBank) -> None:
    surrounded = add_background_negatives(scenes, bank, "ground_truth", models=MODELS)
    assert surrounded.negatives.ids == tuple(f"background:{key}" for key in bank.references.ids)
    assert bank.references.image_names == file_names(scenes[:2])
    assert surrounded.negatives.image_names == bank.references.image_names
    gray = np.full(3, BACKGROUND[0] / 255 - 0.5)
    np.testing.assert_allclose(surrounded.negatives.prototypes[:, :3] - gray, 0, atol=0.01)
    with pytest.raises(InputError, match="none of the memory bank's 2 references"):
        add_background_negatives(scenes[2:], bank, "ground_truth", models=MODELS)


def test_each_origin_is_replaced_and_removed_by_itself(
    scenes: fo.Dataset, bank: MemoryBank
) -> None:
    add_labels_of_orange(scenes, "negative")
    full = bank
    for _ in range(2):  # the second time each replaces its own
        full = mine_negatives(scenes, full, "ground_truth", per_class=2, models=MODELS)
        full = add_tagged_negatives(scenes, full, "found", models=MODELS)
        full = add_background_negatives(scenes, full, "ground_truth", models=MODELS)
    counts = {"tagged": 4, "background": 2}
    found = {name: full.negative_origins.count(name) for name in counts}
    assert found == counts
    save_memory_bank(scenes, full.renamed("full"))
    loaded = load_memory_bank(scenes, "full")
    assert loaded.negative_origins == full.negative_origins
    without = loaded.without_negatives("tagged")
    assert "tagged" not in without.negative_origins
    assert without.negative_origins.count("background") == 2
    kept = [row for row, origin in enumerate(full.negative_origins) if origin != "tagged"]
    np.testing.assert_array_equal(without.negatives.prototypes, full.negatives.prototypes[kept])
    assert len(loaded.without_negatives().negatives) == 0
    with pytest.raises(InputError, match="negatives have no origin 'hand'"):
        loaded.without_negatives("hand")


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
