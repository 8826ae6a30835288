"""Changes of labels are made only where they still fit, and nowhere else in the package."""

from __future__ import annotations

import ast
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bson import ObjectId

import fiftyone_ntt
from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.writing import (
    Held,
    Rewrite,
    read_field,
    rewrite_field,
    set_attributes,
    tag_labels,
    tagged_labels,
)

PACKAGE = Path(fiftyone_ntt.__file__).parent
WRITES_LABELS = {
    "_bulk_write",
    "bulk_write",
    "clear_sample_field",
    "delete_labels",
    "delete_many",
    "merge_samples",
    "replace_one",
    "set_field",
    "set_label_values",
    "set_values",
    "tag_labels",
    "tag_samples",
    "untag_labels",
    "untag_samples",
    "update_many",
    "update_one",
}
ELSEWHERE = {
    # Its own collections, which hold no labels.
    ("change_journal.py", "bulk_write"),
    ("change_journal.py", "delete_many"),
    ("change_journal.py", "update_one"),
    ("image_readings.py", "update_one"),
    ("known_labels.py", "bulk_write"),
    ("known_labels.py", "delete_many"),
    ("known_labels.py", "update_one"),
    ("leases.py", "update_one"),
    # The documents of datasets and runs, which hold no labels either.
    ("stored_runs.py", "update_one"),
    # Tags of samples, no labels.
    ("run_card.py", "tag_samples"),
    # These call the writer's function of the name.
    ("tagging.py", "tag_labels"),
    ("reference_sampling.py", "tag_labels"),
}


def called(path: Path) -> set[str]:
    """Names of the functions and methods that a file calls."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    attributes = {node.func.attr for node in calls if isinstance(node.func, ast.Attribute)}
    return attributes | {node.func.id for node in calls if isinstance(node.func, ast.Name)}


def test_nothing_else_writes_labels() -> None:
    found = {
        (path.name, name)
        for path in PACKAGE.rglob("*.py")
        if path.name != "writing.py"
        for name in called(path) & WRITES_LABELS
    }
    assert found == ELSEWHERE


def test_nothing_else_has_the_samples_in_its_hands() -> None:
    """Of the database's collection others only read."""
    reading = {"find", "find_one", "aggregate"}
    found = {
        (path.name, node.attr)
        for path in PACKAGE.rglob("*.py")
        if path.name != "writing.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "_sample_collection"
    }
    assert {name for _, name in found} <= reading


def box(label: str, **values: Any) -> fo.Detection:
    return fo.Detection(label=label, bounding_box=[0.1, 0.1, 0.2, 0.2], **values)


