"""Pausing, going on with and stopping a run, from elsewhere."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.runs import run_control
from fiftyone_ntt.dataset.work.leases import LeaseLost, free, holders
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fo.Dataset:
    monkeypatch.setattr(run_control, "LOOK", 0.0)
    add_scenes(dataset, tmp_path, 8)
    ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="colours")
    return dataset


def going(scenes: fo.Dataset) -> str:
    """Key of the run that goes on."""
    return next(holder.run for _, holder in holders(scenes))


class Elsewhere(threading.Thread):
    """Segments; calls `act` once, after the second image."""

    def __init__(self, scenes: fo.Dataset, act, **options) -> None:
        super().__init__()
        self.scenes, self.act, self.options = scenes, act, options
        self.report = None

    def run(self) -> None:
        def progress(done: int, total: int) -> None:
            if done == 2:
                self.act()

        self.report = ntt.segment(
            self.scenes, "colours", models=MODELS, progress=progress, **self.options
        )


def test_a_cancelled_run_keeps_what_it_did_and_goes_on_later(scenes: fo.Dataset) -> None:
    def cancel() -> None:
        ntt.cancel_run(scenes, going(scenes))

    run = Elsewhere(scenes, cancel)
    run.start()
    run.join()
    report = run.report
    assert (report.written, report.cancelled, report.remaining) == (2, True, 6)
    assert "cancelled with 6 to go" in str(report)
    assert scenes.get_run_info(report.run).config.status == "CANCELLED"
    assert len(scenes.exists("predictions")) == 2

    again = ntt.segment(scenes, "colours", models=MODELS)
    assert (again.skipped, again.written, again.cancelled) == (2, 6, False)
    assert scenes.get_run_info(report.run).config.status == "COMPLETED"


def test_a_paused_run_waits_until_it_is_resumed(scenes: fo.Dataset) -> None:
    paused = threading.Event()

    def pause() -> None:
        ntt.pause_run(scenes, going(scenes))
        paused.set()

    run = Elsewhere(scenes, pause, chunk_size=1)
    run.start()
    assert paused.wait(60)
    key = going(scenes)
    time.sleep(1.5)
    assert run.is_alive()
    assert len(scenes.exists("predictions")) == 2
    other = fo.load_dataset(scenes.name)
    other._reload()
    assert other.get_run_info(key).config.status == "PAUSED"
    ntt.resume_run(scenes, key)
    run.join(60)
    assert (run.report.written, run.report.cancelled) == (8, False)
    assert scenes.get_run_info(key).config.status == "COMPLETED"


def test_a_paused_run_can_be_cancelled(scenes: fo.Dataset) -> None:
    paused = threading.Event()

    def pause() -> None:
        ntt.pause_run(scenes, going(scenes))
        paused.set()

    run = Elsewhere(scenes, pause)
    run.start()
    assert paused.wait(60)
    ntt.cancel_run(scenes, going(scenes))
    run.join(60)
    assert (run.report.written, run.report.cancelled) == (2, True)


@pytest.mark.parametrize("ask", [ntt.pause_run, ntt.resume_run, ntt.cancel_run])
def test_what_does_not_go_on_is_said_so(scenes: fo.Dataset, ask) -> None:
    done = ntt.segment(scenes, "colours", models=MODELS)
    with pytest.raises(InputError, match=rf"no run '{done.run}' is going on.*same call again"):
        ask(scenes, done.run)


@pytest.mark.parametrize("look", [0.0, 3600.0])
def test_a_run_that_lost_its_field_writes_nothing_more(
    scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch, look: float
) -> None:
    """It was silent for too long, and another one has come and gone meanwhile."""
    monkeypatch.setattr(run_control, "LOOK", look)
    options = {"models": MODELS, "overwrite": True}
    another = []

    def lose(done: int, total: int) -> None:
        if done == 2:
            [(name, holder)] = holders(scenes)
            free(scenes, name, holder.token)
            another.append(ntt.segment(scenes, "colours", points_per_side=6, **options))

    with pytest.raises(LeaseLost, match="no longer holds field 'predictions'"):
        ntt.segment(scenes, "colours", progress=lose, **options)

    assert scenes.values("predictions.run") == [another[0].run] * 8
