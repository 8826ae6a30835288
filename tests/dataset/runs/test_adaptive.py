"""Adaptive mode over views: fewer prompts, no store, resumable, refused where it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
import torch

from fiftyone_ntt import ReferenceSegmenter, build_memory_bank, relabel, segment
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import ProposalSource
from fiftyone_ntt.store.proposal_store import ProposalStore, default_store
from tests.dataset.colour_models import ColourEncoder, ColourSegmenter
from tests.dataset.scenes import add_scenes


class ContrastEncoder(ColourEncoder):
    """Sees hardly any colour in the scenes' grey background."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return super().encode(images) * torch.tensor([1, 1, 1, 0.1])


def models() -> Models:
    return Models("contrast", ContrastEncoder(), ColourSegmenter())  # type: ignore[arg-type]


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 5, start=40)  # that no other test stores
    return dataset


@pytest.fixture
def bank(scenes: fo.Dataset) -> MemoryBank:
    return build_memory_bank(scenes[:2], "ground_truth", models=models(), name="colours")


def counted(prompts: list[int]) -> Models:
    """Models that note how many points each call prompts."""
    pair = models()
    decode = pair.segmenter.decode_best

    def counting(embedding: Any, points: torch.Tensor, iou_threshold: float) -> Any:
        prompts.append(len(points))
        return decode(embedding, points, iou_threshold)

    pair.segmenter.decode_best = counting  # type: ignore[method-assign]
    return pair


def rows(dataset: fo.Dataset, field: str) -> list[Any]:
    return [
        [(d.label, d.confidence, d.margin, d.mask.tobytes()) for d in sample[field].detections]
        for sample in dataset
    ]


def test_the_same_objects_for_a_fraction_of_the_prompts(scenes, bank):
    exact, adaptive = [], []
    segment(scenes, bank, "exact", models=counted(exact), store=False)
    report = segment(scenes, bank, "fast", models=counted(adaptive), mode="adaptive")
    assert (report.written, report.failures) == (5, {})
    assert sum(exact) == 5 * 1024
    assert 0 < sum(adaptive) <= 5 * 1024 / 5
    found = [{(d[0], d[3]) for d in image} for image in rows(scenes, "fast")]
    assert found == [{(d[0], d[3]) for d in image} for image in rows(scenes, "exact")]
    run = scenes.get_run_info(report.run).config
    assert run.mode == "adaptive"
    assert list(run.adaptive_settings["strides"]) == [3, 1]


def test_results_do_not_depend_on_what_a_store_holds(scenes, bank):
    segment(scenes, bank, "before", models=models(), mode="adaptive")
    stored = len(list(default_store().folder.glob("**/*.safetensors")))
    segment(scenes, bank, "exact", models=models())
    assert len(list(default_store().folder.glob("**/*.safetensors"))) == stored + 5
    prompts: list[int] = []
    segment(scenes, bank, "after", models=counted(prompts), mode="adaptive")
    assert len(list(default_store().folder.glob("**/*.safetensors"))) == stored + 5
    assert prompts  # the stored proposals are not used
    assert rows(scenes, "after") == rows(scenes, "before")
    relabel(scenes, bank, "relabelled")
    assert rows(scenes, "relabelled") == rows(scenes, "exact")


def test_it_is_another_run_than_the_exact_one(scenes, bank):
    pair = models()
    first = segment(scenes[:2], bank, models=pair, mode="adaptive")
    whole = segment(scenes, bank, models=pair, mode="adaptive")
    assert (whole.run, whole.skipped, whole.written) == (first.run, 2, 3)
    with pytest.raises(InputError, match="already holds detections from ntt_predictions_"):
        segment(scenes, bank, models=pair)


def test_interrupted_it_goes_on(scenes, bank):
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    options = {"models": models(), "mode": "adaptive"}
    with pytest.raises(KeyboardInterrupt):
        segment(scenes, bank, "pieces", progress=interrupt, **options)
    report = segment(scenes, bank, "pieces", **options)
    assert (report.skipped, report.written) == (3, 2)
    segment(scenes, bank, "whole", **options)
    assert rows(scenes, "pieces") == rows(scenes, "whole")


def test_a_store_of_ones_own_is_refused(scenes, bank, tmp_path):
    for store in (tmp_path / "store", str(tmp_path / "store"), ProposalStore(tmp_path / "store")):
        with pytest.raises(InputError, match="'adaptive' proposals depend on the bank"):
            segment(scenes, bank, models=models(), mode="adaptive", store=store)
    pair = models()
    pipeline = Pipeline(bank, pair.encoder, pair.segmenter, "adaptive")
    with pytest.raises(InputError, match="'adaptive' proposals depend on the bank"):
        ProposalSource(pipeline, ProposalStore(tmp_path / "store"), ImageReading(oriented=True))
    assert "predictions" not in scenes.get_field_schema()
    assert not (tmp_path / "store").exists()


def test_relabelling_is_refused_before_it_asks_for_a_store(scenes, bank, tmp_path):
    with pytest.raises(InputError, match="neither stored nor taken from a store"):
        relabel(scenes, bank, mode="adaptive", store=tmp_path / "empty")


def test_as_a_model(scenes, bank):
    segment(scenes, bank, "ours", models=models(), mode="adaptive")
    prompts: list[int] = []
    model = ReferenceSegmenter(bank, counted(prompts), mode="adaptive")
    scenes.apply_model(model, "theirs", progress=False)
    assert rows(scenes, "theirs") == rows(scenes, "ours")
    assert sum(prompts) < 5 * 1024
