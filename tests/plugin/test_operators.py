"""Operators run as the SDK and the App run them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import fiftyone as fo
import fiftyone.operators as foo
import pytest
import torch
import yaml
from fiftyone.operators.executor import ExecutionContext, ExecutionError, Executor

import fiftyone_ntt as ntt
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.plugin import PLUGIN_NAME
from fiftyone_ntt.plugin.parts import METRICS, OPERATORS
from fiftyone_ntt.plugin.shared.starts import Starts
from fiftyone_ntt.store.bank_identity import bank_hash
from tests.plugin.forms import open_form, problems

DEFINITION = Path(__file__).resolve().parents[2] / "fiftyone.yml"
BUILD = {"name": "colours", "models": "demo", "source": "label_tag", "tag": "reference"}


@pytest.fixture
def no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proposals that other tests stored are not there."""
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))


def run(uri: Any, name: str, dataset: fo.Dataset, params: dict, **ctx: Any) -> Any:
    return foo.execute_operator(uri(name), {"dataset": dataset, "params": params, **ctx}).result


def messages(name: str, dataset: fo.Dataset, params: dict, **request: Any) -> list[tuple]:
    """What an operator sends to the App: operator and parameters."""
    operator, executor = foo.get_operator(f"{PLUGIN_NAME}/{name}"), Executor()
    given = {"dataset_name": dataset.name, "params": params, "prompt_id": uuid4().hex, **request}
    ctx = ExecutionContext(given, executor, operator_uri=operator.uri)
    sent = operator.execute(ctx)
    if isinstance(sent, dict):  # no generator: sent with the result
        return [(request.operator_uri, request.params) for request in executor._requests]
    return [(m.body.operator_uri, m.body.params) for m in sent]


def test_all_are_listed_and_registered(uri: Any) -> None:
    listed = yaml.safe_load(DEFINITION.read_text())["operators"]
    assert listed == [operator.NAME for operator in (*OPERATORS, *METRICS)]
    registered = {op.name for op in foo.list_operators() if op.plugin_name == PLUGIN_NAME}
    assert set(listed) <= registered


@pytest.mark.parametrize("operator", OPERATORS)
def test_each_says_what_it_is(operator: Any) -> None:
    config = operator().config
    assert config.label != config.name and config.description and config.icon
    assert config.risk_level.value in ("low", "medium", "high")
    assert config.allow_immediate_execution and config.allow_delegated_execution
    assert not vars(operator()).keys() - {"_builtin", "_plugin_secrets", "plugin_name"}


