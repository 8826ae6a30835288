"""What people do to labels in the App is learned, once and rightly.

The edits are those that FiftyOne 1.22.1 leaves in the database: a class or a mask set, by list
position, and `last_modified_at` moved; a deletion that leaves nothing; a new label with an id, a
class and a box; masks drawn anew on the screen's grid, as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import fiftyone.core.utils as fou
import numpy as np
import pytest
from bson import ObjectId

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels.masks import detection_mask
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()
SIZE = (96, 128)


@pytest.fixture
def found(dataset: fo.Dataset, tmp_path: Path, store: Any) -> fo.Dataset:
    """Three images with three predictions each, which can be edited."""
    add_scenes(dataset, tmp_path, 3)
    bank = ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="colours")
    options: dict[str, Any] = {"models": MODELS, "points_per_side": 8, "progress": False}
    ntt.segment(dataset, bank, "found", store=store, **options)
    ntt.make_editable(dataset, "found", classes=["heron"])
    return dataset


def patch(dataset: fo.Dataset, change: Callable[[list[Any]], None], place: int = 0) -> None:
    """Writes a sample's labels as the App's server does: the database's documents, and the time."""
    row = dataset._sample_collection.find().sort("_id").skip(place).next()
    labels = row["found"]["detections"]
    change(labels)
    at = datetime.now(timezone.utc)
    put = {"found.detections": labels, "last_modified_at": at}
    dataset._sample_collection.update_one({"_id": row["_id"]}, {"$set": put})


def labels(dataset: fo.Dataset, place: int = 0) -> list[Any]:
    dataset.reload()
    sample = dataset[dataset.values("id")[place]]
    return list(sample.found.detections)


def documents(dataset: fo.Dataset) -> list[Any]:
    return [row["found"] for row in dataset._sample_collection.find({}, {"found": 1}).sort("_id")]


def on_screen(label: dict[str, Any], edit: Callable[[np.ndarray], None], zoom: float) -> None:
    """Draws a mask anew on a grid of `zoom` cells a pixel, and edits it there."""
    mask = fou.deserialize_numpy_array(label["mask"])
    sides = (round(mask.shape[1] * zoom), round(mask.shape[0] * zoom))
    drawn = cv2.resize(mask.astype(np.uint8) * 255, sides, interpolation=cv2.INTER_LINEAR)
    drawn = (drawn > 127).astype(np.uint8) * 255
    edit(drawn)
    label["mask"] = fou.serialize_numpy_array(drawn)


def on_first(rows: list[Any], edit: Callable[[np.ndarray], None], zoom: float) -> None:
    on_screen(rows[0], edit, zoom)


def nothing(_: np.ndarray) -> None:
    """No edit."""


def test_the_schema_is_written_and_active(found: fo.Dataset) -> None:
    assert found.active_label_schemas == ["found"]
    schema = found.label_schemas["found"]
    assert schema["classes"] == ["blue", "green", "heron", "red"]
    told = {row["name"]: row["read_only"] for row in schema["attributes"]}
    assert {"confidence", "runner_up", "margin", "predicted_label", "corrected"} <= set(told)
    assert all(told.values())
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"


def test_a_class_a_deletion_and_a_new_label(found: fo.Dataset) -> None:
    held = documents(found)
    first, second, _third = labels(found)
    box = {"_id": ObjectId(), "_cls": "Detection", "bounding_box": [0.1, 0.1, 0.2, 0.2]}
    unnamed = {**box, "_id": ObjectId()}

    def change(rows: list[Any]) -> None:
        rows[0]["label"] = "heron"
        del rows[1]
        rows.append({**box, "label": "red"})
        rows.append(unnamed)

    patch(found, change)
    edited = documents(found)
    report = ntt.learn_from_edits(found, "found", reviewer="ada")
    assert (report.relabelled, report.rejected, report.added, report.unnamed) == (1, 1, 1, 1)
    now = {label.id: label for label in labels(found)}
    heron = now[first.id]
    assert (heron.label, heron.predicted_label, heron.tags) == ("heron", first.label, ["accepted"])
    assert heron.reviewed_by == "ada"
    back = now[second.id]
    assert (back.label, back.tags) == (second.label, ["rejected"])
    np.testing.assert_array_equal(back.mask, second.mask)
    added = now[str(box["_id"])]
    assert (added.tags, added.corrected) == (["accepted"], "added")
    assert now[str(unnamed["_id"])].tags == []
    # Each is learned once; the one without a class when it gets one.
    assert str(ntt.learn_from_edits(found, "found")) == "1 without a class: left"
    patch(
        found,
        lambda rows: [row.update(label="blue") for row in rows if row["_id"] == unnamed["_id"]],
    )
    assert ntt.learn_from_edits(found, "found").added == 1
    ntt.undo(found)
    undone = ntt.undo(found)
    assert (undone.change.kind, undone.kept) == ("corrections", 0)
    now_held = documents(found)
    assert [row["_id"] for row in now_held[0]["detections"]] == [
        row["_id"] for row in edited[0]["detections"]
    ]
    assert now_held[1:] == held[1:]
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"  # they stay, undecided


