"""Which references to drop, keep and add; on flat-coloured scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()
SAMPLING: dict[str, Any] = {"min_size": 1, "border": 0}


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 7)
    return dataset


def test_a_wrong_label_is_to_be_dropped_and_the_check_says_what_it_is_taken_for(
    scenes: fo.Dataset, tmp_path: Path
) -> None:
    chosen = ntt.sample_references(scenes, "ground_truth", shots=4, **SAMPLING)
    [wrong, *_] = chosen.label_ids["red"]
    sample = scenes.match_labels(ids=[wrong]).first()
    [label] = [one for one in sample.ground_truth.detections if one.id == wrong]
    label.label = "blue"
    sample.save()
    bank = ntt.build_memory_bank(
        scenes, "ground_truth", label_tags="reference", name="b", models=MODELS
    )
    found = ntt.suggest_references(
        scenes, "b", models=MODELS, points_per_side=8, store=tmp_path / "s", progress=False
    )
    assert found.ids("drop")[0] == wrong
    first = found.references[0]
    assert (first.verdict, first.label) == ("drop", "blue")
    assert "red" in first.reason
    assert first.margin < 0
    assert first.check is not None
    assert first.check.label == "red"
    assert len(found.references) == len(bank.references)
    assert found.missing == ()
    assert found.ap is not None
    assert 0 < found.ap < 1
    assert str(found).startswith("b: drop")
    assert scenes.count_label_tags("ground_truth") == {"reference": len(bank.references)}


def test_labels_of_a_colour_that_the_bank_lacks_are_to_be_added(scenes: fo.Dataset) -> None:
    """Class "warm" is red or green; the bank has seen the red alone."""
    for sample in scenes:
        for label in sample.ground_truth.detections:
            label.tags = [label.label]
            label.label = "cold" if label.label == "blue" else "warm"
        sample.save()
    tagged = {"models": MODELS, "label_tags": ["red", "blue"]}
    bank = ntt.build_memory_bank(scenes[:3], "ground_truth", name="b", **tagged)
    found = ntt.suggest_references(
        scenes,
        bank,
        check=False,
        candidates=scenes[3:],
        models=MODELS,
        progress=False,
        additions=2,
        **SAMPLING,
    )
    added = found.ids("add")
    assert len(added) >= 1
    labels = {one.id: one.tags for sample in scenes for one in sample.ground_truth.detections}
    assert labels[added[0]] == ["green"]
    assert found.ap is None


def test_an_unknown_mode_and_one_of_no_stored_proposals_are_refused(scenes: fo.Dataset) -> None:
    for mode in ("adaptive", "better"):
        with pytest.raises(InputError):
            ntt.suggest_references(scenes, "none", mode=mode)


def test_candidates_that_do_not_fit_are_told_before_anything_is_segmented(
    scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = ntt.build_memory_bank(scenes[:3], "ground_truth", models=MODELS)
    monkeypatch.setattr(
        "fiftyone_ntt.dataset.evaluation.reference_suggestions.check_references", None
    )
    with pytest.raises(InputError, match="qualifies"):
        ntt.suggest_references(scenes, bank, candidates=scenes[3:], models=MODELS, min_size=1e6)