def test_the_whole_loop(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    assert ntt.load_memory_bank(scenes, "colours").class_counts() == {
        "blue": 2,
        "green": 2,
        "red": 2,
    }
    run(uri, "segment_with_memory_bank", scenes, {"bank": "colours", "points_per_side": 8})
    assert scenes.count("predictions.detections") == 18
    run(uri, "evaluate_predictions", scenes, {"eval_key": "first", "leave_out": "reference"})
    assert scenes.list_evaluations() == ["first", "first_boxes"]
    assert scenes.count("first_tp") == 4
    (key,) = ntt.list_prediction_runs(scenes)
    result = run(uri, "delete_run_predictions", scenes, {"run": key})
    assert result == {"deleted": 18, "kept": {}, "unknown": 0}
    assert not scenes.has_field("predictions")  # which the run had made


def test_segmenting_adaptively(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    params = {"bank": "colours", "points_per_side": 8, "mode": "adaptive"}
    run(uri, "segment_with_memory_bank", scenes, params)
    assert len(scenes.exists("predictions")) == len(scenes)
    (key,) = ntt.list_prediction_runs(scenes)
    assert scenes.get_run_info(key).config.mode == "adaptive"


def test_segmenting_and_relabelling_with_crops(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    params = {"bank": "colours", "points_per_side": 5, "mode": "best", "crops": "4"}
    run(uri, "segment_with_memory_bank", scenes, params)
    (key,) = ntt.list_prediction_runs(scenes)
    config = scenes.get_run_info(key).config
    assert (config.mode, config.proposal_settings["crops"]) == ("best", 4)
    params = {"bank": "colours", "label_field": "again", "mode": "best", "grid": "5+4"}
    run(uri, "relabel_with_memory_bank", scenes, params)
    one, other = (
        scenes.values(f"{field}.detections.confidence") for field in ("predictions", "again")
    )
    assert one == other and sum(map(len, one)) > 0


def test_calibrating_for_a_mode_and_crops(uri: Any, scenes: fo.Dataset, no_store: None) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    params = {"bank": "colours", "learn_from": "labels", "gt_field": "ground_truth"}
    found = {"mode": "best", "points_per_side": 5, "crops": "4"}
    run(uri, "calibrate_memory_bank", scenes, {**params, **found})
    known = ntt.load_calibration(scenes, "colours", mode="best", points_per_side=5, crops=4)
    assert known.source == "labelled samples"
    with pytest.raises(ntt.NttError, match="It has one for 'best' with 5 points per side and 4"):
        ntt.load_calibration(scenes, "colours", mode="best", points_per_side=5)


def test_a_bank_in_bfloat16(uri: Any, scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fiftyone_ntt.dataset.work.model_resolution.load_models", ntt.load_models)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)  # or emulated
    run(uri, "build_memory_bank", scenes, {**BUILD, "precision": "bfloat16"})
    assert ntt.load_memory_bank(scenes, "colours").models["precision"] == "bfloat16"
    run(uri, "segment_with_memory_bank", scenes, {"bank": "colours", "points_per_side": 4})
    assert len(scenes.exists("predictions")) == len(scenes)


def test_sampling(uri: Any, scenes: fo.Dataset) -> None:
    params = {"shots": 1, "tag": "shot", "min_size": 1, "border": 0}
    run(uri, "sample_references", scenes, params)
    assert scenes.count_label_tags("ground_truth")["shot"] == 3
    params = {**params, "strategy": "diverse", "models": "demo", "device": "cpu", "tag": "best"}
    run(uri, "sample_references", scenes, params)
    assert scenes.count_label_tags("ground_truth")["best"] == 3


def test_tagging_selected_labels(uri: Any, scenes: fo.Dataset) -> None:
    label = scenes.last().ground_truth.detections[0]
    picked = [{"label_id": label.id, "sample_id": scenes.last().id, "field": "ground_truth"}]
    result = run(uri, "tag_references", scenes, {"tag": "mine"}, selected_labels=picked)
    assert result == {"counts": {label.label: 1}, "kept": 0}
    assert scenes.match_tags("mine").values("id") == [scenes.last().id]
    assert scenes.count_label_tags("ground_truth")["mine"] == 1


def test_deciding_on_selected_labels(uri: Any, scenes: fo.Dataset) -> None:
    sample = scenes.last()
    ids = [label.id for label in sample.ground_truth.detections]
    picked = [{"label_id": i, "sample_id": sample.id, "field": "ground_truth"} for i in ids[:2]]

    def decide(**answers: str) -> dict:
        return run(uri, "decide_on_predictions", scenes, answers, selected_labels=picked)

    def tags() -> dict:
        scenes.reload()
        return scenes.select_labels(labels=picked).count_label_tags("ground_truth")

    before = tags()
    assert decide() == {"decided": 2, "changed": []}
    assert tags() == {**before, "accepted": 2}
    assert decide(verdict="reject")["decided"] == 2
    assert tags() == {**before, "rejected": 2}
    with pytest.raises(ExecutionError, match="Class is empty"):
        decide(verdict="relabel")
    decide(verdict="relabel", label="heron")
    assert scenes.count_values("ground_truth.detections.label")["heron"] == 2
    decide(verdict="undecide")
    assert tags() == before
    assert "heron" not in scenes.count_values("ground_truth.detections.label")
    # In a view of patches the selected ones are labels.
    patches = scenes.to_patches("ground_truth")
    result = run(uri, "decide_on_predictions", scenes, {}, selected=ids[:1], view=patches)
    assert result["decided"] == 1
    with pytest.raises(ExecutionError, match="Nothing is selected"):
        run(uri, "decide_on_predictions", scenes, {})


def test_what_was_decided_is_taught_and_goes_out_and_back(
    uri: Any, scenes: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_EXPORTS", str(tmp_path))
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))
    ntt.build_memory_bank(scenes[:1], "ground_truth", models="demo", name="colours")
    ntt.segment(scenes, "colours", points_per_side=8)
    right, wrong = (sample.predictions.detections[0].id for sample in scenes[3:5])
    ntt.accept(scenes, "predictions", [right])
    ntt.reject(scenes, "predictions", [wrong])

    params = {"bank": "colours", "label_field": "predictions"}
    form = open_form("teach_memory_bank", scenes, params)
    assert problems(form) == {}
    assert form["decided"].view.label == "1 accepted prediction, 1 rejected"
    run(uri, "teach_memory_bank", scenes, params)
    assert [bank.version for bank in ntt.list_memory_banks(scenes)] == [2]
    bank = ntt.load_memory_bank(scenes, "colours")
    assert len(bank.references) == 4 and len(bank.negatives) == 1
    run(uri, "relabel_with_memory_bank", scenes, {**params, "existing": "overwrite"})
    scenes.reload()
    last = ntt.last_prediction_run(scenes, "predictions")
    assert last["failed"] == 0 and last["bank_hash"] == bank_hash(bank)
    tags = scenes.count_label_tags("predictions")
    assert tags["accepted"] == tags["rejected"] == 1

    params = {"label_field": "predictions", "folder": "out", "to": "labelme"}
    assert problems(open_form("export_prelabels", scenes, params)) == {}
    run(uri, "export_prelabels", scenes, params)
    assert len(list((tmp_path / "out").rglob("*.json"))) == 6
    taken = problems(open_form("export_prelabels", scenes, params))
    assert "holds 'out' already" in taken["folder"]
    params = {"label_field": "predictions", "path": "out"}
    assert problems(open_form("import_prelabels", scenes, params)) == {}
    result = run(uri, "import_prelabels", scenes, params)
    assert result["images"] == 6 and result["rejected"] == 0
    scenes.reload()
    accepted = scenes.count_label_tags("predictions")["accepted"]
    assert accepted == scenes.count("predictions.detections") - 1


def test_tagging_selected_samples(uri: Any, scenes: fo.Dataset) -> None:
    picked = [scenes.last().id]
    result = run(uri, "tag_references", scenes, {"tag": "mine"}, selected=picked)
    assert result == {"counts": {"blue": 1, "green": 1, "red": 1}, "kept": 0}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"source": "label_tag", "tag": "reference"}, 6),
        ({"source": "sample_tag", "tag": "reference"}, 6),
        ({"source": "view"}, 18),
        ({"source": "selected_samples"}, 3),
        ({"source": "selected_labels"}, 1),
    ],
)
def test_sources_of_references(uri: Any, scenes: fo.Dataset, source: dict, expected: int) -> None:
    sample = scenes.last()
    label = {"label_id": sample.ground_truth.detections[0].id, "sample_id": sample.id}
    selection = {"selected": [sample.id], "selected_labels": [{**label, "field": "ground_truth"}]}
    run(uri, "build_memory_bank", scenes, {**BUILD, **source}, **selection)
    assert len(ntt.load_memory_bank(scenes, "colours").references) == expected


