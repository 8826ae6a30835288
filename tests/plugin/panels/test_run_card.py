"""The run card without a browser: what it shows and does, beside what the database says."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels.run_texts import group_failures
from fiftyone_ntt.plugin.shared.starts import Starts
from tests.plugin.events import data_of, event, sent, state_of

STEP = {"points_per_side": 6}


@pytest.fixture(autouse=True)
def bank(scenes: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))
    monkeypatch.setattr("fiftyone_ntt.dataset.runs.run_control.LOOK", 0.0)
    ntt.build_memory_bank(scenes[:2], "ground_truth", models="demo", name="colours")


def texts(messages: list[tuple[str, dict]]) -> list[str]:
    return [shown["text"] for key, shown in sorted(data_of(messages).items()) if "run_" in key]


def buttons(state: dict) -> list[str]:
    return [label for card in state["run_cards"] for _, label, _ in card[3]]


class Browser:
    """A tab with the panel: its state, and what it was last sent."""

    def __init__(self, uri: Any, dataset: fo.Dataset) -> None:
        self.uri, self.dataset, self.state = uri, dataset, {}
        self.act("on_load")

    def act(self, method: str, **params: Any) -> list[tuple[str, dict]]:
        self.messages = event(self.uri, self.dataset, method, self.state, **params)
        self.state = {**self.state, **state_of(self.messages)}
        return self.messages

    def press(self, label: str) -> list[tuple[str, dict]]:
        card, (action, _, group) = next(
            (card, button)
            for card in self.state["run_cards"]
            for button in card[3]
            if button[1] == label
        )
        return self.act("press_run", action=action, key=card[0], field=card[2], group=group)

    def names(self) -> list[str]:
        return [name for name, _ in self.messages]


def test_two_tabs_show_a_run_from_its_begin_to_its_end(uri: Any, scenes: fo.Dataset) -> None:
    one, other = Browser(uri, scenes), Browser(uri, scenes)
    looked: list[tuple[list[str], list[str], list[str]]] = []

    def step(done: int, total: int) -> None:
        if done == 2:
            for tab in (one, other):
                tab.act("tick")
                looked.append((texts(tab.messages), buttons(tab.state), tab.names()))
            one.act("tick")  # nothing is drawn anew where only numbers change
            looked.append((texts(one.messages), [], one.names()))

    ntt.segment(scenes, "colours", progress=step, **STEP)
    for said, offered, names in looked[:2]:
        assert said[0].startswith("**predictions**: 1 of 6 images · ") and "left" in said[0]
        assert offered == ["Pause", "Cancel"]
        assert "show_panel_output" in names and "reload_dataset" not in names
    assert set(looked[2][2]) == {"patch_panel_data"}
    one.act("tick")
    assert texts(one.messages) == ["**predictions**: done, 6 of 6 images · 13 detections"]
    # The field is new: the sidebar must know it.
    assert "reload_dataset" in one.names() and "reload_samples" not in one.names()
    assert buttons(one.state) == ["Undo"]
    one.act("tick")
    assert set(one.names()) == {"patch_panel_data"}
    ntt.segment(scenes, "colours", overwrite=True, points_per_side=5)
    one.act("tick")  # now only the samples are others
    assert "reload_samples" in one.names() and "reload_dataset" not in one.names()
    asked = dict(one.press("Undo"))["prompt_user_for_operation"]
    assert asked["operator_uri"] == uri("undo_last_change")
    assert asked["params"] == {"label_field": "predictions"}


def test_pausing_resuming_and_cancelling(uri: Any, scenes: fo.Dataset) -> None:
    second = threading.Event()

    def step(done: int, total: int) -> None:
        if done == 2:
            second.set()
        while done >= 2 and holder_request(scenes) is None:
            time.sleep(0.02)

    run = threading.Thread(target=lambda: ntt.segment(scenes, "colours", progress=step, **STEP))
    run.start()
    assert second.wait(60)
    tab = Browser(uri, scenes)
    tab.press("Pause")
    until(lambda: ntt.run_states(scenes)[0].status == "paused")
    tab.act("tick")
    assert texts(tab.messages) == ["**predictions**: 2 of 6 images · paused"]
    assert "reload_dataset" in tab.names()  # the App may not know the field yet
    assert len(scenes.exists("predictions")) == 2
    tab.press("Resume")
    until(lambda: ntt.run_states(scenes)[0].status == "running")
    tab.act("tick")
    tab.press("Cancel")
    run.join(60)
    tab.act("tick")
    left = ntt.run_states(scenes)[0].left
    assert texts(tab.messages) == [f"**predictions**: cancelled: {left} of 6 left"]
    assert left == 6 - len(scenes.exists("predictions")) > 0
    asked = dict(tab.press("Resume"))["prompt_user_for_operation"]
    assert asked["operator_uri"] == uri("continue_run") and asked["skip_prompt"]
    # Of a run that has ended meanwhile, that is said.
    tab.act("press_run", action="pause", key=ntt.run_states(scenes)[0].run, field="predictions")
    assert "is going on" in sent(tab.messages, "notify")["message"]


def holder_request(scenes: fo.Dataset) -> str | None:
    from fiftyone_ntt.dataset.work.leases import holder_of

    return holder_of(scenes, "predictions").request


def until(reached: Any) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_failures_are_grouped_shown_and_mended(uri: Any, scenes: fo.Dataset) -> None:
    ntt.segment(scenes[:3], "colours", "first", **STEP)
    Path(scenes.last().filepath).unlink()
    report = ntt.relabel(scenes, "colours", **STEP)
    tab = Browser(uri, scenes)
    (said,) = texts(tab.messages)
    assert said.splitlines()[0] == "**predictions**: 3 of 6 failed, 3 done · 6 detections"
    assert "2 images: no proposals for these settings" in said
    assert "cannot be read" in said and str(Path(scenes.last().filepath).parent) not in said
    offered = ["Show 2 failed", "Tag 2", "Segment 2", "Show 1 failed", "Tag 1"]
    assert buttons(tab.state)[:5] == offered
    shown = sent(tab.press("Show 2 failed"), "show_samples")
    unsegmented = [key for key, why in report.failures.items() if "no proposals" in why]
    assert shown["samples"] == unsegmented
    tab.press("Tag 2")
    assert "reload_samples" in tab.names()
    assert sorted(scenes.match_tags("failed").values("id")) == sorted(unsegmented)
    asked = dict(tab.press("Segment 2"))["prompt_user_for_operation"]
    assert asked["params"] == {
        "bank": "colours",
        "label_field": "predictions",
        "mode": "paper",
        "points_per_side": 6,
        "crops": "0",
        "view_target": "CURRENT_VIEW",
    }


def test_what_never_began_is_said_until_it_is_dismissed(uri: Any, scenes: fo.Dataset) -> None:
    starts = Starts(scenes)
    start = starts.note("Segment with memory bank")
    tab = Browser(uri, scenes)
    assert texts(tab.messages) == ["**Segment with memory bank**: preparing"]
    starts.note_problem(start, "Segment with memory bank failed: no such model.")
    tab.act("tick")
    assert texts(tab.messages) == ["**Segment with memory bank failed: no such model.**"]
    tab.press("Dismiss")
    assert tab.state["run_cards"] == [] == starts.all()


def test_a_bank_renamed_in_another_tab(uri: Any, scenes: fo.Dataset) -> None:
    ntt.segment(scenes, "colours", **STEP)
    tab = Browser(uri, scenes)
    ntt.rename_memory_bank(scenes, "colours", "hues")
    tab.act("apply")
    said = sent(tab.messages, "notify")
    assert said["variant"] == "warning"
    assert "'colours' was renamed or deleted meanwhile" in said["message"]
    assert (tab.state["banks"], tab.state["bank"]) == (["hues"], "hues")


def test_applying_takes_the_proposals_of_these_images(uri: Any, scenes: fo.Dataset) -> None:
    """Of a field whose runs were made at different grids, on different images."""
    ntt.segment(scenes[:3], "colours", points_per_side=8)
    ntt.segment(scenes[3:], "colours", points_per_side=6)  # the field's last run
    tab = Browser(uri, scenes)

    def applied(view: Any) -> dict[str, Any]:
        tab.act("apply", view=view._serialize())
        return {**sent(tab.messages, "prompt_user_for_operation"), **sent(tab.messages, "notify")}

    assert applied(scenes[3:])["params"]["grid"] == "6"
    assert applied(scenes[:3])["params"]["grid"] == "8"
    partly = applied(scenes.view())
    assert partly["params"]["grid"] == "6"
    assert (partly["message"], partly["variant"]) == ("3 of 6 images have proposals.", "warning")
    for folder in Path(os.environ["FIFTYONE_NTT_PROPOSALS"]).iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    refused = applied(scenes.view())
    assert "params" not in refused and refused["variant"] == "error"
    assert "none of these 6 images has stored proposals" in refused["message"]


def test_reasons_are_the_same_whatever_the_image() -> None:
    paths = {"a": "/data/my pictures/1.png", "b": "/data/my pictures/2.png"}
    failures = {key: f"image {path} cannot be read: damaged" for key, path in paths.items()}
    (group,) = group_failures(failures, paths)
    assert (group.ids, group.unsegmented) == (["a", "b"], False)
    assert group.reason == "the image cannot be read: damaged"
