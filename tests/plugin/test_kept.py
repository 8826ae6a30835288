"""What a person made stays, whatever operator writes, and each says how much of it stayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.parts import OPERATORS
from tests.plugin.events import event
from tests.plugin.forms import open_form, problems

FIELD = "predictions"
REPLACING = {"bank": "two", "existing": "overwrite"}
WRITERS: dict[str, dict[str, Any]] = {
    "segment_with_memory_bank": {**REPLACING, "points_per_side": 8},
    "relabel_with_memory_bank": REPLACING,
    "boxes_to_masks": {
        "box_field": "ground_truth",
        "mask_field": FIELD,
        "models": "demo",
        "overwrite": True,
    },
    "delete_run_predictions": {},
    "undo_last_change": {"label_field": FIELD},
    "tag_references": {"label_field": FIELD, "tag": "accepted"},
    "sample_references": {
        "label_field": FIELD,
        "tag": "accepted",
        "shots": 9,
        "min_size": 1,
        "border": 0,
        "overwrite": True,
    },
}
"""Operators that change labels, and answers by which they change the predictions."""
OTHERS = {
    "build_memory_bank",
    "add_to_memory_bank",  # tags labels, as tag_references does
    "add_negatives",
    "calibrate_memory_bank",
    "decide_on_predictions",  # says what a person says
    "teach_memory_bank",
    "export_prelabels",
    "import_prelabels",  # says what a person says
    "import_labels",  # refuses fields that hold labels of these images
    "evaluate_predictions",  # adds attributes under a key that means nothing else
    "visualize_memory_bank",
    "manage_memory_banks",
    "make_thumbnails",
    "draw_reference",
    "continue_run",  # makes one of the calls above again, as it was made
    "measure_shots",
    "place_predictions",
    "try_memory_bank",  # writes nothing
    "open_memory_bank_panel",
}


@pytest.fixture
def reviewed(
    uri: Any, scenes: fo.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> fo.Dataset:
    """Segmented; then a person tags one prediction, corrects another and draws a third."""
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path / "proposals"))
    for name, classes in (("colours", None), ("two", ["red", "blue"])):
        ntt.build_memory_bank(scenes[:2], "ground_truth", models="demo", name=name, classes=classes)
    ntt.segment(scenes, "colours", points_per_side=8)
    sample = scenes.first()
    labels = sample[FIELD].detections
    labels[0].tags.append("accepted")
    labels[1].label = "corrected"
    labels.append(fo.Detection(label="drawn", bounding_box=[0.9, 0.9, 0.05, 0.05]))
    sample.save()
    scenes.info["persons"] = [labels[0].id, labels[1].id, labels[-1].id]
    scenes.save()
    return scenes


def persons(dataset: fo.Dataset) -> list[dict[str, Any]]:
    """The person's labels as the database has them: tagged, corrected, drawn."""
    row = dataset._sample_collection.find_one({"_id": dataset.first()._id})
    labels = {str(label["_id"]): label for label in row[FIELD]["detections"]}
    return [labels[key] for key in dataset.info["persons"] if key in labels]


def outcome(name: str, dataset: fo.Dataset, params: dict[str, Any], **request: Any) -> Any:
    operator = next(operator for operator in OPERATORS if name == operator.NAME)()
    given = {"dataset_name": dataset.name, "params": params, **request}
    found = operator.run(ExecutionContext(given, Executor()), lambda done, total: None)
    dataset.reload()
    return found


def test_every_operator_either_writes_labels_or_does_not() -> None:
    assert sorted([*WRITERS, *OTHERS]) == sorted(operator.NAME for operator in OPERATORS)


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_person_made_stays_and_is_counted(reviewed: fo.Dataset, name: str) -> None:
    before, params = persons(reviewed), dict(WRITERS[name])
    if name == "delete_run_predictions":
        (params["run"],) = ntt.list_prediction_runs(reviewed)

    done = outcome(name, reviewed, params, selected=[reviewed.first().id])

    after = persons(reviewed)
    if "tag" in params:  # which all of them get
        assert all(label["tags"] == ["accepted"] for label in after)
        after, before = ([{**label, "tags": []} for label in found] for found in (after, before))
    assert after == before
    kept = done.result["kept"]
    if name == "delete_run_predictions":  # of a run's: what was drawn is none of its business
        assert kept == {"tagged": 1, "edited": 1} and "2 of yours kept" in done.message
    elif isinstance(kept, dict):
        assert kept == {"by hand": 1, "tagged": 1, "edited": 1}
        assert "3 of yours kept" in done.message
    elif name == "undo_last_change":
        assert kept == 3 and "3 later changes of yours kept" in done.message
    else:
        assert kept == 1 and "1 of them had the tag before" in done.message


def test_runs_say_what_gave_way(reviewed: fo.Dataset) -> None:
    done = outcome("relabel_with_memory_bank", reviewed, REPLACING)
    assert done.result["replaced"] == 16
    assert "16 replaced, 3 of yours kept (1 by hand, 1 edited, 1 tagged)" in done.message
    assert done.result["covered"] > 0
    assert f"{done.result['covered']} not written beside those" in done.message
    assert (done.result["unknown"], done.result["reverted"]) == (0, 0)


@pytest.mark.parametrize(
    "name", ["segment_with_memory_bank", "relabel_with_memory_bank", "boxes_to_masks"]
)
def test_reviewed_predictions_go_if_the_form_says_so(reviewed: fo.Dataset, name: str) -> None:
    drawn = persons(reviewed)[2]
    params = {**WRITERS[name], "replace_reviewed": True}

    done = outcome(name, reviewed, params)

    assert persons(reviewed) == [drawn]
    assert done.result["kept"] == {"by hand": 1} and done.result["replaced"] == 18


