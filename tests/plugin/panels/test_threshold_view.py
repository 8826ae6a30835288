"""The panel's slider filters the grid, and counts what it hides as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

import fiftyone_ntt as ntt
from tests.plugin.events import data_of, event, state_of


@pytest.fixture
def segmented(
    uri: Any, scenes: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> fo.Dataset:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))
    ntt.build_memory_bank(
        scenes, "ground_truth", label_tags="reference", models="demo", name="colours"
    )
    ntt.segment(scenes, "colours", points_per_side=8)
    values = [[0.2, 0.5, 0.8][: len(ids)] for ids in scenes.values("predictions.detections.id")]
    scenes.set_values("predictions.detections.confidence", values)
    return scenes


def slide(uri: Any, dataset: fo.Dataset, state: dict, view: Any, value: float) -> tuple[Any, str]:
    """The view that the grid is given, and what is counted."""
    sent = event(uri, dataset, "slide", state, view=view._serialize(), value=value)
    state.update(state_of(sent))
    stages = dict(sent)["set_view"]["view"]
    return fo.DatasetView._build(dataset, stages), data_of(sent)["counted"]


@pytest.mark.parametrize("patches", [False, True])
def test_the_slider_filters_what_is_shown(uri: Any, segmented: fo.Dataset, patches: bool) -> None:
    state = state_of(event(uri, segmented, "on_load"))
    before = segmented.match_tags("reference", bool=False)
    before = before.to_patches("predictions") if patches else before
    confidences = "predictions.confidence" if patches else "predictions.detections.confidence"

    view, counted = slide(uri, segmented, state, before, 0.4)
    assert set(view.values(confidences, unwind=True)) == {0.5, 0.8}
    assert len(view) == (8 if patches else 4)  # images stay, also those that lose all
    assert counted.startswith("**8 of 12 predictions** at 0.40")

    view, counted = slide(uri, segmented, state, view, 0.7)  # in place of the one before
    assert set(view.values(confidences, unwind=True)) == {0.8}
    assert counted.startswith("**4 of 12 predictions** at 0.70")

    view, counted = slide(uri, segmented, state, view, 0)
    assert view._serialize(include_uuids=False) == before._serialize(include_uuids=False)
    assert counted.startswith("**12 of 12 predictions** at 0.00")


def test_other_filters_stay(uri: Any, segmented: fo.Dataset) -> None:
    state = state_of(event(uri, segmented, "on_load"))
    before = segmented.filter_labels("predictions", F("label") == "red")
    view, _ = slide(uri, segmented, state, before, 0.4)
    view, _ = slide(uri, segmented, state, view, 0)
    assert view._serialize(include_uuids=False) == before._serialize(include_uuids=False)


def test_a_slider_that_is_drawn_hides_nothing(uri: Any, segmented: fo.Dataset) -> None:
    state = state_of(event(uri, segmented, "on_load"))
    sent = event(uri, segmented, "slide", state, value=state["threshold_start"])
    assert "set_view" not in dict(sent) and "predictions" in data_of(sent)["counted"]
