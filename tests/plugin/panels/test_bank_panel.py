"""The Memory Bank panel without a browser: what its events send, and that drawing it is free."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
import pytest
import yaml
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt
from fiftyone_ntt.core.calibration import Judged, Setting, calibrated
from fiftyone_ntt.core.settings import MatchSettings, scoring_of
from fiftyone_ntt.plugin.parts import PANELS
from fiftyone_ntt.plugin.shared.prediction_run import settings_of_run
from fiftyone_ntt.plugin.shared.suggested_thresholds import describe_thresholds
from fiftyone_ntt.store.bank_identity import bank_hash
from tests import shapes
from tests.database import PrivateDatabase
from tests.plugin.events import data_of, event, state_of

DEFINITION = Path(__file__).resolve().parents[3] / "fiftyone.yml"


@pytest.fixture
def banks(uri: Any, scenes: fo.Dataset) -> fo.Dataset:
    for name, count in (("all", 6), ("two", 2)):
        ntt.build_memory_bank(scenes[:count], "ground_truth", models="demo", name=name)
    return scenes


def test_panels_are_listed() -> None:
    listed = yaml.safe_load(DEFINITION.read_text())["panels"]
    assert listed == [panel.NAME for panel in PANELS]


def head_of(messages: list) -> dict:
    return json.loads(data_of(messages)["contents.head"])


def page_of(messages: list) -> dict:
    return json.loads(data_of(messages)["contents.page"])


def test_opens_on_the_first_bank(uri: Any, banks: fo.Dataset) -> None:
    messages = event(uri, banks, "on_load")
    assert state_of(messages)["bank"] == "all"
    data = data_of(messages)
    assert [len(trace["ids"]) for trace in data["scatter"]] == [6, 6, 6]
    assert data["similarity"][0]["x"] == ["blue", "green", "red"]
    head, page = head_of(messages), page_of(messages)
    assert (head["references"], head["negatives"], head["change"]) == (18, 0, None)
    assert [row[:2] for row in head["classes"]] == [["blue", 6], ["green", 6], ["red", 6]]
    assert [item["label"] for item in page["items"]] == ["blue"] * 6 + ["green"] * 6 + ["red"] * 6
    files = {Path(path).name for path in banks.values("filepath")}
    assert {item["image"] for item in page["items"]} == files


def test_another_bank_is_chosen(uri: Any, banks: fo.Dataset) -> None:
    assert len(page_of(event(uri, banks, "choose", value="two"))["items"]) == 6


def drawn(uri: Any, dataset: fo.Dataset, bank: str, **choice: Any) -> dict:
    """What the panel shows once the thumbnails it asked for are made."""
    first = event(uri, dataset, "choose", value=bank, choice=choice)
    asked = dict(first)["prompt_user_for_operation"]
    assert asked["operator_uri"] == uri("make_thumbnails") and asked["skip_prompt"]
    foo.execute_operator(asked["operator_uri"], {"dataset": dataset, "params": asked["params"]})
    state = {"bank": bank}
    messages = event(uri, dataset, "on_thumbnails_made", state, original_params=asked["params"])
    assert "prompt_user_for_operation" not in dict(messages)
    return head_of(first) | page_of(messages) | {"state": state_of(first) | state_of(messages)}


def test_thumbnails_are_asked_for_once(uri: Any, banks: fo.Dataset) -> None:
    items = drawn(uri, banks, "two")["items"]
    assert len(items) == 6
    assert all(item["picture"].startswith("data:image/jpeg;base64,") for item in items)
    assert "prompt_user_for_operation" not in dict(event(uri, banks, "choose", value="two"))
    # Thumbnails that come when another bank was chosen already are not shown.
    late = event(uri, banks, "on_thumbnails_made", {"bank": "all"}, original_params={"bank": "two"})
    assert [name for name, _ in late] == ["show_panel_output"]


def test_a_lasso_selects_labels_and_shows_their_samples(uri: Any, banks: fo.Dataset) -> None:
    labels = banks.last().ground_truth.detections
    wanted = [label.id for label in labels[:2]]
    ids = [
        place
        for trace in data_of(event(uri, banks, "on_load"))["scatter"]
        for place in trace["ids"]
    ]
    assert len(ids) == 18
    points = [{"id": place} for place in ids if place.removeprefix("//") in wanted]
    state = {"bank": "all"}
    # Where references are is known of those that are drawn; the others are drawn first.
    asked = dict(event(uri, banks, "lasso", state, data=points))["prompt_user_for_operation"]
    assert sorted(asked["params"]["ids"]) == sorted(wanted)
    foo.execute_operator(asked["operator_uri"], {"dataset": banks, "params": asked["params"]})
    for messages in (
        event(uri, banks, "on_found", state, original_params=asked["params"]),
        event(uri, banks, "lasso", state, data=points),
    ):
        picked = dict(messages)["set_selected_labels"]["labels"]
        assert {row["label_id"] for row in picked} == set(wanted)
        assert {row["field"] for row in picked} == {"ground_truth"}
        assert dict(messages)["show_samples"]["samples"] == [banks.last().id]


def test_the_bank_that_is_shown_is_not_shown_again(uri: Any, banks: fo.Dataset) -> None:
    state = state_of(event(uri, banks, "on_load"))
    again = event(uri, banks, "choose", state, value="all")
    assert [name for name, _ in again] == ["show_panel_output"]


def test_a_lasso_around_nothing_does_nothing(uri: Any, banks: fo.Dataset) -> None:
    assert [name for name, _ in event(uri, banks, "lasso", data=[])] == ["show_panel_output"]


def test_only_what_is_looked_for_is_listed(uri: Any, banks: fo.Dataset) -> None:
    state = {"bank": "all"}
    found = page_of(event(uri, banks, "browse", state, choice={"search": "GREE"}))
    assert {item["label"] for item in found["items"]} == {"green"} and found["count"] == 6
    name = Path(banks.last().filepath).name
    found = page_of(event(uri, banks, "browse", state, choice={"search": name}))
    assert {item["image"] for item in found["items"]} == {name}
    mistake = ntt.load_memory_bank(banks, "all").references.ids[0]
    ntt.change_reference_class(banks, "all", [mistake], "red")
    found = page_of(event(uri, banks, "browse", state, choice={"show": "flagged"}))
    (item,) = (item for item in found["items"] if item["id"] == mistake)
    assert "looks more like blue" in item["flags"] and item["nearest"] == "blue"
    assert "24" not in [len(word) for word in " ".join([*item["flags"], item["reason"]]).split()]


def test_a_reference_is_mended_and_it_is_undone(uri: Any, banks: fo.Dataset) -> None:
    state = {"bank": "all"}
    first, second = ntt.load_memory_bank(banks, "all").references.ids[:2]
    removed = event(uri, banks, "remove", state, id=first)
    assert head_of(removed)["change"] == "1 reference removed"
    assert first not in [item["id"] for item in page_of(removed)["items"]]
    moved = event(uri, banks, "change_class", state, id=second, label="red")
    assert head_of(moved)["change"] == "1 reference moved to red"
    assert head_of(moved)["classes"][0][:2] == ["blue", 4]
    back = event(uri, banks, "undo", state)
    assert head_of(back)["change"] == "1 reference removed"
    back = event(uri, banks, "undo", state)
    assert head_of(back)["references"] == 18 and head_of(back)["change"] is None
    said = dict(event(uri, banks, "undo", state))["notify"]
    assert "nothing was changed" in said["message"]


def test_a_change_elsewhere_is_noticed(uri: Any, banks: fo.Dataset) -> None:
    panel = foo.get_operator(uri("memory_bank_panel"))

    def look(**params: Any) -> Any:
        given = {"__method__": "look", "bank": "all", **params}
        request = {"dataset_name": banks.name, "params": given}
        executor = Executor()
        found = panel.execute(ExecutionContext(request, executor))
        assert executor._requests == []  # nothing is drawn anew
        return found

    shown = head_of(event(uri, banks, "on_load"))
    assert look()["version"] == shown["version"]
    ntt.remove_references(banks, "all", ntt.load_memory_bank(banks, "all").references.ids[:1])
    assert look()["version"] != shown["version"]
    again = event(uri, banks, "refresh", {"bank": "all"}, choice={"search": "red"})
    assert head_of(again)["references"] == 17 and page_of(again)["count"] == 6

    assert look(tags=True)["tags"] is None
    banks.untag_labels("reference", "ground_truth")
    ntt.tag_references(banks[:1], "ground_truth")
    tagged = {"label_tags": "reference", "models": "demo", "name": "all", "overwrite": True}
    ntt.build_memory_bank(banks, "ground_truth", **tagged)
    assert look(tags=True)["tags"] is None
    ntt.tag_references(banks[:2], "ground_truth")
    assert look(tags=True)["tags"] == {"then": 3, "now": 6}
    asked = dict(event(uri, banks, "rebuild", {"bank": "all"}))["prompt_user_for_operation"]
    assert asked["params"] == {"name": "all", "overwrite": True}


def test_labels_that_are_gone_are_told(uri: Any, banks: fo.Dataset) -> None:
    for place in (f"//{'0' * 24}", f"{banks.first().id}/ground_truth/{'0' * 24}", "a/gone/b"):
        messages = dict(event(uri, banks, "click", id=place))
        assert "on the dataset (any more)" in messages["notify"]["message"]


def test_selecting_reads_only_the_samples_meant(
    uri: Any, banks: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("searched all samples")

    place = f"{banks.first().id}/ground_truth/{banks.first().ground_truth.detections[0].id}"
    monkeypatch.setattr(fo.Dataset, "aggregate", refuse)
    monkeypatch.setattr(fo.Dataset, "select_labels", refuse)
    assert "set_selected_labels" in dict(event(uri, banks, "click", id=place))


def test_near_duplicates_name_each_other_s_image(uri: Any, scenes: fo.Dataset) -> None:
    twin = scenes.first().copy()
    scenes.add_sample(twin)
    view = scenes.select([scenes.first().id, twin.id])
    ntt.build_memory_bank(view, "ground_truth", models="demo", name="twins")
    items = drawn(uri, scenes, "twins", show="flagged")["items"]
    assert [item["label"] for item in items] == ["blue", "green", "red"]
    name = Path(scenes.first().filepath).name
    assert all(f"almost the same as one in {name}" in item["flags"] for item in items)
    assert all(item["twin"]["picture"] and item["drop"] for item in items)


def test_negatives_are_shown_and_can_be_removed(uri: Any, banks: fo.Dataset) -> None:
    ntt.build_memory_bank(
        banks[:2], "ground_truth", negatives_field="ground_truth", models="demo", name="sharp"
    )
    data = drawn(uri, banks, "sharp", show="negatives")
    items = data["items"]
    assert [item["label"] for item in items] == ["blue", "blue", "green", "green", "red", "red"]
    assert all(item["picture"] and item["negative"] for item in items)
    assert data["negatives"] == 6
    state, choice = {"bank": "sharp"}, {"show": "negatives"}
    gone = event(uri, banks, "remove", state, id=items[0]["id"], negative=True, choice=choice)
    assert head_of(gone)["negatives"] == 5 and page_of(gone)["count"] == 5
    given = {"action": "remove_negatives", "bank": "sharp"}
    manage = foo.get_operator(uri("manage_memory_banks"))
    assert manage(banks, **given) == {"removed": 5}
    assert len(ntt.load_memory_bank(banks, "sharp").negatives) == 0


def test_mined_negatives_have_pictures_and_samples(uri: Any, banks: fo.Dataset) -> None:
    ntt.duplicate_memory_bank(banks, "all", "wrong")
    rows = ntt.load_memory_bank(banks, "all").references
    red = [name for name, row in zip(rows.ids, rows.classes, strict=True) if row == 2]
    ntt.change_reference_class(banks, "wrong", red, "blue")
    mined = ntt.mine_negatives(banks, "wrong", "ground_truth", points_per_side=8)
    assert len(mined.negatives)
    ntt.save_memory_bank(banks, mined, "mined")
    page = page_of(event(uri, banks, "choose", value="mined", choice={"show": "negatives"}))
    assert all(item["picture"] and item["sample"] in banks.values("id") for item in page["items"])


def test_many_references_have_pages(
    uri: Any, banks: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiftyone_ntt.plugin.panels.contents.PAGE", 7)
    page = page_of(event(uri, banks, "on_load"))
    assert (page["page"], page["pages"], page["count"], len(page["items"])) == (0, 3, 18, 7)
    page = page_of(event(uri, banks, "browse", {"bank": "all"}, choice={"page": 2}))
    assert [item["label"] for item in page["items"]] == ["red"] * 4
    page = page_of(event(uri, banks, "browse", {"bank": "all"}, choice={"page": 9}))
    assert page["page"] == 2


def test_a_bank_that_is_gone_is_told(uri: Any, banks: fo.Dataset) -> None:
    state = state_of(event(uri, banks, "choose", value="gone"))
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
    monkeypatch.setattr("fiftyone_ntt.dataset.work.model_resolution.load_models", refuse)
    monkeypatch.setattr(fo.Dataset, "aggregate", refuse)
    state = {"banks": ["all"], "bank": "all"}
    messages = event(uri, banks, "render", state)
    assert messages[-1][0] == "show_panel_output"


@pytest.fixture
def predicted(banks: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fo.Dataset:
    """With predictions of the bank `all`, from proposals of their own store."""
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))
    ntt.segment(banks, "all", points_per_side=8)
    return banks


def test_the_slider_counts_what_is_at_least_its_threshold(uri: Any, predicted: fo.Dataset) -> None:
    opened = state_of(event(uri, predicted, "on_load"))
    assert (opened["fields"], opened["predictions"]) == (["predictions"], "predictions")
    confidences = [[step / 20, step / 20, 0.95] for step in range(2, 8)]
    predicted.set_values("predictions.detections.confidence", confidences)
    moved = data_of(event(uri, predicted, "slide", opened, value=0.3))
    assert "**10 of 18 predictions** at 0.30 or more: " in moved["counted"]
    moved = data_of(event(uri, predicted, "slide", opened, value=0.05))
    assert "**18 of 18 predictions** at 0.05 or more: " in moved["counted"]
    assert "None is below 0.10 now" in moved["counted"]


@pytest.mark.timed
def test_the_bank_s_calibration_suggests_thresholds(uri: Any, predicted: fo.Dataset) -> None:
    before = state_of(event(uri, predicted, "on_load"))
    assert (before["threshold_start"], before["suggested"]) == (0.5, "")
    [run] = ntt.list_prediction_runs(predicted).values()
    bank, scores = ntt.load_memory_bank(predicted, "all"), np.linspace(0, 1, 100)
    labels = np.arange(100) % len(bank.classes)
    known = calibrated(
        Judged(labels, scores, scores > 0.4, np.arange(100) // 5),
        bank.classes,
        Setting(
            "labelled samples",
            "paper",
            "sam",
            bank_hash(bank),
            MatchSettings().ranking(scoring_of("paper")),
            run["proposal_settings"],
        ),
    )
    ntt.save_memory_bank(predicted, bank.with_calibration(known), overwrite=True)
    text = state_of(event(uri, predicted, "on_load"))["suggested"]
    assert text.startswith("For a precision of 0.9, by its calibration: ")
    assert all(f"{name} 0." in text for name in bank.classes)


def test_adaptive_predictions_are_relabelled_in_a_mode_that_can_be() -> None:
    """`Apply` hands this to the form."""
    run = {"mode": "adaptive", "proposal_settings": {"points_per_side": 8}, "match_settings": None}
    assert settings_of_run(run)["mode"] == "paper"
    assert settings_of_run({**run, "mode": "best"})["mode"] == "best"
    assert settings_of_run(run)["grid"] == "8"


def test_thresholds_that_no_score_reaches_are_told_apart() -> None:
    assert "fish 0.42; 1 classes never" in describe_thresholds({"fish": 0.42, "kite": 1.0})
    assert describe_thresholds({"kite": 1.0}).startswith("By its calibration, no threshold")
    many = describe_thresholds({f"class {index}": 0.5 for index in range(15)})
    assert many.endswith("and 3 more classes.")


def test_moving_the_slider_reads_the_database_once(
    uri: Any,
    predicted: fo.Dataset,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
    private_database: PrivateDatabase,
) -> None:
    state = state_of(event(uri, predicted, "on_load"))
    state |= state_of(event(uri, predicted, "slide", state, value=0.5))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("counted again")

    monkeypatch.setattr(ntt, "confidence_counts", refuse, raising=False)
    times = []
    for step in range(21):
        start = private_database.processor_seconds()
        moved = data_of(event(uri, predicted, "slide", state, value=step / 20))
        times.append(1000 * (private_database.processor_seconds() - start))
        assert f"at {step / 20:.2f} or more" in moved["counted"]
    median = sorted(times)[10]
    print(f"a move of the slider: {median:.1f} ms")
    record_property("slider event", f"{median:.1f} ms")
    assert median < 300


def test_another_view_or_field_is_counted_anew(uri: Any, predicted: fo.Dataset) -> None:
    ntt.segment(predicted[:1], "two", "few", points_per_side=8)
    state = state_of(event(uri, predicted, "on_load"))
    assert state["fields"] == ["few", "predictions"]
    messages = event(uri, predicted, "slide", state, value=0.0)
    assert "of 3 predictions" in data_of(messages)["counted"]
    state |= state_of(messages)
    messages = event(uri, predicted, "choose_predictions", state, value="predictions")
    assert "of 18 predictions" in data_of(messages)["counted"]
    state |= state_of(messages)
    view = predicted[:2]._serialize()
    messages = event(uri, predicted, "slide", state, value=0.0, view=view)
    assert "of 6 predictions" in data_of(messages)["counted"]
    state |= state_of(messages)
    other = predicted[:1].clone()
    messages = event(uri, other, "slide", state, value=0.0, view=[])
    assert "of 3 predictions" in data_of(messages)["counted"]
    state |= state_of(messages)
    other.delete()


def test_a_field_that_is_gone_is_told_while_sliding(uri: Any, predicted: fo.Dataset) -> None:
    state = state_of(event(uri, predicted, "on_load"))
    predicted.delete_sample_field("predictions")
    moved = data_of(event(uri, predicted, "slide", state, value=0.5))
    assert "there is no field 'predictions'" in moved["counted"]


def test_applying_runs_the_operator_on_the_view(uri: Any, predicted: fo.Dataset) -> None:
    state = state_of(event(uri, predicted, "on_load"))
    confidences = predicted.values("predictions.detections.confidence")
    limit = sorted(predicted.values("predictions.detections.confidence", unwind=True))[9]
    assert any(value < limit for values in confidences[:2] for value in values)
    state |= {"threshold": limit, "bank": "all"}
    view = predicted[:2]._serialize()
    prompted = dict(event(uri, predicted, "apply", state, view=view))["prompt_user_for_operation"]
    assert prompted["operator_uri"] == uri("relabel_with_memory_bank")
    assert prompted["skip_prompt"] and prompted["on_success"].endswith("on_relabelled")

    operator = foo.get_operator(prompted["operator_uri"])
    params = {**prompted["params"], "panel_id": "p"}
    request = {"dataset_name": predicted.name, "view": view, "params": params}
    list(operator.execute(ExecutionContext(request, Executor())))
    predicted.reload()
    found = predicted.values("predictions.detections.confidence")
    assert found[:2] == [[c for c in values if c >= limit] for values in confidences[:2]]
    assert found[2:] == confidences[2:]
    told = data_of(event(uri, predicted, "on_relabelled", state))
    assert f"of {sum(map(len, found))} predictions" in told["counted"]


def test_applying_keeps_how_the_predictions_were_made(uri: Any, predicted: fo.Dataset) -> None:
    options = {"mode": "best", "points_per_side": 5, "crops": 4, "one_per_object": True}
    bank = ntt.load_memory_bank(predicted, "all")
    ntt.segment(predicted, bank, "finer", **options)
    state = state_of(event(uri, predicted, "on_load")) | {"predictions": "finer", "bank": "all"}
    prompted = dict(event(uri, predicted, "apply", state))["prompt_user_for_operation"]
    asked = {name: prompted["params"][name] for name in ("mode", "grid", "one_per_object")}
    assert asked == {"mode": "best", "grid": "5+4", "one_per_object": True}
    assert not prompted["params"]["clean_masks"]


def test_predictions_of_a_bank_that_changed_are_relabelled_as_they_were_made(
    uri: Any, predicted: fo.Dataset
) -> None:
    ntt.segment(predicted, "all", "later", points_per_side=8, confidence_thresh=0.25)
    assert head_of(event(uri, predicted, "on_load"))["relabel"] is None
    state = {"bank": "all", "predictions": "later"}
    first = ntt.load_memory_bank(predicted, "all").references.ids[0]
    changed = event(uri, predicted, "remove", state, id=first)
    assert head_of(changed)["relabel"] == {"field": "later", "images": 6}
    asked = dict(event(uri, predicted, "relabel", state))["prompt_user_for_operation"]
    assert asked["skip_prompt"] and asked["params"]["confidence_thresh"] == 0.25
    assert head_of(event(uri, predicted, "undo", state))["relabel"] is None


def test_failing_to_apply_is_told_without_a_traceback(uri: Any, predicted: fo.Dataset) -> None:
    operator = foo.get_operator(uri("relabel_with_memory_bank"))
    params = {"bank": "gone", "label_field": "predictions", "panel_id": "p"}
    request = {"dataset_name": predicted.name, "params": params, "sample_selection_style": {}}
    executor = Executor()
    assert operator.execute(ExecutionContext(request, executor)) == {}
    said = [message.params for message in executor._requests]
    assert any("no memory bank 'gone'" in str(params.get("message")) for params in said)


def test_predictions_are_placed_among_the_references(uri: Any, predicted: fo.Dataset) -> None:
    state = drawn(uri, predicted, "all")["state"] | {"bank": "all", "predictions": "predictions"}
    view = predicted[:2]._serialize()
    asked = dict(event(uri, predicted, "place", state, view=view))["prompt_user_for_operation"]
    assert asked["operator_uri"] == uri("place_predictions") and asked["skip_prompt"]
    request = {"dataset": predicted, "view": predicted[:2], "params": asked["params"]}
    result = foo.execute_operator(asked["operator_uri"], request).result
    messages = event(uri, predicted, "on_points_computed", state, result=result)
    traces = data_of(messages)["scatter"]
    dots = [trace for trace in traces if trace["name"].endswith("predicted")]
    assert sum(len(trace["ids"]) for trace in dots) == 6
    assert len(traces) == 6
    assert "6 predictions of 2 images" in data_of(messages)["placed"]
    # Where a colour is, the references of that colour are.
    for trace in dots:
        name = trace["name"].removesuffix(", predicted")
        (references,) = (other for other in traces if other["name"] == name)
        assert references["marker"]["color"] == trace["marker"]["color"]
        aside = [np.mean(trace[axis]) - np.mean(references[axis]) for axis in "xy"]
        assert np.hypot(*aside) < 0.1

    messages = dict(event(uri, predicted, "lasso", data=[{"id": dots[0]["ids"][0]}]))
    (picked,) = messages["set_selected_labels"]["labels"]
    assert picked["field"] == "predictions"
    late = event(uri, predicted, "on_points_computed", state | {"bank": "two"}, result=result)
    assert [name for name, _ in late] == ["show_panel_output"]


def test_what_is_said_outlives_an_event_that_began_earlier(uri: Any, predicted: fo.Dataset) -> None:
    before = state_of(event(uri, predicted, "on_load"))
    assert before["predictions"] == "predictions"
    result = {"bank": "all", "images": 0, "left_out": {}}
    result |= {name: [] for name in ("ids", "sample_ids", "labels", "points")}
    placed = event(uri, predicted, "on_points_computed", before, result=result)
    assert "0 predictions of 0 images" in data_of(placed)["placed"]
    moved = event(uri, predicted, "slide", before | state_of(placed), value=0.3)
    assert "at 0.30 or more" in data_of(moved)["counted"]
    # The App keeps the layout that came last, of whatever state it was.
    assert moved[-1][1] == event(uri, predicted, "render", before)[-1][1]


WITHOUT_TORCH = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

import fiftyone as fo
import numpy as np
import fiftyone_ntt as ntt
from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.dataset.banks.thumbnails import Thumbnail, save_thumbnails, thumbnail_keys
from fiftyone_ntt.plugin import PLUGIN_NAME
from tests.plugin.events import data_of, event, state_of

uri = lambda name: f"{PLUGIN_NAME}/{name}"
dataset = fo.Dataset()
labels = [fo.Detection(label="a", bounding_box=[0, 0, 1, 1], confidence=c) for c in (0.2, 0.8)]
dataset.add_sample(fo.Sample("/images/1.jpg", predictions=fo.Detections(detections=labels)))
run = dataset.init_run(method="ntt_segment", field="predictions", bank="bank")
dataset.register_run("run", run)
rows = np.eye(2, 4, dtype=np.float32)
ids = tuple(label.id for label in dataset.first().predictions.detections)
counts = np.ones(2, np.int64)
references = ReferenceSet(ids, np.zeros(2, np.int64), rows, np.ones(2, np.float32), rows, counts)
nothing = np.zeros((1, 4, 4), np.float32)
statistics = PatchStatistics(nothing[:, 0], nothing[:, :3], nothing)
bank = MemoryBank(("a",), references, ReferenceSet.empty(4), statistics, encoder="e")
ntt.save_memory_bank(dataset, bank, "bank")
drawn = [Thumbnail(i, i, dataset.first().id, "predictions", b"picture") for i in ids]
save_thumbnails(dataset, thumbnail_keys(bank), drawn)

opened = event(uri, dataset, "on_load")
state = state_of(opened)
moved = event(uri, dataset, "slide", state, value=0.5)
assert "1 of 2 predictions" in data_of(moved)["counted"], moved
state |= state_of(moved)
places = data_of(opened)["scatter"][-1]["ids"]
assert "set_selected_labels" in dict(event(uri, dataset, "lasso", state, data=[{"id": places[0]}]))
for change in ({"method": "change_class", "id": ids[0], "label": "b"}, {"method": "undo"}):
    event(uri, dataset, state=state, **change)
for method in ("choose", "choose_predictions"):
    event(uri, dataset, method, state, value={"choose": "bank"}.get(method, "predictions"))
event(uri, dataset, "apply", state)
shown = event(uri, dataset, "render", state)
assert shown[-1][0] == "show_panel_output" and "problem" not in str(shown), shown
assert "torch" not in sys.modules
dataset.delete()
"""


def test_no_event_needs_torch(uri: Any, private_database: PrivateDatabase) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=DEFINITION.parent,
        env=shapes.plain_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
