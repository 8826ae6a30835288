"""The Memory Bank panel without a browser: what its events send, and that drawing it is free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
import yaml
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.registry import PANELS

DEFINITION = Path(__file__).resolve().parents[2] / "fiftyone.yml"


@pytest.fixture
def banks(uri: Any, scenes: fo.Dataset) -> fo.Dataset:
    for name, count in (("all", 6), ("two", 2)):
        ntt.build_memory_bank(scenes[:count], "ground_truth", models="demo", name=name)
    return scenes


def event(
    uri: Any, dataset: fo.Dataset, method: str, state: dict | None = None, **params: Any
) -> list[tuple[str, dict]]:
    """What the panel sends to the App for an event: operators and parameters."""
    panel = foo.get_operator(uri("memory_bank_panel"))
    executor = Executor()
    given = {"panel_id": "p", "panel_state": state or {}, "__method__": method, **params}
    panel.execute(ExecutionContext({"dataset_name": dataset.name, "params": given}, executor))
    return [(request.operator_uri, request.params) for request in executor._requests]


def sent(messages: list[tuple[str, dict]], operator: str) -> dict:
    """All parameters of one kind, merged."""
    merged: dict = {}
    for name, params in messages:
        if name == operator:
            merged.update(params.get("state") or params.get("data") or params)
    return merged


def test_panels_are_listed() -> None:
    listed = yaml.safe_load(DEFINITION.read_text())["panels"]
    assert listed == [panel.NAME for panel in PANELS]


def test_opens_on_the_first_bank(uri: Any, banks: fo.Dataset) -> None:
    messages = event(uri, banks, "on_load")
    assert sent(messages, "patch_panel_state")["bank"] == "all"
    data = sent(messages, "patch_panel_data")
    assert [len(trace["ids"]) for trace in data["scatter"]] == [6, 6, 6]
    assert len(data["references"]) == 18
    assert data["similarity"][0]["x"] == ["blue", "green", "red"]


def test_another_bank_is_chosen(uri: Any, banks: fo.Dataset) -> None:
    data = sent(event(uri, banks, "choose", value="two"), "patch_panel_data")
    assert len(data["references"]) == 6


def test_a_lasso_selects_labels_and_shows_their_samples(uri: Any, banks: fo.Dataset) -> None:
    labels = banks.last().ground_truth.detections
    points = [{"id": label.id} for label in labels[:2]]
    messages = dict(event(uri, banks, "lasso", data=points))
    picked = messages["set_selected_labels"]["labels"]
    assert {row["label_id"] for row in picked} == {label.id for label in labels[:2]}
    assert {row["field"] for row in picked} == {"ground_truth"}
    assert messages["show_samples"]["samples"] == [banks.last().id]


def test_labels_that_are_gone_are_told(uri: Any, banks: fo.Dataset) -> None:
    messages = dict(event(uri, banks, "click", id="0" * 24))
    assert "no longer" in messages["notify"]["message"]


def test_a_bank_that_is_gone_is_told(uri: Any, banks: fo.Dataset) -> None:
    state = sent(event(uri, banks, "choose", value="gone"), "patch_panel_state")
    assert "no memory bank 'gone'" in state["problem"]


def test_a_button_opens_its_operator_s_form(uri: Any, banks: fo.Dataset) -> None:
    messages = event(uri, banks, "press", operator="build_memory_bank")
    assert uri("build_memory_bank") in str(messages)


def test_without_banks_it_says_what_to_do(uri: Any, scenes: fo.Dataset) -> None:
    assert "no memory bank yet" in str(event(uri, scenes, "on_load")[-1])


def test_rendering_loads_no_bank_and_runs_no_model(
    uri: Any, banks: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("rendering must only lay out")

    monkeypatch.setattr(ntt, "review_memory_bank", refuse, raising=False)
    monkeypatch.setattr("fiftyone_ntt.dataset.model_choice.load_models", refuse)
    monkeypatch.setattr(fo.Dataset, "aggregate", refuse)
    state = {"banks": ["all"], "bank": "all", "summary": "fine"}
    messages = event(uri, banks, "render", state)
    assert messages[-1][0] == "show_panel_output"
