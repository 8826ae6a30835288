"""Forms start at what is most likely meant, fold the rest away, and ask about what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin import PLUGIN_NAME
from fiftyone_ntt.plugin.parts import OPERATORS
from tests.plugin.forms import open_form, problems

SEGMENT, RELABEL = "segment_with_memory_bank", "relabel_with_memory_bank"
MOST = 5
"""Questions that a form may show at first, besides FiftyOne's own about the samples."""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))


@pytest.fixture
def segmented(uri: Any, scenes: fo.Dataset) -> fo.Dataset:
    """A bank, and its predictions in four of six scenes."""
    ntt.build_memory_bank(
        scenes, "ground_truth", label_tags="reference", models="demo", name="colours"
    )
    ntt.segment(scenes[:4], "colours", points_per_side=8)
    return scenes


def run(name: str, dataset: fo.Dataset, params: dict[str, Any], **request: Any) -> list[str]:
    """Executes it as the App does, refused where the form is invalid; names of what is sent."""
    operator = foo.get_operator(f"{PLUGIN_NAME}/{name}")
    given = {"dataset_name": dataset.name, "params": params, "prompt_id": uuid4().hex, **request}
    ctx = ExecutionContext(given, Executor(), operator_uri=operator.uri)
    assert problems(open_form(name, dataset, dict(params), **request)) == {}
    found = operator.execute(ctx)
    sent = ctx.executor._requests if isinstance(found, dict) else [m.body for m in found]
    dataset.reload()
    return [message.operator_uri for message in sent]


def options(dataset: fo.Dataset, name: str, params: dict[str, Any]) -> dict[str, str]:
    form = open_form(name, dataset, params)
    return {choice.value: choice.label for choice in form["existing"].view.choices}


@pytest.mark.parametrize("operator", [one for one in OPERATORS if not one.UNLISTED])
def test_forms_ask_little_at_first(segmented: fo.Dataset, operator: Any) -> None:
    asked = foo.get_operator(f"{PLUGIN_NAME}/{operator.NAME}")
    ctx = ExecutionContext({"dataset_name": segmented.name, "params": {}}, Executor())
    shown = asked.resolve_type(ctx, "inputs").type.properties
    read_only = ("Notice", "Warning", "Error")
    questions = [
        name
        for name, prop in shown.items()
        if name not in ("advanced", "view_target") and type(prop.view).__name__ not in read_only
    ]
    assert len(questions) <= MOST, questions


def test_what_is_folded_away_counts_and_is_checked(segmented: fo.Dataset) -> None:
    params = {"bank": "colours", "label_field": "fine", "advanced": {"points_per_side": 8}}
    run(SEGMENT, segmented, params)
    (key,) = (k for k, r in ntt.list_prediction_runs(segmented).items() if r["field"] == "fine")
    assert segmented.get_run_info(key).config.proposal_settings["points_per_side"] == 8
    wrong = {"advanced": {"points_per_side": 0}}
    assert "from 1 to 128" in problems(open_form(SEGMENT, segmented, wrong))["points_per_side"]


def test_a_second_run_says_what_is_there_and_goes_on_or_beside(segmented: fo.Dataset) -> None:
    same = {"bank": "colours", "points_per_side": 8}
    found = options(segmented, SEGMENT, same)
    assert found == {
        "resume": "Continue: 4 images done, 2 to do",
        "new": "New field 'predictions_2'",
        "overwrite": "Replace 12 predictions of runs in 4 images; what you drew, tagged or edited "
        "stays",
        "empty": "Only the 2 images without predictions",
    }
    form = open_form(SEGMENT, segmented, same)
    assert form["existing"].default == "resume" and problems(form) == {}

    other = {"bank": "colours", "points_per_side": 4}
    assert list(options(segmented, SEGMENT, other)) == ["new", "overwrite", "empty"]
    assert open_form(SEGMENT, segmented, other)["existing"].default == "new"
    refused = problems(open_form(SEGMENT, segmented, {**other, "existing": "resume"}))
    assert "of another bank or of other settings" in refused["existing"]
    assert open_form(RELABEL, segmented)["existing"].default == "overwrite"
    assert "existing" not in open_form(SEGMENT, segmented, {**same, "label_field": "unused"})


def test_a_bank_that_changed_since_is_another(segmented: fo.Dataset) -> None:
    same = {"bank": "colours", "points_per_side": 8}
    key, found = next(iter(ntt.list_prediction_runs(segmented).items()))
    config = segmented.get_run_info(key).config
    config.updated = "2020-01-01T00:00:00+00:00"
    segmented.update_run_config(key, config)
    assert found["bank"] == "colours"
    assert "resume" not in options(segmented, SEGMENT, same)


def test_a_new_field_is_written_and_what_is_there_stays(segmented: fo.Dataset) -> None:
    before = segmented.values("predictions.detections.id")
    params = {"bank": "colours", "points_per_side": 4, "existing": "new"}
    run(SEGMENT, segmented, params)
    assert len(segmented.exists("predictions_2")) == 6
    assert segmented.values("predictions.detections.id") == before


