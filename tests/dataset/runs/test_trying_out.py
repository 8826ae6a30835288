"""A bank is tried: what a run would write is found, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 5)
    return dataset


@pytest.fixture
def bank(scenes: fo.Dataset) -> ntt.MemoryBank:
    return ntt.build_memory_bank(scenes[:2], "ground_truth", models=colour_models())


def rows(found: fo.Detections) -> list[Any]:
    return [(d.label, d.confidence, d.bounding_box, d.mask.tobytes()) for d in found.detections]


def test_it_finds_what_a_run_writes_and_writes_nothing(
    scenes: fo.Dataset, bank: ntt.MemoryBank, store: ProposalStore
) -> None:
    options = {"models": colour_models(), "store": store, "confidence_thresh": 0.3}
    before = scenes.first().last_modified_at
    fresh = ntt.try_out(scenes, bank, **options)
    again = ntt.try_out(scenes, bank, **options)
    scenes.reload()
    assert [one.stored for one in fresh] == [False] * 5
    assert [one.stored for one in again] == [True] * 5
    assert not scenes.has_field("predictions") and ntt.list_prediction_runs(scenes) == {}
    assert scenes.first().last_modified_at == before

    ntt.segment(scenes, bank, **options)
    written = {sample.id: rows(sample.predictions) for sample in scenes}
    assert sum(len(found) for found in written.values()) > 5
    for one in (*fresh, *again):
        assert rows(one.detections) == written[one.sample_id]


def test_stored_proposals_need_no_models(
    scenes: fo.Dataset, bank: ntt.MemoryBank, store: ProposalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.segment(scenes, bank, models=colour_models(), store=store)
    monkeypatch.setattr("fiftyone_ntt.dataset.runs.trying_out.models_of_bank", None)
    assert len(ntt.try_out(scenes, bank, store=store)) == 5


def test_the_most_telling_are_those_of_which_the_threshold_decides_most(
    scenes: fo.Dataset, bank: ntt.MemoryBank, store: ProposalStore
) -> None:
    ntt.segment(scenes, bank, models=colour_models(), store=store)
    confidences = {
        sample.id: np.array([d.confidence for d in sample.predictions.detections])
        for sample in scenes
    }
    threshold = float(max(values.max() for values in confidences.values()))
    near = {key: int((values > threshold - 0.1).sum()) for key, values in confidences.items()}
    best = max(near, key=lambda key: near[key])
    (one,) = ntt.try_out(scenes, bank, store=store, confidence_thresh=threshold, most=1)
    assert near[one.sample_id] == near[best] > 0
    some = ntt.try_out(scenes, bank, store=store, most=3)
    order = scenes.values("id")
    assert [one.sample_id for one in some] == sorted(
        (one.sample_id for one in some), key=order.index
    )
    assert len(some) == 3


def test_an_image_that_fails_says_why_and_others_are_tried(
    scenes: fo.Dataset, bank: ntt.MemoryBank
) -> None:
    Path(scenes.last().filepath).unlink()
    found = ntt.try_out(scenes, bank, models=colour_models(), store=False)
    assert [one.reason is None for one in found] == [True] * 4 + [False]
    assert Path(scenes.last().filepath).name in str(found[-1].reason)
    assert found[-1].detections.detections == []


def test_what_cannot_be_tried_is_said(scenes: fo.Dataset, bank: ntt.MemoryBank) -> None:
    with pytest.raises(InputError, match="at least one image"):
        ntt.try_out(scenes, bank, most=0)
    with pytest.raises(InputError, match="no class of the memory bank"):
        ntt.try_out(scenes, bank, confidence_thresh={"violet": 0.5})
    with pytest.raises(InputError, match="whole images"):
        ntt.try_out(scenes.to_patches("ground_truth"), bank)