def test_chosen_classes(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, {**BUILD, "classes": ["red"]})
    assert ntt.load_memory_bank(scenes, "colours").classes == ("red",)


def test_boxes_to_masks(uri: Any, scenes: fo.Dataset) -> None:
    params = {"box_field": "ground_truth", "models": "demo"}
    run(uri, "boxes_to_masks", scenes, params)
    assert scenes.count("masks.detections") == 18


def test_visualizing(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    run(uri, "segment_with_memory_bank", scenes, {"bank": "colours", "points_per_side": 8})
    params = {"bank": "colours", "predictions_field": "predictions", "draw": True}
    sent = messages("visualize_memory_bank", scenes, params)
    names = [name for name, _ in sent]
    assert names[-4:] == ["close_panel", "open_panel", "reload_dataset", "notify"]
    assert sent[-3][1]["name"] == "Embeddings"
    assert sent[-3][1]["data"] == {"openKey": "colours_predictions"}
    said = sent[-1][1]["message"]
    assert "colours_references (6 points), colours_predictions (18 points)" in said
    assert "memory: 6 of 6 references drawn" in said
    labels = [params["label"] for name, params in sent if name == "set_progress"]
    assert any(label.startswith("6 of 6 images and references") for label in labels)
    assert scenes.list_brain_runs() == ["colours_predictions", "colours_references"]
    assert len(scenes.exists("memory_clusters")) == 2


def test_visualizing_a_view_s_predictions(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.segment(scenes, "colours", points_per_side=8)
    params = {"bank": "colours", "predictions_field": "predictions", "brain_key": "one"}
    picked = {"view_target": "SELECTED_SAMPLES"}
    run(uri, "visualize_memory_bank", scenes, {**params, **picked}, selected=[scenes.last().id])
    assert len(scenes.load_brain_results("one_predictions").points) == 3
    assert len(scenes.load_brain_results("one_references").points) == 6


def test_what_is_left_out_is_a_warning(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    gone = ntt.load_memory_bank(scenes, "colours").references.ids[0]
    scenes.delete_labels(ids=[gone])
    sent = messages("visualize_memory_bank", scenes, {"bank": "colours", "draw": True})
    assert sent[-1][1]["variant"] == "warning"
    assert "1 references left out" in sent[-1][1]["message"] and gone in sent[-1][1]["message"]


def test_segmenting_a_selection(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    params = {"bank": "colours", "points_per_side": 8, "view_target": "SELECTED_SAMPLES"}
    run(uri, "segment_with_memory_bank", scenes, params, selected=[scenes.last().id])
    assert scenes.exists("predictions").values("id") == [scenes.last().id]


def test_only_samples_without_predictions(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.segment(scenes[:2], "colours", points_per_side=4)
    first = scenes.first().predictions.run
    params = {"bank": "colours", "points_per_side": 8, "existing": "empty"}
    run(uri, "segment_with_memory_bank", scenes, params)
    runs = scenes.values("predictions.run")
    assert runs[:2] == [first] * 2 and first not in runs[2:] and None not in runs[2:]


def test_relabelling_from_stored_proposals(uri: Any, scenes: fo.Dataset, no_store: None) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.segment(scenes, "colours", points_per_side=8)
    ntt.build_memory_bank(scenes[:2], "ground_truth", models="demo", name="red", classes=["red"])
    params = {"bank": "red", "existing": "overwrite"}
    run(uri, "relabel_with_memory_bank", scenes, params)
    assert set(scenes.distinct("predictions.detections.label")) == {"red"}
    sent = messages("relabel_with_memory_bank", scenes, {**params, "label_field": "again"})
    assert "in 6 of 6 images" in sent[-1][1]["message"]


def test_relabelling_takes_the_grid_that_these_images_have(
    uri: Any, scenes: fo.Dataset, no_store: None
) -> None:
    """Whatever finer grid the store has of other images."""
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.segment(scenes[:2], "colours", "coarse", points_per_side=6)
    ntt.segment(scenes[2:], "colours", "fine", points_per_side=8)

    def used(params: dict, **ctx: Any) -> set[int]:
        run(uri, "relabel_with_memory_bank", scenes, {"bank": "colours", **params}, **ctx)
        field = params["label_field"]
        keys = [key for key in scenes.distinct(f"{field}.run") if key]
        return {
            scenes.get_run_info(key).config.proposal_settings["points_per_side"] for key in keys
        }

    assert used({"label_field": "new"}, view=scenes[:2]) == {6}
    again = {"label_field": "coarse", "existing": "overwrite", "confidence_thresh": 0.1}
    assert used(again, view=scenes[:2]) == {6}
    # Of both, more images have the finer one; of as many, it is open.
    assert used({"label_field": "most"}, view=scenes[1:]) == {8}
    open_still = {"bank": "colours", "label_field": "open"}
    sent = messages("relabel_with_memory_bank", scenes, open_still, view=scenes[:4]._serialize())
    assert sent[-1][1]["variant"] == "error"
    assert sent[-1][1]["message"] == (
        "it is open which stored proposals are meant. Choose those of 6 x 6 points (2 of 4 "
        "images); or of 8 x 8 points (2 of 4 images)."
    )
    shown = {"view": scenes[:4]._serialize()}
    fields = open_form("relabel_with_memory_bank", scenes, open_still, **shown)
    assert "It is open which stored proposals are meant" in problems(fields)["grid"]


def test_a_run_that_failed_is_not_green(uri: Any, scenes: fo.Dataset, no_store: None) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.segment(scenes[:2], "colours", points_per_side=6)
    params = {"bank": "colours", "label_field": "again", "grid": "6"}
    sent = messages("relabel_with_memory_bank", scenes, params)
    assert [found["variant"] for name, found in sent if name == "notify"] == ["warning", "warning"]
    assert "4 failed" in sent[-2][1]["message"] and "`" not in sent[-1][1]["message"]
    sent = messages(
        "relabel_with_memory_bank",
        scenes,
        {**params, "label_field": "none"},
        view=scenes[2:]._serialize(),
    )
    assert [found["variant"] for name, found in sent if name == "notify"] == ["error", "warning"]


def test_any_exception_is_a_sentence(
    uri: Any, scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.segment(scenes, "colours", points_per_side=8)

    def broken(*args: Any, **options: Any) -> Any:
        raise KeyError("gone")

    for function, name, params in (
        ("evaluate", "evaluate_predictions", {}),
        ("segment", "segment_with_memory_bank", {"bank": "colours"}),
        (
            "rename_memory_bank",
            "manage_memory_banks",
            {"action": "rename", "bank": "colours", "new_name": "x"},
        ),
    ):
        monkeypatch.setattr(ntt, function, broken)
        label = foo.get_operator(uri(name)).LABEL
        told = [
            found["message"]
            for found_name, found in messages(name, scenes, params)
            if found_name == "notify"
        ]
        assert told == [
            f"{label} failed: KeyError 'gone'. The full trace is in the log of FiftyOne's server."
        ]
        assert f"{label} failed" in caplog.text and "Traceback" in caplog.text


def test_output_fields_that_no_field_can_be(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    for field in ("_id", "id", "filepath", "a.b", "", "1st"):
        given = {"bank": "colours", "label_field": field}
        assert "label_field" in problems(open_form("segment_with_memory_bank", scenes, given))
        sent = messages("segment_with_memory_bank", scenes, given)[-1][1]
        assert sent["variant"] == "error" and "failed" not in sent["message"], field


def test_another_field_under_a_key_that_is_taken_is_said_before(
    uri: Any, scenes: fo.Dataset
) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    for field in ("one", "two"):
        ntt.segment(scenes, "colours", field, points_per_side=8)
    for field, taken in (("one", False), ("one", False), ("two", True)):
        given = {"pred_field": field, "eval_key": "same"}
        said = problems(open_form("evaluate_predictions", scenes, given))
        assert ("eval_key" in said) == taken and "Pass" not in said.get("eval_key", "")
        sent = messages("evaluate_predictions", scenes, given)
        notified = [found["variant"] for name, found in sent if name == "notify"]
        assert notified == ["error" if taken else "success"]
    assert scenes.get_evaluation_info("same").config.pred_field == "one"


def test_relabelling_without_the_negatives(uri: Any, scenes: fo.Dataset, no_store: None) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    plain = ntt.segment(scenes, "colours", "plain", points_per_side=8)
    ntt.build_memory_bank(
        scenes[:2],
        "ground_truth",
        negatives_field="ground_truth",
        models="demo",
        name="with",
    )
    hashes = {}
    for used in (True, False):
        params = {"bank": "with", "label_field": f"used_{used}", "negatives": used}
        run(uri, "relabel_with_memory_bank", scenes, params)
        (key,) = scenes.distinct(f"used_{used}.run")
        hashes[used] = key.split("_")[-1]
    assert hashes[False] == plain.run.split("_")[-1] != hashes[True]


def test_relabelling_what_was_never_segmented(uri: Any, scenes: Any, no_store: None) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    sent = messages("relabel_with_memory_bank", scenes, {"bank": "colours"})[-1][1]
    assert sent["variant"] == "error"
    assert "none of these 6 images has stored proposals" in sent["message"]
    assert "Run “Segment with memory bank” on them once" in sent["message"]


def test_the_outcome_in_the_app(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    sent = messages("segment_with_memory_bank", scenes, {"bank": "colours"})
    assert [name for name, _ in sent] == ["reload_dataset", "notify"]
    assert "18 detections in 6 of 6 images" in sent[-1][1]["message"]
    assert sent[-1][1]["variant"] == "success"


def test_evaluating_opens_the_panel(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.segment(scenes, "colours", points_per_side=8)
    sent = dict(messages("evaluate_predictions", scenes, {"iou": "boxes"}))
    assert sent["open_panel"]["name"] == "model_evaluation_panel_builtin"
    shown = sent["open_panel"]["state"]["state"]["view"]
    key, found = shown["key"], str(scenes._doc.evaluations[shown["key"]].id)
    assert (shown["page"], shown["id"], scenes.list_evaluations()[0]) == ("evaluation", found, key)
    assert "AP50 100.0" in sent["notify"]["message"]


def test_errors_are_messages_in_the_app_and_errors_in_the_sdk(uri: Any, scenes: Any) -> None:
    params = {**BUILD, "source": "label_tag", "tag": "gone"}
    names = [name for name, _ in messages("build_memory_bank", scenes, params)]
    assert names[-3:] == ["reload_dataset", "notify", "set_progress"]
    sent = messages("build_memory_bank", scenes, params)[-2][1]
    assert sent["variant"] == "error" and "no samples in this view" in sent["message"]
    with pytest.raises(ExecutionError, match="tag"):
        run(uri, "build_memory_bank", scenes, params)


def test_a_bank_renamed_while_the_form_was_open(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    ntt.rename_memory_bank(scenes, "colours", "renamed")
    sent = messages("segment_with_memory_bank", scenes, {"bank": "colours"})[-1][1]
    assert sent["variant"] == "error" and "Choose one of: 'renamed'" in sent["message"]


def test_unreadable_images_are_reported(uri: Any, scenes: fo.Dataset) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    Path(scenes.last().filepath).write_bytes(b"no image")
    sent = messages("segment_with_memory_bank", scenes, {"bank": "colours"})
    assert "1 failed" in sent[-2][1]["message"]
    assert sent[-1][1]["variant"] == "warning"
    assert "not an image" in sent[-1][1]["message"]


def test_what_takes_long_goes_on_in_the_background(
    uri: Any, scenes: fo.Dataset, no_store: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    monkeypatch.setattr("fiftyone_ntt.plugin.shared.background._PATIENCE", 0.05)
    looked, propose = threading.Event(), Pipeline.propose

    def held(pipeline: Pipeline, image: Any) -> Any:
        assert looked.wait(60)
        return propose(pipeline, image)

    monkeypatch.setattr(Pipeline, "propose", held)
    params = {"bank": "colours", "points_per_side": 8}
    sent = messages("segment_with_memory_bank", scenes, params)
    assert [name for name, _ in sent] == ["open_panel", "notify"]
    (begun,) = Starts(scenes).all()
    assert (begun.label, begun.problem) == ("Segment with memory bank", None)
    looked.set()
    state = until(lambda: next(iter(ntt.run_states(scenes)), None), "completed")
    assert (state.done, state.images, Starts(scenes).all()) == (6, 6, [])


def test_an_error_before_a_run_begins_is_kept_until_somebody_sees_it(
    uri: Any, scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    monkeypatch.setattr("fiftyone_ntt.plugin.shared.background._PATIENCE", 0.05)

    def broken(*args: Any, **options: Any) -> Any:
        time.sleep(0.5)
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr("fiftyone_ntt.dataset.work.model_resolution.load_models", broken)
    messages("segment_with_memory_bank", scenes, {"bank": "colours"})
    deadline = time.monotonic() + 60
    while (start := Starts(scenes).all()[0]).problem is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert start.problem == (
        "Segment with memory bank failed: the disk is on fire. The full trace is in the log of "
        "FiftyOne's server."
    )
    Starts(scenes).forget(start.key)


def until(look: Any, status: str) -> Any:
    """What is looked at, once it has a status."""
    deadline = time.monotonic() + 60
    while (found := look()) is None or found.status != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_a_field_deleted_while_a_run_is_going(
    uri: Any, scenes: fo.Dataset, no_store: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(uri, "build_memory_bank", scenes, BUILD)
    deleted, propose = threading.Event(), Pipeline.propose
    begun = threading.Event()

    def held(pipeline: Pipeline, image: Any) -> Any:
        """The run would be over before the field is deleted."""
        begun.set()
        assert deleted.wait(60)
        return propose(pipeline, image)

    def delete() -> None:
        assert begun.wait(60)
        scenes.delete_sample_field("predictions")
        deleted.set()

    monkeypatch.setattr(Pipeline, "propose", held)
    deletion = threading.Thread(target=delete)
    deletion.start()
    params = {"bank": "colours", "points_per_side": 8}
    sent = messages("segment_with_memory_bank", scenes, params)[-1][1]
    deletion.join()
    assert sent["variant"] == "error"
    assert "field 'predictions' was deleted while run" in sent["message"]
    scenes.reload()
    assert scenes.count("ground_truth.detections") == 18


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda op, ds: (
                op("sample_references")(
                    ds, "ground_truth", shots=1, min_size=1, border=0, tag="new"
                ).counts
            ),
            {"blue": 1, "green": 1, "red": 1},
        ),
        (
            lambda op, ds: op("tag_references")(ds[:1], "ground_truth"),
            {"blue": 1, "green": 1, "red": 1},
        ),
        (
            lambda op, ds: op("build_memory_bank")(ds, "ground_truth", models="demo").classes,
            ("blue", "green", "red"),
        ),
        (
            lambda op, ds: op("boxes_to_masks")(ds, "ground_truth", "m", models="demo").detections,
            18,
        ),
    ],
)
def test_calling_returns_the_real_result(uri: Any, scenes: Any, call: Any, expected: Any) -> None:
    assert call(lambda name: foo.get_operator(uri(name)), scenes) == expected


def test_calling_the_rest_of_the_loop(uri: Any, scenes: fo.Dataset) -> None:
    bank = ntt.build_memory_bank(scenes, "ground_truth", models="demo", name="colours")
    report = foo.get_operator(uri("segment_with_memory_bank"))(scenes, bank, "p")
    assert report.detections == 18
    again = foo.get_operator(uri("relabel_with_memory_bank"))(scenes, bank, "again")
    assert again.detections == 18
    results = foo.get_operator(uri("evaluate_predictions"))(scenes, "p", "ground_truth")
    assert results.mask_map is not None
    shown = foo.get_operator(uri("visualize_memory_bank"))(scenes, bank, "p")
    assert shown.runs == {"colours_references": 18, "colours_predictions": 18}
    manage = foo.get_operator(uri("manage_memory_banks"))
    assert manage(scenes, "rename", bank="colours", new_name="new") == {"name": "new"}
    assert foo.get_operator(uri("delete_run_predictions"))(scenes, report.run).deleted == 18


def test_managing_banks(
    uri: Any, scenes: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_EXPORTS", str(tmp_path))

    def act(action: str, **params: Any) -> Any:
        return run(uri, "manage_memory_banks", scenes, {"action": action, **params})

    for name in ("red", "blue"):
        ntt.build_memory_bank(scenes, "ground_truth", models="demo", name=name, classes=[name])
    act("merge", banks=["red", "blue"], new_name="both")
    act("duplicate", bank="both", new_name="copy")
    act("rename", bank="copy", new_name="twin")
    act("export", bank="twin", path="bank.safetensors")
    act("delete", bank="twin")
    act("import", path="bank.safetensors", new_name="back")
    assert {b.name: b.classes for b in ntt.list_memory_banks(scenes)} == {
        "red": {"red": 6},
        "blue": {"blue": 6},
        "both": {"red": 6, "blue": 6},
        "back": {"red": 6, "blue": 6},
    }


def test_negatives_of_every_origin_are_added_and_removed(uri: Any, scenes: fo.Dataset) -> None:
    reds = scenes.filter_labels("ground_truth", fo.ViewField("label") == "red")
    bank = ntt.build_memory_bank(reds[:2], "ground_truth", models="demo", name="reds")
    ntt.segment(scenes, bank, "predictions", points_per_side=8)
    found = scenes.values("predictions.detections.id", unwind=True)[:1]
    scenes.select_labels(ids=found, fields="predictions").tag_labels("negative", "predictions")
    # Where nothing is labelled, all that is found is wrong.
    scenes.add_sample_field("none", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)

    def act(action: str, **params: Any) -> dict[str, int]:
        given = {"bank": "reds", "action": action, "view_target": "DATASET", **params}
        run(uri, "add_negatives", scenes, given)
        return dict(Counter(ntt.load_memory_bank(scenes, "reds").negative_origins))

    mined = act("mine", label_field="none", per_class=2, points_per_side=8)
    assert mined == {"mined": 2}
    tagged = act("tagged", label_field="predictions", tag="negative")
    assert tagged == {"mined": 2, "tagged": 1}
    both = act("background", label_field="ground_truth")
    assert both == {"mined": 2, "tagged": 1, "background": 2}
    assert ntt.list_memory_banks(scenes)[0].negatives == 5
    given = {"action": "remove_negatives", "bank": "reds", "origin": "tagged"}
    result = run(uri, "manage_memory_banks", scenes, given)
    assert result == {"removed": 1}
    left = ntt.load_memory_bank(scenes, "reds").negative_origins
    assert Counter(left) == {"mined": 2, "background": 2}
    operator = foo.get_operator(uri("add_negatives"))
    changed = operator(scenes, "reds", "background", label_field="ground_truth")
    assert Counter(changed.negative_origins) == {"mined": 2, "background": 2}
    with pytest.raises(ntt.NttError, match="unknown action 'guess'"):
        operator(scenes, "reds", "guess")