@pytest.fixture
def labelled(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    dataset.add_samples(
        [
            fo.Sample(
                filepath=str(tmp_path / f"{i}.png"),
                labels=fo.Detections(detections=[box("a"), box("b")]),
            )
            for i in range(3)
        ]
    )
    dataset.add_sample(fo.Sample(filepath=str(tmp_path / "3.png")))
    return dataset


def ids_of(dataset: fo.Dataset) -> list[ObjectId]:
    return [ObjectId(key) for key in dataset.values("id")]


def names(dataset: fo.Dataset) -> list[list[str] | None]:
    dataset.reload()
    return dataset.values("labels.detections.label")


def emptied(held: Held) -> Rewrite:
    return Rewrite({**held.value, "detections": []}, [label["_id"] for label in held.labels])


def raw(dataset: fo.Dataset, sample_id: ObjectId, update: dict, moved: bool = True) -> None:
    """A write of somebody else's."""
    if moved:
        update.setdefault("$set", {})["last_modified_at"] = datetime.now(timezone.utc)
    dataset._sample_collection.update_one({"_id": sample_id}, update)


SOMEBODY = {
    "a label added": {"$push": {"labels.detections": dict(box("mine").to_mongo())}},
    "a label removed": {"$pop": {"labels.detections": 1}},
    "a class corrected": {"$set": {"labels.detections.0.label": "corrected"}},
    "a tag": {"$push": {"labels.detections.0.tags": "accepted"}},
}


@pytest.mark.parametrize("what", SOMEBODY)
@pytest.mark.parametrize("moved", [True, False])
def test_a_change_is_decided_anew_if_somebody_wrote_meanwhile(
    labelled: fo.Dataset, what: str, moved: bool
) -> None:
    target = ids_of(labelled)[1]
    seen: list[list[str]] = []

    def decide(held: Held) -> Rewrite:
        if held.sample_id == target:
            seen.append([(label["label"], *label["tags"]) for label in held.labels])
            if len(seen) == 1:
                raw(labelled, target, {k: dict(v) for k, v in SOMEBODY[what].items()}, moved)
        return emptied(held)

    written = rewrite_field(labelled, "labels", ids_of(labelled)[:3], decide, None)

    assert sorted(written.changed) == ids_of(labelled)[:3]
    assert len(seen) == 2
    assert seen[0] != seen[1]


def test_a_sample_that_is_always_written_by_others_is_left(labelled: fo.Dataset) -> None:
    target = ids_of(labelled)[0]

    def decide(held: Held) -> Rewrite:
        raw(labelled, target, {"$push": {"labels.detections": dict(box("mine").to_mongo())}})
        return emptied(held)

    written = rewrite_field(labelled, "labels", [target], decide, None)

    assert (written.changed, written.contested) == ([], [target])
    assert names(labelled)[0] == ["a", "b", *["mine"] * 5]


def test_what_was_there_is_written_down_before_it_changes(labelled: fo.Dataset) -> None:
    change = begin_change(labelled, "labels", "deletion", run="ntt_labels_00000000")
    before = {row.sample_id: row.value for row in read_field(labelled, "labels", ids_of(labelled))}
    rewrite_field(labelled, "labels", ids_of(labelled)[:2], emptied, change)
    noted = {row["sample"]: row for row in change.entries()}
    assert {key: row["value"] for key, row in noted.items()} == {
        key: before[key] for key in ids_of(labelled)[:2]
    }
    removed = [label["_id"] for label in before[ids_of(labelled)[0]]["detections"]]
    assert noted[ids_of(labelled)[0]]["removed"] == removed


def test_what_is_written_down_is_what_the_change_was_made_from(labelled: fo.Dataset) -> None:
    """Not what was there before somebody's edit in between: undoing would take that back too."""
    edited, contested = ids_of(labelled)[:2]
    seen: list[ObjectId] = []

    def decide(held: Held) -> Rewrite:
        seen.append(held.sample_id)
        if held.sample_id == contested or seen.count(edited) == 1:
            raw(labelled, held.sample_id, {"$set": {"labels.detections.0.label": str(len(seen))}})
        return emptied(held)

    change = begin_change(labelled, "labels", "deletion", run="ntt_labels_00000000")
    written = rewrite_field(labelled, "labels", [edited, contested], decide, change)

    assert (written.changed, written.contested) == ([edited], [contested])
    [entry] = change.entries()
    assert entry["sample"] == edited
    assert [label["label"] for label in entry["value"]["detections"]] == ["1", "b"]


def test_samples_that_are_gone_and_samples_that_are_left(labelled: fo.Dataset) -> None:
    gone = ObjectId()
    written = rewrite_field(labelled, "labels", [gone, *ids_of(labelled)], lambda held: None, None)
    assert written.missing == [gone]
    assert sorted(written.left) == ids_of(labelled)


def test_every_write_moves_the_time_and_what_python_holds(labelled: fo.Dataset) -> None:
    sample = labelled.first()
    before = sample.last_modified_at
    rewrite_field(labelled, "labels", [ObjectId(sample.id)], emptied, None)
    assert sample["labels"].detections == []
    assert sample.last_modified_at > before


def test_tags_by_sample_and_label(labelled: fo.Dataset) -> None:
    """Two samples may hold labels of one id."""
    first, second, *_ = ids_of(labelled)
    shared = labelled.first()["labels"].detections[0].id
    raw(labelled, second, {"$set": {"labels.detections.0._id": ObjectId(shared)}})

    assert tag_labels(labelled, "labels", {str(first): [shared]}, "x", None) == 1
    assert tag_labels(labelled, "labels", {str(first): [shared]}, "x", None) == 0

    labelled.reload()
    assert labelled.values("labels.detections.tags")[:2] == [[["x"], []], [[], []]]
    assert labelled.values("tags") == [["x"], [], [], []]
    assert tagged_labels(labelled, "labels", "x") == {str(first): [shared]}


def test_a_tag_moves_from_some_labels_to_others(labelled: fo.Dataset) -> None:
    first, second, third, _ = labelled.values("id")
    labels = dict(zip(labelled.values("id"), labelled.values("labels.detections.id"), strict=True))
    tag_labels(labelled, "labels", {first: labels[first], second: labels[second]}, "x", None)
    tag_labels(
        labelled,
        "labels",
        {second: labels[second][:1], third: labels[third][1:]},
        "x",
        None,
        untag=tagged_labels(labelled, "labels", "x"),
    )
    labelled.reload()
    assert labelled.values("labels.detections.tags")[:3] == [[[], []], [["x"], []], [[], ["x"]]]
    assert labelled.values("tags") == [[], ["x"], ["x"], []]


def test_attributes_go_to_labels_by_id_wherever_they_lie_by_now(labelled: fo.Dataset) -> None:
    first, second, *_ = labelled.values("id")
    one, two = labelled.first()["labels"].detections
    raw(labelled, ObjectId(first), {"$pop": {"labels.detections": -1}})  # `two` is the first now
    unwritten = set_attributes(
        labelled,
        {first: {"ev_tp": 1}, second: {"ev_tp": 2}},
        {first: {"labels": {one.id: {"ev": "fp"}, two.id: {"ev": "tp"}}}},
    )
    assert unwritten == []
    rows = list(labelled._sample_collection.find({}, {"labels": 1, "ev_tp": 1}).sort("_id", 1))
    assert [row.get("ev_tp") for row in rows[:2]] == [1, 2]
    assert [label.get("ev") for label in rows[0]["labels"]["detections"]] == ["tp"]


def test_attributes_of_samples_that_are_gone_are_told(labelled: fo.Dataset) -> None:
    gone = str(ObjectId())
    assert set_attributes(labelled, {gone: {"ev_tp": 1}}, {}) == [gone]
