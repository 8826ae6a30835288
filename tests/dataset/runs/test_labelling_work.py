"""Runs over several processes: what they write is what one writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.runs import run_control
from fiftyone_ntt.dataset.work.leases import holders
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loadable import LoadableModels
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes
from tests.workers.in_process import SpreadHere

SPREAD = "fiftyone_ntt.dataset.runs.runner.spread"


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fo.Dataset:
    """Four scenes; wherever models are loaded anew, they see colours."""
    add_scenes(dataset, tmp_path, 4)
    models = colour_models()
    loadable = LoadableModels("colours", "colours", "cpu", "float32", False, identities(models))
    monkeypatch.setattr(LoadableModels, "of", lambda _: loadable)
    monkeypatch.setattr(LoadableModels, "load", lambda _: colour_models())
    return dataset


def identities(models: Any) -> tuple[str, str]:
    return models.encoder.identity, models.segmenter.identity


def bank_of(scenes: fo.Dataset) -> MemoryBank:
    return ntt.build_memory_bank(scenes[:2], "ground_truth", models=colour_models())


def rows(dataset: fo.Dataset, field: str) -> list[Any]:
    return [
        [
            (d.label, d.confidence, d.mask.tobytes(), d.bounding_box)
            for d in sample[field].detections
        ]
        for sample in dataset
    ]


@pytest.mark.parametrize("mode, stored", [("best", True), ("adaptive", False)])
def test_segment(
    scenes: fo.Dataset,
    store: ProposalStore,
    tmp_path: Path,
    mode: str,
    stored: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bank, options = bank_of(scenes), {"models": colour_models(), "mode": mode}
    Path(scenes.last().filepath).write_bytes(b"no image")
    kept = ProposalStore(tmp_path / "other") if stored else False
    one = ntt.segment(scenes, bank, "one", store=kept, **options)
    spread = SpreadHere()
    monkeypatch.setattr(SPREAD, spread)
    seen: list[tuple[int, int]] = []
    several = ntt.segment(
        scenes,
        bank,
        "several",
        workers=2,
        chunk_size=2,
        store=store if stored else False,
        progress=lambda *given: seen.append(given),
        **options,
    )
    assert spread.counts == [2]
    assert (several.written, several.failures) == (3, one.failures)
    assert rows(scenes[:3], "several") == rows(scenes[:3], "one")
    assert seen == [(done, 4) for done in range(1, 5)]
    if stored:
        assert [store.usage(setup).images for setup in store.setups()] == [3]
        assert ntt.relabel(scenes[:3], bank, "several", store=store, mode=mode).skipped == 3


def test_boxes_to_masks(scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes.clone_sample_field("ground_truth", "boxes")
    scenes.set_field("boxes.detections.mask", None).save()
    scenes.set_field("boxes.detections.colour", "bright").save()
    first = scenes.first()
    first.boxes.detections[0].mask = first.ground_truth.detections[0].mask
    first.save()
    ntt.boxes_to_masks(scenes, "boxes", "one", models=colour_models())
    monkeypatch.setattr(SPREAD, SpreadHere(3))
    report = ntt.boxes_to_masks(scenes, "boxes", "several", models=colour_models(), workers=2)
    assert report.written == 3
    assert report.failures == {scenes.last().id: "2 worker processes ended over it"}
    assert rows(scenes[:3], "several") == rows(scenes[:3], "one")
    for name in ("colour", "box_id", "box_agreement"):
        path = f"detections.{name}"
        assert scenes[:3].values(f"several.{path}") == scenes[:3].values(f"one.{path}")
    again = ntt.boxes_to_masks(scenes, "boxes", "several", models=colour_models())
    assert (again.skipped, again.written) == (3, 1)
    assert rows(scenes, "several") == rows(scenes, "one")


def test_a_cancelled_run_ends_its_workers(
    scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_control, "LOOK", 0.0)
    spread, ended = SpreadHere(), []

    def ending(*given: Any) -> Any:
        try:
            yield from spread(*given)
        finally:
            ended.append(True)

    def cancel(done: int, total: int) -> None:
        if done == 2:
            ntt.cancel_run(scenes, holders(scenes)[0][1].run)

    monkeypatch.setattr(SPREAD, ending)
    options = {"models": colour_models(), "store": False, "workers": 2}
    report = ntt.segment(scenes, bank_of(scenes), "found", progress=cancel, **options)
    assert (report.cancelled, report.written, report.remaining) == (True, 2, 2)
    assert ended == [True]


def test_what_cannot_be_had_is_refused(dataset: fo.Dataset, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 2)
    bank, options = bank_of(dataset), {"models": colour_models()}
    with pytest.raises(InputError, match=r"not loaded by name, .* Pass workers=1"):
        ntt.segment(dataset, bank, "found", workers=2, store=False, **options)
    with pytest.raises(InputError, match="workers is 0"):
        ntt.segment(dataset, bank, "found", workers=0, **options)
    with pytest.raises(InputError, match="workers is -1"):
        ntt.relabel(dataset, bank, "found", workers=-1)
    assert "found" not in dataset.get_field_schema()
