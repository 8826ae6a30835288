"""What runs are at, told from the database alone, and making their calls again."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.runs import run_control
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.work.leases import holders
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

NAMED = replace(colour_models("demo"), encoder_spec="demo", segmenter_spec="demo")


def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded by name, so that a record can tell it, is quick."""
    monkeypatch.setattr(
        "fiftyone_ntt.dataset.work.model_resolution.load_models", lambda *_, **__: NAMED
    )


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fo.Dataset:
    monkeypatch.setattr(run_control, "LOOK", 0.0)
    by_name(monkeypatch)
    add_scenes(dataset, tmp_path, 8)
    ntt.build_memory_bank(dataset[:2], "ground_truth", models="demo", name="colours")
    return dataset


def segment(scenes: Any, **options: Any) -> ntt.SegmentReport:
    return ntt.segment(scenes, "colours", store=False, **options)


def state(scenes: fo.Dataset) -> ntt.RunState:
    (found,) = ntt.run_states(scenes)
    return found


def test_a_run_that_goes_on_says_how_far_it_is(scenes: fo.Dataset) -> None:
    seen = []
    scenes[7:].set_values("filepath", ["/gone.png"])
    report = segment(scenes, progress=lambda done, total: seen.append(state(scenes)))
    # The run looks before each image: what it says is of those before.
    assert [(s.status, s.images, s.done, s.left) for s in seen[:3]] == [
        ("running", 8, 0, 8),
        ("running", 8, 1, 7),
        ("running", 8, 2, 6),
    ]
    assert seen[0].rate is None and seen[2].rate > 0 and seen[2].seconds_left > 0
    assert seen[0].process.startswith("process ")
    ended = state(scenes)
    assert (ended.status, ended.done, ended.failed, ended.left) == ("completed", 7, 1, 0)
    assert (ended.rate, ended.process, ended.continuable) == (None, None, True)
    failures = ntt.run_failures(scenes, report.run)
    assert list(failures) == [scenes.last().id] and "gone.png" in failures[scenes.last().id]


def test_a_paused_run_has_written_what_it_finished(scenes: fo.Dataset) -> None:
    second, seen = threading.Event(), []

    def progress(done: int, total: int) -> None:
        if done == 2:
            ntt.pause_run(scenes, holders(scenes)[0][1].run)
            seen.append(state(scenes).status)
            second.set()

    run = threading.Thread(target=segment, args=(scenes,), kwargs={"progress": progress})
    run.start()
    assert second.wait(60)
    while state(scenes).status != "paused":
        pass
    paused = state(scenes)
    assert seen == ["pausing"]
    assert (paused.done, paused.left) == (2, 6) == (len(scenes.exists("predictions")), 6)
    ntt.cancel_run(scenes, paused.run)
    run.join(60)
    cancelled = state(scenes)
    assert (cancelled.status, cancelled.done, cancelled.left) == ("cancelled", 2, 6)
    assert ntt.continue_run(scenes, cancelled.run).written == 6
    assert state(scenes).status == "completed"


class Killed(BaseException):
    """The process ends here: nothing more is noted."""


def test_an_interrupted_run_is_counted_and_continued_as_it_was_called(
    scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(done: int, total: int) -> None:
        if done == 3:
            monkeypatch.setattr(RunRecord, "_update", lambda *_: None)
            raise Killed

    view = scenes[1:7]
    with pytest.raises(Killed), monkeypatch.context():
        segment(view, progress=kill, confidence_thresh=0.25, chunk_size=1)
    monkeypatch.undo()
    by_name(monkeypatch)
    left = state(scenes)
    assert (left.status, left.images, left.done, left.left) == ("interrupted", 6, 3, 3)
    report = ntt.continue_run(scenes, left.run)
    assert (report.run, report.images, report.skipped, report.written) == (left.run, 6, 3, 3)
    assert scenes.exists("predictions").values("id") == view.values("id")
    assert (state(scenes).status, state(scenes).left) == ("completed", 0)


def test_what_cannot_be_continued_says_why(scenes: fo.Dataset) -> None:
    loaded = ntt.segment(scenes[:1], "colours", "loaded", models=NAMED)
    assert not state(scenes).continuable
    with pytest.raises(InputError, match="does not tell how it was called"):
        ntt.continue_run(scenes, loaded.run)
    named = ntt.segment(scenes[:1], "colours", "named", store=False)
    ntt.build_memory_bank(scenes[:3], "ground_truth", models="demo", name="colours", overwrite=True)
    with pytest.raises(InputError, match="'colours' has changed since"):
        ntt.continue_run(scenes, named.run)
    with pytest.raises(InputError, match="has no run 'ntt_x'"):
        ntt.continue_run(scenes, "ntt_x")
    with pytest.raises(InputError, match="has no run 'ntt_x'"):
        ntt.run_failures(scenes, "ntt_x")


def test_boxes_are_continued_too(scenes: fo.Dataset) -> None:
    report = ntt.boxes_to_masks(scenes[:3], "ground_truth", "masks", models="demo")
    scenes[:1].clear_sample_field("masks")
    again = ntt.continue_run(scenes, report.run)
    assert (again.run, again.skipped, again.written) == (report.run, 2, 1)