def test_models_and_a_name_are_suggested(segmented: fo.Dataset) -> None:
    form = open_form("build_memory_bank", segmented)
    assert (form["models"].default, form["name"].default) == ("demo", "blue-green-red")
    assert "on this machine" in form["models"].view.choices[0].label
    assert problems(form) == {} and "overwrite" not in form
    form = open_form("build_memory_bank", segmented, {"name": "colours"})
    assert "Replace memory bank 'colours'" in form["overwrite"].view.label
    replacing = {"name": "colours", "overwrite": True}
    form = open_form("build_memory_bank", segmented, replacing)
    assert problems(form) == {} and "changed" not in form
    first = ntt.load_memory_bank(segmented, "colours").references.ids[0]
    ntt.remove_references(segmented, "colours", [first])
    form = open_form("build_memory_bank", segmented, replacing)
    assert "1 reference removed" in form["changed"].view.label
    assert problems(form) == {}


@pytest.mark.parametrize(("given", "count"), [("3", 3), (2, 2), (None, 10)])
def test_shots_are_chosen_or_typed(segmented: fo.Dataset, given: Any, count: int) -> None:
    params = {"min_size": 1, "border": 0, "tag": "few"} | (
        {} if given is None else {"shots": given}
    )
    run("sample_references", segmented, params)
    tagged = segmented.count_label_tags("ground_truth")["few"]
    assert tagged == 3 * min(count, 6)
    asked = open_form("sample_references", segmented, {"shots": "other", "other_shots": 0})
    assert "at least 1" in problems(asked)["other_shots"]


def test_boxes_without_masks_are_chosen_first(segmented: fo.Dataset) -> None:
    box = fo.Detection(label="red", bounding_box=[0.1, 0.1, 0.2, 0.2])
    first = segmented.first()
    first["some_boxes"] = fo.Detections(detections=[box])
    first.save()
    assert open_form("boxes_to_masks", segmented)["box_field"].default == "some_boxes"


def test_references_that_stay_selected_are_no_target_and_not_all_there_is(
    segmented: fo.Dataset,
) -> None:
    references, others = segmented[:2].values("id"), segmented[3:].values("id")
    for selected, target, source in (
        (references, "DATASET", "label_tag"),
        (others, "SELECTED_SAMPLES", "selected_samples"),
    ):
        form = open_form(SEGMENT, segmented, selected=selected)
        assert form["view_target"].default == target
        form = open_form("build_memory_bank", segmented, selected=selected)
        assert form["source"].default == source


def test_the_app_reads_anew_what_changed_and_no_more(segmented: fo.Dataset) -> None:
    picked = {"selected": [segmented.last().id]}
    sent = run("tag_references", segmented, {"tag": "mine"}, **picked)
    assert sent == ["reload_samples", "notify"]
    sent = run("build_memory_bank", segmented, {"name": "again", "models": "demo"})
    assert "reload" not in " ".join(sent)
    sent = run("manage_memory_banks", segmented, {"action": "delete", "bank": "again"})
    assert sent == ["notify"]
    sent = run(SEGMENT, segmented, {"bank": "colours", "points_per_side": 8})
    assert "reload_samples" in sent and "reload_dataset" not in sent
    sent = run(SEGMENT, segmented, {"bank": "colours", "label_field": "new", "points_per_side": 8})
    assert "reload_dataset" in sent


def test_what_cannot_be_evaluated_is_said_before(segmented: fo.Dataset) -> None:
    def said(**params: Any) -> dict[str, str]:
        given = {"pred_field": "predictions", "gt_field": "ground_truth", "eval_key": "k", **params}
        return problems(open_form("evaluate_predictions", segmented, given))

    assert said() == {}
    boxes = fo.Detections(detections=[fo.Detection(label="red", bounding_box=[0, 0, 1, 1])])
    points = [[(0, 0), (0, 1), (1, 1)]]
    shapes = fo.Polyline(label="red", points=points, closed=True, confidence=0.5)
    line = fo.Polyline(label="red", points=points, confidence=0.5)
    last = segmented.last()
    last["boxes"], last["shapes"] = boxes, fo.Polylines(polylines=[shapes])
    last["lines"] = fo.Polylines(polylines=[line])
    last.save()
    assert "1 label of 'boxes' are boxes without masks" in said(gt_field="boxes")["gt_field"]
    assert said(gt_field="boxes", iou="boxes") == {}
    assert "have no confidence" in said(pred_field="boxes", iou="boxes")["pred_field"]
    assert "they are open" in said(pred_field="lines")["pred_field"]
    assert said(pred_field="shapes") == {}
    run("evaluate_predictions", segmented, {"pred_field": "shapes", "eval_key": "k"})
    assert segmented.list_evaluations() == ["k", "k_boxes"]
    segmented.tag_samples("reference")
    assert "no images take part" in said()["pred_field"].lower()
