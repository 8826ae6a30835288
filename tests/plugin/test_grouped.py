"""Operators, forms and the panel on grouped datasets, and on labels inside other fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.parts import OPERATORS
from tests.dataset.scenes import random_scene, scene_sample
from tests.plugin.events import data_of, event, state_of
from tests.plugin.forms import open_form, problems

FIELD = "predictions"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))


@pytest.fixture
def grouped(uri: Any, colours: None, dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Three groups of a left and a right scene; the left slice is active."""
    dataset.add_group_field("group", default="left")
    for number in range(3):
        group = fo.Group()
        for offset, name in enumerate(("left", "right")):
            key = 2 * number + offset
            sample = scene_sample(tmp_path, f"{name}{number}", random_scene(key))
            sample["group"] = group.element(name)
            dataset.add_sample(sample)
    return dataset


@pytest.fixture
def nested(scenes: fo.Dataset) -> fo.Dataset:
    """The scenes' labels as `doc.gt`, inside an embedded document, and in a list of such."""
    for sample in scenes.iter_samples(autosave=True):
        sample["doc"] = fo.DynamicEmbeddedDocument(gt=sample.ground_truth.copy())
        sample["docs"] = [fo.DynamicEmbeddedDocument(gt=sample.ground_truth.copy())]
    scenes.add_dynamic_sample_fields()
    scenes.delete_sample_field("ground_truth")
    return scenes


def images(dataset: fo.Dataset, side: str | None = None) -> Any:
    if side is not None:
        return dataset.select_group_slices(side)
    return dataset.select_group_slices(media_type="image")


def outcome(name: str, dataset: fo.Dataset, params: dict[str, Any], **request: Any) -> Any:
    operator = next(operator for operator in OPERATORS if name == operator.NAME)()
    given = {"dataset_name": dataset.name, "params": params, **request}
    found = operator.run(ExecutionContext(given, Executor()), lambda done, total: None)
    dataset.reload()
    return found


def selected(sample: fo.Sample, label: fo.Detection, field: str = "ground_truth") -> dict[str, Any]:
    return {"label_id": label.id, "sample_id": sample.id, "field": field}


def built(dataset: fo.Dataset, samples: Any, field: str = "ground_truth") -> None:
    ntt.build_memory_bank(samples, field, models="demo", name="colours")


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_active_slice_is_segmented_relabelled_evaluated_and_no_other(
    grouped: fo.Dataset, side: str
) -> None:
    built(grouped, images(grouped))
    active = {"group_slice": side}
    segmenting = {"bank": "colours", "points_per_side": 8}
    form = open_form("segment_with_memory_bank", grouped, segmenting, **active)
    assert problems(form) == {} and form["images"].view.label == "3 images"

    outcome("segment_with_memory_bank", grouped, segmenting, **active)
    assert images(grouped).exists(FIELD).values("id") == images(grouped, side).values("id")
    done = outcome("relabel_with_memory_bank", grouped, {"bank": "colours"}, **active)
    assert (done.result["images"], done.result["skipped"]) == (3, 3)
    found = outcome("evaluate_predictions", grouped, {"iou": "boxes"}, **active)
    assert found.message.startswith("Evaluated 3 images") and "AP50 100.0" in found.message
    params = {"box_field": "ground_truth", "models": "demo"}
    outcome("boxes_to_masks", grouped, params, **active)
    assert images(grouped).exists("masks").values("id") == images(grouped, side).values("id")
    points = outcome("place_predictions", grouped, {"bank": "colours"}, **active)
    assert points.result["images"] == 3


def test_references_are_drawn_from_the_active_slice(grouped: fo.Dataset) -> None:
    params = {"shots": 3, "min_size": 1, "border": 0}
    done = outcome("sample_references", grouped, params, group_slice="right")
    assert done.result["counts"] == {"blue": 3, "green": 3, "red": 3}
    assert images(grouped).match_tags("reference").values("id") == (
        images(grouped, "right").values("id")
    )


