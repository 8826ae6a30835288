"""Measuring a shots curve from the App, and the panel that shows it."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels.shots_panel import ShotsCurvePanel
from tests.plugin.events import sent
from tests.plugin.forms import open_form, problems

PARAMS = {
    "candidates": "reference",
    "shots": ["1", "2"],
    "draws": 2,
    "models": "demo",
    "points_per_side": 8,
    "name": "curve",
}


@pytest.fixture(autouse=True)
def _small_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenes are small: any label may be a reference."""
    measure = ntt.shots_curve
    monkeypatch.setattr(
        ntt,
        "shots_curve",
        lambda *given, **options: measure(*given, min_size=1, border=0, **options),
        raising=False,
    )


def measure(uri: Any, dataset: fo.Dataset, **params: Any) -> dict[str, Any]:
    request = {"dataset": dataset, "params": {**PARAMS, **params}}
    result: dict[str, Any] = foo.execute_operator(uri("measure_shots"), request).result
    return result


def event(uri: Any, dataset: fo.Dataset, method: str, **params: Any) -> list[tuple[str, dict]]:
    from fiftyone.operators.executor import ExecutionContext, Executor

    panel = foo.get_operator(uri(ShotsCurvePanel.NAME))
    executor = Executor()
    given = {"panel_id": "p", "panel_state": {}, "__method__": method, **params}
    panel.execute(ExecutionContext({"dataset_name": dataset.name, "params": given}, executor))
    return [(request.operator_uri, request.params) for request in executor._requests]


def test_measuring_and_showing(uri: Any, scenes: fo.Dataset) -> None:
    measure(uri, scenes)
    curve = ntt.load_shots_curve(scenes, "curve")
    assert [(t.shots, t.seed) for t in curve.trials] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    data = sent(event(uri, scenes, "on_load"), "patch_panel_data")
    assert [trace["name"] for trace in data["plot"]][:2] == ["masks AP", "masks AP50"]
    line = data["plot"][0]
    assert line["x"] == ["1", "2"]
    means = [100 * curve.mean(shots, "masks", "AP") for shots in (1, 2)]
    assert line["y"] == pytest.approx(means, abs=0.01)
    assert sorted(row["label"] for row in data["classes"]) == ["blue", "green", "red"]
    weakest = [float(row["many"]) for row in data["classes"]]
    assert weakest == sorted(weakest)


def test_another_view_of_the_targets(uri: Any, scenes: fo.Dataset) -> None:
    scenes[4:].tag_samples("val")
    measure(uri, scenes, targets="val", name="val", shots=["1"], draws=1)
    assert ntt.list_shots_curves(scenes) == ["val"]


def test_nothing_measured_and_a_curve_that_is_gone(uri: Any, scenes: fo.Dataset) -> None:
    assert "no shots curve yet" in str(event(uri, scenes, "on_load")[-1])
    state = sent(event(uri, scenes, "choose", value="gone"), "patch_panel_state")
    assert "no shots curve 'gone'" in state["problem"]
    assert uri("measure_shots") in str(event(uri, scenes, "measure"))


def test_the_form(uri: Any, scenes: fo.Dataset) -> None:
    assert problems(open_form("measure_shots", scenes, {"models": "demo"})) == {}
    found = problems(
        open_form("measure_shots", scenes, {"models": "demo", "name": "a b", "draws": 0})
    )
    assert set(found) == {"name", "draws"}
    scenes.untag_samples("reference")
    found = problems(open_form("measure_shots", scenes, {"models": "demo"}))
    assert "Tag those to draw references from" in found["candidates"]
