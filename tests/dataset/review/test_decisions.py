"""Decisions on predictions: written by id, kept by runs, left out, and taken back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bson import ObjectId

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()
OPTIONS: dict[str, Any] = {"models": MODELS, "points_per_side": 8, "progress": False}


@pytest.fixture
def found(dataset: fo.Dataset, tmp_path: Path, store: Any) -> fo.Dataset:
    """Five images with an object of each of three colours, and predictions of all."""
    add_scenes(dataset, tmp_path, 5)
    bank = ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="colours")
    ntt.segment(dataset, bank, "found", store=store, **OPTIONS)
    return dataset


def labels(dataset: fo.Dataset) -> dict[str, Any]:
    """The predictions by id, as the database has them."""
    dataset.reload()
    return {label.id: label for sample in dataset for label in sample.found.detections}


def relabelled(dataset: fo.Dataset, bank: Any, store: Any, **options: Any) -> None:
    """Another run over the predictions, from the proposals that are there."""
    given: dict[str, Any] = {"points_per_side": 8, "store": store, "progress": False, **options}
    ntt.relabel(dataset, bank, "found", overwrite=True, **given)


def documents(dataset: fo.Dataset) -> list[Any]:
    rows = dataset._sample_collection.find({}, {"found": 1}).sort("_id")
    return [row["found"] for row in rows]


def test_what_decisions_leave_on_a_prediction(found: fo.Dataset) -> None:
    first, second, third, *_ = labels(found)
    before = documents(found)
    report = ntt.accept(found, "found", [first], reviewer="ada")
    assert (report.decided, str(report)) == (1, "1 accepted")
    assert str(ntt.reject(found, "found", [second])) == "1 rejected"
    old = labels(found)[third].label
    assert str(ntt.relabel_as(found, "found", [third], "heron")) == "1 given the class 'heron'"
    now = labels(found)
    assert [now[key].tags for key in (first, second, third)] == [
        ["accepted"],
        ["rejected"],
        ["accepted"],
    ]
    assert now[first].reviewed_by == "ada" and not now[second].has_field("reviewed_by")
    assert now[first].decided_at is not None
    assert (now[third].label, now[third].predicted_label) == ("heron", old)
    assert found.count_label_tags("found") == {"accepted": 2, "rejected": 1}
    assert set(now) == set(labels(found)) and len(now) > 3
    # Once more says nothing new; another verdict takes the place.
    assert str(ntt.accept(found, "found", [first])) == "0 accepted, 1 were so already"
    assert str(ntt.reject(found, "found", [third])) == "1 rejected"
    assert labels(found)[third].tags == ["rejected"]
    assert ntt.undecide(found, "found", [first, second, third]).decided == 3
    again = labels(found)
    assert again[third].label == old and not again[third].has_field("predicted_label")
    assert documents(found) == before


def test_a_round_is_undone_and_what_came_before_stays(found: fo.Dataset) -> None:
    first, second, third, *_ = labels(found)
    ntt.accept(found, "found", [first])
    ntt.tag_references(found, "found", label_ids=[second], tag="good")  # begins another round
    ntt.reject(found, "found", [first])
    ntt.relabel_as(found, "found", [third], "heron")
    ntt.accept(found, "found", [third])
    entry = ntt.history(found, "found")[0]
    assert (entry.kind, entry.labels) == ("decisions", 2)
    found.select_labels(ids=[third]).tag_labels("mine", label_fields="found")
    report = ntt.undo(found, "found")
    assert (report.change.kind, report.kept) == ("decisions", 0)
    now = labels(found)
    assert now[first].tags == ["accepted"]
    assert (now[third].label != "heron", now[third].tags) == (True, ["mine"])
    assert ntt.undo(found, "found").change.tag == "good"
    assert ntt.undo(found, "found").change.kind == "decisions"
    assert labels(found)[first].tags == [] and not labels(found)[first].has_field("decided_at")


def test_what_was_decided_later_by_another_stays(found: fo.Dataset) -> None:
    first, second, *_ = labels(found)
    ntt.accept(found, "found", [first, second])
    sample = next(s for s in found if first in [label.id for label in s.found.detections])
    label = next(label for label in sample.found.detections if label.id == first)
    label.tags = ["rejected"]
    sample.save()
    assert ntt.undo(found, "found").kept == 1
    now = labels(found)
    assert (now[first].tags, now[second].tags) == (["rejected"], [])


def test_runs_keep_what_was_decided(found: fo.Dataset, store: Any) -> None:
    before = labels(found)
    blue = [key for key, label in before.items() if label.label == "blue"]
    red = [key for key, label in before.items() if label.label == "red"]
    ntt.accept(found, "found", blue)
    ntt.reject(found, "found", red)
    other = ntt.build_memory_bank(
        found[:2], "ground_truth", models=MODELS, classes=["blue", "red"], name="two"
    )
    relabelled(found, other, store)
    now = labels(found)
    assert set(blue) <= set(now) and set(red) <= set(now)
    # Rejected predictions do not come back, and nothing else is called red at their places.
    fresh = [label for key, label in now.items() if key not in before]
    assert [label for label in fresh if label.label == "red"] == []


def test_a_rejected_class_leaves_the_place_to_others(found: fo.Dataset, store: Any) -> None:
    before = labels(found)
    keys = [key for key, label in before.items() if label.label == "red"]
    ntt.relabel_as(found, "found", keys, "blue")
    ntt.reject(found, "found", keys)  # "blue" there is wrong
    bank = ntt.load_memory_bank(found, "colours")
    relabelled(found, bank, store, mode="best")
    fresh = [label for key, label in labels(found).items() if key not in before]
    assert sum(label.label == "red" for label in fresh) == len(keys)


def test_rejected_predictions_are_left_out(found: fo.Dataset, tmp_path: Path) -> None:
    red = [key for key, label in labels(found).items() if label.label == "red"]
    total = len(labels(found))
    ntt.reject(found, "found", red)
    assert "red" not in ntt.confidence_counts(found, "found")
    assert ntt.export_coco(found, "found", tmp_path / "a.json", results=True).annotations == (
        total - len(red)
    )
    everything = ntt.export_coco(
        found, "found", tmp_path / "b.json", results=True, include_rejected=True
    )
    assert everything.annotations == total
    options: dict[str, Any] = {"iou": "masks", "workers": 1, "progress": False}
    without = ntt.evaluate(found, "found", "ground_truth", **options)
    whole = ntt.evaluate(found, "found", "ground_truth", include_rejected=True, **options)
    assert without.masks.mAP() < whole.masks.mAP()
    bank = ntt.build_memory_bank(found, "found", models=MODELS)
    assert "red" not in bank.classes
    asked = ntt.build_memory_bank(found, "found", models=MODELS, label_ids=red)
    assert asked.classes == ("red",)


def test_a_decision_follows_a_prediction_that_a_run_replaced(found: fo.Dataset, store: Any) -> None:
    """The reviewer's window shows ids of before; the same proposal of the same class is meant."""
    before = labels(found)
    bank = ntt.load_memory_bank(found, "colours")
    relabelled(found, bank, store, confidence_thresh=0.01)
    assert not set(before) & set(labels(found))
    first = next(iter(before))
    report = ntt.accept(found, "found", [first])
    assert (report.decided, report.followed, report.changed) == (1, 1, ())
    [label] = [label for label in labels(found).values() if label.tags]
    assert (label.proposal, label.label) == (before[first].proposal, before[first].label)
    # Of another class by now: said, and nothing is written.
    two = ntt.build_memory_bank(found[:2], "ground_truth", models=MODELS, classes=["green"])
    relabelled(found, two, store)
    red = next(key for key, label in before.items() if label.label == "red" and key != first)
    report = ntt.accept(found, "found", [red])
    assert (report.decided, report.changed, report.gone) == (0, (red,), ())
    assert "1 changed meanwhile: look at them again" in str(report)
    unknown = str(ObjectId())
    assert ntt.accept(found, "found", [unknown]).gone == (unknown,)


