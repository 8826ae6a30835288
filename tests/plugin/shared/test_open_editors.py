"""Forms warn where the labels that will be written can be edited in the App meanwhile."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from tests.plugin.forms import open_form

FREE = "Or write to a new field: 'predictions_3' is free."


@pytest.fixture
def annotated(uri: Any, scenes: fo.Dataset) -> fo.Dataset:
    """Predictions and truth are open for annotation."""
    ntt.build_memory_bank(scenes[:2], "ground_truth", models="demo", name="colours")
    ntt.segment(scenes, "colours", points_per_side=4)
    scenes.add_sample_field("predictions_2", fo.StringField)
    schema = {"type": "detections", "component": "dropdown", "classes": ["red"], "attributes": []}
    for field in ("predictions", "ground_truth"):
        scenes.update_label_schema(field, schema)
        scenes.activate_label_schemas(field)
    return scenes


@pytest.mark.parametrize(
    ("name", "params", "field", "other_field"),
    [
        ("segment_with_memory_bank", {"existing": "overwrite"}, "predictions", True),
        ("relabel_with_memory_bank", {}, "predictions", True),
        ("boxes_to_masks", {"mask_field": "predictions"}, "predictions", True),
        ("delete_run_predictions", {}, "predictions", False),
        ("undo_last_change", {}, "predictions", False),
        ("tag_references", {}, "ground_truth", False),
        ("sample_references", {}, "ground_truth", False),
    ],
)
def test_a_field_that_is_open_for_annotation(
    annotated: fo.Dataset, name: str, params: dict[str, Any], field: str, other_field: bool
) -> None:
    selected = {"selected": [annotated.first().id]}
    shown = open_form(name, annotated, params, **selected)["editors"].view
    assert shown.label == f"{field!r} is open for annotation in the App"
    assert (FREE in shown.description) == other_field

    annotated.deactivate_label_schemas()
    assert "editors" not in open_form(name, annotated, params, **selected)


def test_another_field_is_not_warned_of(annotated: fo.Dataset) -> None:
    assert "editors" not in open_form("segment_with_memory_bank", annotated, {"label_field": "new"})