def test_edits_in_a_patches_view_are_found(found: fo.Dataset) -> None:
    first = labels(found)[0]
    patches = found.to_patches("found")
    patched = patches[patches.values("id")[0]]
    assert patched.found.id == first.id
    patched.found.label = "heron"
    patched.save()
    assert str(ntt.learn_from_edits(found, "found")) == "1 given another class"
    label = labels(found)[0]
    assert (label.label, label.predicted_label) == ("heron", first.label)


ZOOMS = (3.1, 1.4, 0.7)
"""Cells of the screen a pixel, for each of the three images."""


def test_of_an_edited_mask_the_rest_stays(found: fo.Dataset) -> None:
    before = [detection_mask(labels(found, place)[0], SIZE) for place in range(3)]

    def cut(drawn: np.ndarray) -> None:
        rows, columns = drawn.shape
        drawn[: rows // 2, : columns // 2] = 0

    for place, zoom in enumerate(ZOOMS):
        patch(found, partial(on_first, edit=cut, zoom=zoom), place)
    report = ntt.learn_from_edits(found, "found")
    assert (report.redrawn, str(report)) == (3, "3 with another mask")
    for place, old in enumerate(before):
        label = labels(found, place)[0]
        assert (label.tags, label.corrected) == (["accepted"], "mask")
        new = detection_mask(label, SIZE)
        assert old is not None and new is not None
        rows, columns = np.nonzero(old)
        top, left = rows.min(), columns.min()
        middle = (rows.max() + top) // 2, (columns.max() + left) // 2
        np.testing.assert_array_equal(new[middle[0] + 4 :], old[middle[0] + 4 :])
        np.testing.assert_array_equal(new[:, middle[1] + 4 :], old[:, middle[1] + 4 :])
        assert not new[top : middle[0] - 4, left : middle[1] - 4].any()
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"


def test_a_mask_that_was_only_drawn_anew_is_as_it_was(found: fo.Dataset) -> None:
    held = documents(found)
    for place, zoom in enumerate(ZOOMS):
        patch(found, partial(on_first, edit=nothing, zoom=zoom), place)
    assert documents(found) != held
    report = ntt.learn_from_edits(found, "found")
    assert (report.restored, report.redrawn) == (3, 0)
    assert documents(found) == held
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"


def test_our_own_writes_are_no_edits(found: fo.Dataset, store: Any) -> None:
    first, second, third = labels(found)
    ntt.accept(found, "found", [first.id])
    ntt.relabel_as(found, "found", [second.id], "heron")
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"
    bank = ntt.load_memory_bank(found, "colours")
    options: dict[str, Any] = {"points_per_side": 8, "store": store, "progress": False}
    ntt.relabel(found, bank, "found", overwrite=True, mode="best", **options)
    assert third.id not in {label.id for label in labels(found)}
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"
    ntt.undo(found)
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"
    ntt.undo(found)
    assert str(ntt.learn_from_edits(found, "found")) == "no edits"


def test_edits_are_found_that_a_run_came_after(found: fo.Dataset, store: Any) -> None:
    first, second, third = labels(found)

    def change(rows: list[Any]) -> None:
        rows[0]["label"] = "heron"
        del rows[1]

    patch(found, change)
    bank = ntt.load_memory_bank(found, "colours")
    options: dict[str, Any] = {"points_per_side": 8, "store": store, "progress": False}
    ntt.relabel(found, bank, "found", overwrite=True, mode="best", **options)
    report = ntt.learn_from_edits(found, "found")
    assert (report.relabelled, report.rejected, report.added) == (1, 1, 0)
    now = {label.id: label for label in labels(found)}
    assert now[first.id].tags == ["accepted"] and now[second.id].tags == ["rejected"]
    assert third.id not in now
    # A rejected one is not written again at its place.
    ntt.relabel(found, bank, "found", overwrite=True, **options)
    again = [label for label in labels(found) if label.label == second.label]
    assert [label.id for label in again] == [second.id]


def test_errors_say_what_to_do(found: fo.Dataset) -> None:
    with pytest.raises(InputError, match=r"was not made editable.* Call `make_editable` before"):
        ntt.learn_from_edits(found, "ground_truth")
    found.add_sample_field("empty", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    with pytest.raises(InputError, match="no classes to choose from for field 'empty'"):
        ntt.make_editable(found, "empty")
    assert ntt.make_editable(found, "found") == ["blue", "green", "red"]