def test_two_reviewers_and_others_who_move_labels(found: fo.Dataset) -> None:
    """Decisions are by id: whatever others put before a label or take away meanwhile."""
    ids = list(labels(found))
    mine, theirs = ids[::2], ids[1::2]
    stop = threading.Event()

    def shuffle() -> None:
        while not stop.is_set():
            for row in found._sample_collection.find({}, {"found.detections": 1}):
                turned = row["found"]["detections"][::-1]
                found._sample_collection.update_one(
                    {"_id": row["_id"], "found.detections": row["found"]["detections"]},
                    {"$set": {"found.detections": turned}},
                )

    others = threading.Thread(target=shuffle)
    other = threading.Thread(
        target=lambda: [ntt.reject(found, "found", [key], reviewer="bob") for key in theirs]
    )
    others.start()
    other.start()
    for key in mine:
        assert ntt.accept(found, "found", [key], reviewer="ada").decided == 1
    other.join()
    stop.set()
    others.join()
    now = labels(found)
    assert {key for key, label in now.items() if label.tags == ["accepted"]} == set(mine)
    assert {key for key, label in now.items() if label.tags == ["rejected"]} == set(theirs)
    assert {now[key].reviewed_by for key in mine} == {"ada"}
    assert ntt.undo(found, "found").kept == 0
    assert not any(label.tags for label in labels(found).values())


def test_refusals(found: fo.Dataset) -> None:
    [first, *_] = labels(found)
    with pytest.raises(InputError, match="'12' is no id of a label"):
        ntt.accept(found, "found", ["12"])
    with pytest.raises(InputError, match="label is ''"):
        ntt.relabel_as(found, "found", [first], "")
    with pytest.raises(InputError, match="no field 'other'"):
        ntt.accept(found, "other", [first])
    assert [entry.kind for entry in ntt.history(found, "found")] == ["run"]
