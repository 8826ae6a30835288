"""What the Review panel answers its script, without an App."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext, Executor
from PIL import Image
from pymongo.errors import ConnectionFailure

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels import review_answers

FIELD, BANK = "predictions", "colours"


@pytest.fixture
def found(scenes: fo.Dataset) -> fo.Dataset:
    """The scenes with predictions of a bank."""
    ntt.build_memory_bank(
        scenes, "ground_truth", label_tags="reference", models="demo", name=BANK, progress=False
    )
    ntt.segment(scenes, BANK, FIELD, points_per_side=8, progress=False)
    return scenes


@pytest.fixture
def ask(uri: Any, found: fo.Dataset) -> Any:
    """A question of the script to its answer; nothing may be drawn for it."""

    def asked(method: str, **params: Any) -> Any:
        panel = foo.get_operator(uri("review_panel"))
        executor = Executor()
        request = {"dataset_name": found.name, "params": {"__method__": method, **params}}
        answer = panel.execute(ExecutionContext(request, executor))
        assert executor._requests == []
        return answer

    return asked


def names(answer: dict[str, Any]) -> list[str]:
    return [f"{item['label_id']}@{item['sample_id']}" for item in answer["items"]]


def decision(key: str, verdict: str, wanted: list[str], **more: Any) -> dict[str, Any]:
    return {"key": key, "field": FIELD, "verdict": verdict, "names": wanted, **more}


def tags(dataset: fo.Dataset) -> dict[str, int]:
    dataset.reload()
    counts: dict[str, int] = dataset.count_label_tags(FIELD)
    return counts


def test_the_queue_and_what_is_known_of_it(ask: Any, found: fo.Dataset) -> None:
    queue = ask("queue", field=None, order="doubt", classes=None, limit=3)
    count = found.count(f"{FIELD}.detections")
    assert (queue["fields"], queue["field"], queue["bank"]) == ([FIELD], FIELD, BANK)
    assert (len(queue["items"]), queue["left"], queue["decided"]) == (3, count, 0)
    counts = found.count_values(f"{FIELD}.detections.label")
    assert counts[queue["classes"][0]] == max(counts.values())
    ask("decide", decisions=[decision("k", "reject", names(queue)[:1])])
    of = queue["items"][0]["label"]
    rest = ask("queue", field=FIELD, order="class", classes=[of])
    assert (rest["left"], rest["decided"]) == (counts[of] - 1, 1)
    assert {item["label"] for item in rest["items"]} == {of}


def test_without_predictions_there_is_nothing_to_ask(ask: Any, found: fo.Dataset) -> None:
    ntt.delete_run_predictions(found, ntt.run_states(found)[0].run)
    found.delete_sample_field(FIELD)
    assert ask("queue") == {"fields": []}


def test_pictures_of_predictions_and_references(ask: Any, found: fo.Dataset) -> None:
    queue = ask("queue")
    [name, *_] = names(queue)
    crop = ask("crops", field=FIELD, names=[name, "0" * 24])
    assert list(crop) == [name]
    assert all(0 <= value <= 1 for o in crop[name]["outlines"] for xy in o for value in xy)
    picture = Image.open(BytesIO(base64.b64decode(crop[name]["picture"].partition(",")[2])))
    assert picture.format == "JPEG" and max(picture.size) <= 400
    nearest = queue["items"][0]["nearest_reference"]
    drawn = ask("references", bank=BANK, names=[nearest, "gone"])
    assert list(drawn) == [nearest] and drawn[nearest]["picture"].startswith("data:image/jpeg")
    ntt.make_thumbnails(found, BANK)
    review_answers._pictures.clear()
    assert ask("references", bank=BANK, names=[nearest, "0" * 24]) == drawn


def test_decisions_are_written_once_and_in_order(ask: Any, found: fo.Dataset) -> None:
    first, second, *_ = names(ask("queue"))
    made = [
        decision("1", "accept", [first, second]),
        decision("2", "undecide", [first]),
        decision("3", "relabel", [first], label="heron"),
    ]
    reports = ask("decide", decisions=made)["reports"]
    assert [reports[key]["decided"] for key in "123"] == [2, 1, 1]
    assert tags(found) == {"accepted": 2}
    ntt.undecide(found, FIELD, [second])
    assert ask("decide", decisions=made)["reports"] == reports  # sent again, done before
    assert tags(found) == {"accepted": 1}
    assert found.count_values(f"{FIELD}.detections.label")["heron"] == 1


def test_one_that_cannot_be_written_stops_no_other(ask: Any, found: fo.Dataset) -> None:
    [name, *_] = names(ask("queue"))
    made = [
        decision("4", "relabel", [name], label=""),
        decision("5", "accept", ["0" * 24, name]),
    ]
    reports = ask("decide", decisions=made)["reports"]
    assert "the name of a class" in reports["4"]["error"]
    assert (reports["5"]["decided"], reports["5"]["gone"]) == (1, ["0" * 24])


def test_what_the_database_did_not_take_is_to_be_sent_again(
    ask: Any, found: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    [name, *_] = names(ask("queue"))

    def gone(*_: Any, **__: Any) -> Any:
        raise ConnectionFailure("no answer")

    with monkeypatch.context() as patched:
        patched.setattr("fiftyone_ntt.dataset.review.decisions.begin_change", gone)
        answer = ask("decide", decisions=[decision("6", "accept", [name])])
        assert "does not answer" in answer["error"]
    ask("decide", decisions=[decision("6", "accept", [name])])
    assert tags(found) == {"accepted": 1}


@pytest.mark.parametrize("lesson", ["reference", "negative"])
def test_a_prediction_becomes_a_reference_or_a_negative(
    ask: Any, found: fo.Dataset, lesson: str
) -> None:
    def counts() -> tuple[int, int]:
        bank = ntt.load_memory_bank(found, BANK)
        return len(bank.references), len(bank.negatives)

    references, negatives = counts()
    [name, *_] = names(ask("queue"))
    params = {"field": FIELD, "name": name, "bank": BANK}
    assert ask("teach", lesson=lesson, **params) == {"bank": BANK}
    more = (1, 0) if lesson == "reference" else (0, 1)
    assert counts() == (references + more[0], negatives + more[1])
    ask("teach", lesson=f"no {lesson}", **params)
    assert counts() == (references, negatives)
    assert tags(found) == {}


def test_the_panel_is_the_script_s(uri: Any, dataset: fo.Dataset) -> None:
    panel = foo.get_operator(uri("review_panel"))
    ctx = ExecutionContext({"dataset_name": dataset.name, "params": {"panel_id": "p"}}, Executor())
    shown = panel.render(ctx).to_json()["type"]["properties"]["review"]["view"]
    assert (shown["component"], shown["operator"]) == ("NttReview", uri("review_panel"))
    assert review_answers.ANSWERS.keys() == {"queue", "crops", "references", "decide", "teach"}