def test_a_selected_label_of_another_slice_is_tagged_and_built_from(grouped: fo.Dataset) -> None:
    sample = images(grouped, "right").last()
    label = sample.ground_truth.detections[0]
    picked = {"selected_labels": [selected(sample, label)], "group_slice": "left"}
    form = open_form("tag_references", grouped, {}, **picked)
    assert problems(form) == {} and form["counts"].view.description == f"{label.label} 1"

    done = outcome("tag_references", grouped, {}, **picked)

    assert done.result == {"counts": {label.label: 1}, "kept": 0}
    assert images(grouped).match_tags("reference").values("id") == [sample.id]
    form = open_form("build_memory_bank", grouped, {"name": "x"})
    assert form["counts"].view.description == f"{label.label} 1"  # found by its tag
    params = {"name": "one", "models": "demo", "source": "selected_labels"}
    outcome("build_memory_bank", grouped, params, **picked)
    assert ntt.load_memory_bank(grouped, "one").class_counts() == {label.label: 1}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"source": "label_tag", "tag": "reference"}, 3),
        ({"source": "sample_tag", "tag": "reference"}, 3),
        ({"source": "view"}, 9),
        ({"source": "selected_samples"}, 3),
    ],
)
def test_sources_of_references(grouped: fo.Dataset, source: dict, expected: int) -> None:
    right = images(grouped, "right").last()
    ntt.tag_references(images(grouped).select(right.id), "ground_truth")
    request = {"group_slice": "right", "selected": [right.id]}
    params = {"name": "x", "models": "demo", **source}
    form = open_form("build_memory_bank", grouped, params, **request)
    assert form["counts"].view.label == f"{expected} references of 3 classes"
    outcome("build_memory_bank", grouped, params, **request)
    assert len(ntt.load_memory_bank(grouped, "x").references) == expected


def test_of_two_labels_with_one_id_the_selected_one_is_meant(scenes: fo.Dataset) -> None:
    first, last = scenes.first(), scenes.last()
    last.ground_truth = first.ground_truth.copy()
    for theirs, ours in zip(
        last.ground_truth.detections, first.ground_truth.detections, strict=True
    ):
        theirs.id = ours.id
    last.save()
    label = last.ground_truth.detections[0]
    picked = {"selected_labels": [selected(last, label)]}

    assert open_form("tag_references", scenes, {}, **picked)["counts"].view.label == "1 reference"
    done = outcome("tag_references", scenes, {"tag": "mine"}, **picked)

    assert done.result["counts"] == {label.label: 1}
    assert scenes.match_tags("mine").values("id") == [last.id]


def test_the_panel_on_a_slice(uri: Any, grouped: fo.Dataset) -> None:
    built(grouped, images(grouped))
    ntt.segment(images(grouped, "right"), "colours", points_per_side=8)
    state = state_of(event(uri, grouped, "on_load"))
    for side, text in (("left", "There are no predictions"), ("right", "9 predictions")):
        told = event(uri, grouped, "choose_predictions", state, value=FIELD, group_slice=side)
        assert text in data_of(told)["counted"], side
    sample = images(grouped, "right").first()
    place = f"{sample.id}/{FIELD}/{sample[FIELD].detections[0].id}"
    shown = dict(event(uri, grouped, "lasso", data=[{"id": place}]))
    assert shown["set_selected_labels"]["labels"][0]["sample_id"] == sample.id


def test_the_forms_offer_labels_inside_other_fields(uri: Any, nested: fo.Dataset) -> None:
    fields = open_form("build_memory_bank", nested, {"name": "x"})["label_field"].view.choices
    assert [choice.value for choice in fields] == ["doc.gt"]
    answers = {
        "sample_references": {},
        "tag_references": {},
        "build_memory_bank": {"name": "x", "models": "demo"},
        "boxes_to_masks": {"models": "demo"},
    }
    for name, params in answers.items():
        request = {"selected": [nested.first().id]}
        assert problems(open_form(name, nested, params, **request)) == {}, name


def test_labels_inside_other_fields_are_tagged_built_from_and_evaluated(
    uri: Any, nested: fo.Dataset
) -> None:
    params = {"label_field": "doc.gt", "tag": "mine"}
    done = outcome("tag_references", nested, params, selected=[nested.first().id])
    assert sum(done.result["counts"].values()) == 3
    building = {"name": "inside", "label_field": "doc.gt", "models": "demo", "tag": "mine"}
    outcome("build_memory_bank", nested, building)
    assert len(ntt.load_memory_bank(nested, "inside").references) == 3
    ntt.segment(nested, "inside", points_per_side=8)
    found = outcome("evaluate_predictions", nested, {"gt_field": "doc.gt", "iou": "boxes"})
    assert "AP50 100.0" in found.message
    undone = outcome("undo_last_change", nested, {"label_field": "doc.gt"})
    assert undone.result["kind"] == "tagging"
    assert "mine" not in nested.count_values("doc.gt.detections.tags")
    assert foo.get_operator(uri("tag_references"))(nested[:1], "doc.gt") == done.result["counts"]