def test_reviewed_predictions_are_deleted_if_the_form_says_so(reviewed: fo.Dataset) -> None:
    drawn = persons(reviewed)[2]
    (key,) = ntt.list_prediction_runs(reviewed)
    params = {"run": key, "replace_reviewed": True}
    done = outcome("delete_run_predictions", reviewed, params)
    assert persons(reviewed) == [drawn]
    assert done.result == {"deleted": 18, "kept": {}, "unknown": 0}


@pytest.mark.parametrize(
    ("name", "params", "others"),
    [
        ("segment_with_memory_bank", {"existing": "overwrite"}, {"existing": "new"}),
        ("relabel_with_memory_bank", {"existing": "overwrite"}, {"existing": "new"}),
        ("boxes_to_masks", {"mask_field": FIELD, "overwrite": True}, {"mask_field": FIELD}),
    ],
)
def test_the_form_asks_where_predictions_are_replaced(
    reviewed: fo.Dataset, name: str, params: dict[str, Any], others: dict[str, Any]
) -> None:
    asked = open_form(name, reviewed, params)["replace_reviewed"]
    assert asked.view.label == "Also replace predictions that somebody tagged or edited"
    assert asked.default is False
    assert "replace_reviewed" not in open_form(name, reviewed, others)


def test_an_answer_to_a_question_that_is_gone_does_not_count(reviewed: fo.Dataset) -> None:
    before = reviewed.values(f"{FIELD}.detections.id")
    params = {"bank": "two", "replace_reviewed": True}
    with pytest.raises(ntt.NttError, match="overwrite=True"):
        outcome("relabel_with_memory_bank", reviewed, params)
    assert reviewed.values(f"{FIELD}.detections.id") == before


def test_relabelling_into_hand_drawn_labels(reviewed: fo.Dataset) -> None:
    before = list(reviewed._sample_collection.find({}, {"ground_truth": 1}).sort("_id", 1))
    params = {"bank": "two", "label_field": "ground_truth"}
    with pytest.raises(ntt.NttError, match="6 of these 6 samples already holds"):
        outcome("relabel_with_memory_bank", reviewed, params)
    done = outcome("relabel_with_memory_bank", reviewed, {**params, "existing": "overwrite"})
    assert done.result["kept"] == {"by hand": 18} and "18 of yours kept" in done.message
    after = reviewed._sample_collection.find({}, {"ground_truth": 1}).sort("_id", 1)
    for old, new in zip(before, after, strict=True):
        labels = new["ground_truth"]["detections"]
        assert [label for label in labels if "run" not in label] == (
            old["ground_truth"]["detections"]
        )


def test_applying_in_the_panel_keeps_what_is_reviewed(uri: Any, reviewed: fo.Dataset) -> None:
    before = persons(reviewed)
    state = {"bank": "two", "predictions": FIELD, "threshold": 0.25}
    sent = event(uri, reviewed, "apply", state)
    (asked,) = [params for name, params in sent if name == "prompt_user_for_operation"]
    assert asked["operator_uri"] == uri("relabel_with_memory_bank")

    done = outcome("relabel_with_memory_bank", reviewed, asked["params"])

    assert persons(reviewed) == before
    assert "3 of yours kept" in done.message


def undo_note(dataset: fo.Dataset, **params: Any) -> str:
    view = open_form("undo_last_change", dataset, params)["change"].view
    return f"{view.label}. {view.description}"


def test_the_form_names_the_change_that_is_taken_back(reviewed: fo.Dataset) -> None:
    ntt.tag_references(reviewed[:2], "ground_truth", tag="good")
    newest, run = ntt.history(reviewed)
    assert undo_note(reviewed) == (
        f"Takes back in field 'ground_truth': tagging 'good', {newest.at:%Y-%m-%d %H:%M} UTC, "
        "6 labels in 2 samples. Nobody changed these labels since."
    )
    assert undo_note(reviewed, label_field=FIELD) == (
        f"Takes back in field 'predictions': run {run.run}, {run.at:%Y-%m-%d %H:%M} UTC, "
        "18 labels in 6 samples. 3 later changes of yours stay."
    )
    assert problems(open_form("undo_last_change", reviewed, {"label_field": "gone"}))


def test_of_a_large_change_the_form_does_not_count(
    reviewed: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiftyone_ntt.plugin.operators.undo_change._COUNTED_BYTES", 1)
    assert undo_note(reviewed, label_field=FIELD).endswith("What you changed since stays.")


def test_undoing_the_last_change_of_any_field(reviewed: fo.Dataset) -> None:
    before = reviewed.count_label_tags("ground_truth")
    ntt.tag_references(reviewed, "ground_truth", tag="good")
    done = outcome("undo_last_change", reviewed, {})
    assert reviewed.count_label_tags("ground_truth") == before
    assert (done.result["field"], done.result["kind"], done.result["kept"]) == (
        "ground_truth",
        "tagging",
        0,
    )
    assert [change.field for change in ntt.history(reviewed)] == [FIELD]


def test_calling_the_operator_undoes(uri: Any, reviewed: fo.Dataset) -> None:
    operator = foo.get_operator(uri("undo_last_change"))
    assert operator(reviewed, dry_run=True).kept == 3
    assert operator(reviewed).kept == 3
    assert ntt.history(reviewed) == []
