"""The panel's try of a bank: asked for, shown, and forgotten, without an App."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest

import fiftyone_ntt as ntt
from tests.plugin.events import data_of, event, sent, state_of


@pytest.fixture(autouse=True)
def bank(scenes: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))
    ntt.build_memory_bank(scenes[:2], "ground_truth", models="demo", name="colours")


def asked(messages: list) -> dict:
    return dict(messages)["prompt_user_for_operation"]


def test_without_predictions_the_form_asks(uri: Any, scenes: fo.Dataset) -> None:
    state = state_of(event(uri, scenes, "on_load"))
    found = asked(event(uri, scenes, "try_out", state))
    assert found["operator_uri"] == uri("try_memory_bank") and not found["skip_prompt"]
    assert found["params"] == {"bank": "colours", "view_target": "CURRENT_VIEW"}


def test_it_is_tried_as_the_field_was_made_and_shown(uri: Any, scenes: fo.Dataset) -> None:
    ntt.segment(scenes, "colours", points_per_side=6, one_per_object=True)
    before = scenes.values("predictions.detections.id")
    confidences = sorted(scenes.values("predictions.detections.confidence", unwind=True))
    threshold = (confidences[3] + confidences[-1]) / 2
    state = state_of(event(uri, scenes, "on_load")) | {"threshold": threshold}
    messages = event(uri, scenes, "try_out", state)
    found = asked(messages)
    assert found["skip_prompt"] and found["params"]["points_per_side"] == 6
    assert found["params"]["one_per_object"] and found["params"]["confidence_thresh"] == threshold
    request = {"dataset": scenes, "view": scenes.view(), "params": found["params"]}
    result = foo.execute_operator(found["operator_uri"], request).result
    expected = ntt.try_out(
        scenes, "colours", points_per_side=6, one_per_object=True, confidence_thresh=threshold
    )
    count = sum(len(one.detections.detections) for one in expected)
    had = scenes.count("predictions.detections")
    assert 0 < count < had
    assert result["text"].startswith(
        f"{had} → {count} predictions on 6 images at {threshold:.2f} or more"
    )
    assert scenes.values("predictions.detections.id") == before

    shown = event(uri, scenes, "on_tried", state, result=result)
    assert state_of(shown)["tried_samples"] == scenes.values("id")
    data = data_of(shown)
    assert data["tried.text"] == result["text"]
    assert data["tried.pictures.picture_5"].startswith("data:image/jpeg;base64,/9j/")
    state |= state_of(shown)
    panel = sent(event(uri, scenes, "render", state), "show_panel_output")
    assert "picture_5" in str(panel) and "Segment all" in str(panel)

    found = asked(event(uri, scenes, "segment_all", state))
    assert found["operator_uri"] == uri("segment_with_memory_bank")
    assert found["params"]["confidence_thresh"] == threshold and not found.get("skip_prompt")
    # Of a bank that is not looked at any more, nothing is shown.
    late = event(uri, scenes, "on_tried", state, result={**result, "bank": "other"})
    assert state_of(late)["tried_samples"] == [] and data_of(late)["tried.text"] == ""
