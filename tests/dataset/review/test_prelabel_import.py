"""Labels out to an annotation tool, corrected there, and back: as decisions that undo can take."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from bson import ObjectId

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels.masks import detection_mask
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.formats.brush_runs import brush_runs
from tests.dataset.scenes import add_scenes

FORMATS = ("cvat", "label-studio", "labelme", "coco", "yolo", "voc")
SIZE = (96, 128)


@pytest.fixture
def found(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Three images with three predictions each, of which one has a hole and one two parts."""
    (tmp_path / "photos").mkdir()
    add_scenes(dataset, tmp_path / "photos", 3)
    for sample in dataset:
        detections = []
        for number, label in enumerate(sample.ground_truth.detections):
            mask = detection_mask(label, SIZE).copy()
            rows, columns = np.nonzero(mask)
            if number == 1:
                mask[rows[0] + 4 : rows[0] + 8, columns[0] + 4 : columns[0] + 8] = False
            if number == 2:
                mask[90:94, 100:120] = True
            detections.append(
                fo.Detection.from_mask(mask, label=label.label, confidence=0.9 - number / 10)
            )
        sample["found"] = fo.Detections(detections=detections)
        sample.save()
    return dataset


def labels(dataset: fo.Dataset) -> dict[str, Any]:
    dataset.reload()
    return {
        label.id: label
        for sample in dataset
        for label in (sample.found or fo.Detections()).detections
    }


def documents(dataset: fo.Dataset) -> list[Any]:
    return [row["found"] for row in dataset._sample_collection.find({}, {"found": 1}).sort("_id")]


def pixels(label: fo.Detection) -> np.ndarray:
    return detection_mask(label, SIZE)


@pytest.mark.parametrize("to", FORMATS)
def test_unchanged_labels_are_accepted_and_keep_every_pixel(
    found: fo.Dataset, tmp_path: Path, to: Any
) -> None:
    before, held = labels(found), documents(found)
    report = ntt.export_prelabels(found, "found", tmp_path / "out", to=to, progress=False)
    assert (report.images, report.labels) == (3, 9)
    if to == "label-studio":
        assert ntt.import_prelabels(found, "found", tmp_path / "out").waiting == 3
        assert documents(found) == held  # nobody annotated anything
        annotate(tmp_path / "out/tasks.json")
    back = ntt.import_prelabels(found, "found", tmp_path / "out", reviewer="ada")
    assert (back.images, back.accepted, back.waiting) == (3, 9, 0)
    assert str(back) == "3 images came back: 9 accepted"
    now = labels(found)
    assert list(now) == list(before)
    for key, label in now.items():
        assert (label.tags, label.reviewed_by) == (["accepted"], "ada")
        assert not label.has_field("corrected") or label.corrected is None
        np.testing.assert_array_equal(pixels(label), pixels(before[key]))
    again = ntt.import_prelabels(found, "found", tmp_path / "out")
    assert (again.same, str(again)) == (9, "3 images came back: 9 were so already")
    undone = ntt.undo(found)
    assert (undone.change.kind, undone.change.labels, undone.kept) == ("corrections", 9, 0)
    assert documents(found) == held


def annotate(file: Path, change: Callable[[list[Any]], list[Any]] = lambda rows: rows) -> None:
    """Makes annotations of Label Studio's predictions, as somebody does who submits them."""
    tasks = json.loads(file.read_text())
    for task in tasks:
        [prediction] = task["predictions"]
        task["annotations"] = [{"result": change(prediction["result"]), "was_cancelled": False}]
    file.write_text(json.dumps(tasks))


def test_a_class_a_mask_a_deletion_and_a_new_object(found: fo.Dataset, tmp_path: Path) -> None:
    held, before = documents(found), labels(found)
    ntt.export_prelabels(found, "found", tmp_path / "out", to="label-studio", progress=False)
    first, second, third = [label["_id"] for label in held[0]["detections"]]
    drawn = np.zeros(SIZE, dtype=bool)
    drawn[40:60, 50:70] = True

    def change(rows: list[Any]) -> list[Any]:
        if rows[0]["id"] != f"ntt-{first}":
            return rows
        rows[0]["value"]["brushlabels"] = ["heron"]
        rows[1]["value"]["rle"] = brush_runs(drawn)
        new = {**rows[0], "id": "made by hand"}
        new["value"] = {"format": "rle", "rle": brush_runs(~drawn), "brushlabels": ["sky"]}
        return [rows[0], rows[1], new]

    annotate(tmp_path / "out/tasks.json", change)
    report = ntt.import_prelabels(found, "found", tmp_path / "out/tasks.json")
    counts = (report.accepted, report.relabelled, report.redrawn, report.added, report.rejected)
    assert counts == (6, 1, 1, 1, 1)
    assert str(report) == (
        "3 images came back: 6 accepted, 1 given another class, 1 with another mask, 1 added, "
        "1 rejected"
    )
    now = labels(found)
    [new] = set(now) - set(before)
    heron, redrawn, gone, added = (now[str(key)] for key in (first, second, third, new))
    assert (heron.label, heron.predicted_label, heron.tags) == (
        "heron",
        before[str(first)].label,
        ["accepted"],
    )
    np.testing.assert_array_equal(pixels(redrawn), drawn)
    assert (redrawn.corrected, redrawn.tags) == ("mask", ["accepted"])
    assert redrawn.confidence == before[str(second)].confidence
    assert gone.tags == ["rejected"]
    np.testing.assert_array_equal(pixels(added), ~drawn)
    assert (added.label, added.corrected, added.tags) == ("sky", "added", ["accepted"])
    assert found.get_field("found.detections.corrected") is not None
    assert ntt.import_prelabels(found, "found", tmp_path / "out/tasks.json").same == 10
    [entry] = ntt.history(found)
    assert (entry.kind, entry.labels) == ("corrections", 10)
    # What somebody says later stays, and is counted; the rest goes back, other tags too.
    ntt.reject(found, "found", [str(first)])
    found.select_labels(ids=[str(second)]).tag_labels("mine", label_fields="found")
    ntt.undo(found)  # the decision
    ntt.accept(found, "found", [str(third)])
    ntt.undo(found)
    undone = ntt.undo(found)
    assert (undone.change.kind, undone.kept) == ("corrections", 0)
    last = labels(found)
    assert last.pop(str(second)).tags == ["mine"]
    held[0]["detections"][1]["tags"] = ["mine"]
    assert documents(found) == held


def test_what_was_decided_later_stays_when_corrections_are_undone(
    found: fo.Dataset, tmp_path: Path
) -> None:
    ntt.export_prelabels(found, "found", tmp_path / "out", to="coco", progress=False)
    ntt.import_prelabels(found, "found", tmp_path / "out")
    sample = found.first()
    sample.found.detections[0].label = "something else"
    del sample.found.detections[1]
    sample.save()
    undone = ntt.undo(found)
    assert undone.kept == 2
    first, *others = labels(found).values()
    assert (first.label, first.tags) == ("something else", ["accepted"])
    assert len(others) == 7 and not any(label.tags for label in others)


def test_a_tool_that_rewrote_the_file_without_ids(found: fo.Dataset, tmp_path: Path) -> None:
    """CVAT without declared attributes, datumaro and others: what it shows tells which it is."""
    ntt.export_prelabels(found, "found", tmp_path / "out", to="cvat", progress=False)
    text = (tmp_path / "out/annotations.xml").read_text()
    text = re.sub(r'<attribute name="(ntt_id|score)">[^<]*</attribute>', "", text)
    parts = text.split("</mask>")
    parts[0] = parts[0].replace('label="', 'label="grey ')
    (tmp_path / "saved.xml").write_text("</mask>".join(parts))
    report = ntt.import_prelabels(found, "found", tmp_path / "saved.xml", tmp_path / "out")
    assert (report.accepted, report.relabelled) == (8, 1)


def test_only_the_images_that_somebody_looked_at(found: fo.Dataset, tmp_path: Path) -> None:
    ntt.export_prelabels(found, "found", tmp_path / "out", to="labelme", progress=False)
    file = tmp_path / "out/scene0.json"
    content = json.loads(file.read_text())
    content["shapes"] = content["shapes"][:1]
    file.write_text(json.dumps(content))
    report = ntt.import_prelabels(found[:1], "found", tmp_path / "out", accept_unchanged=False)
    assert (report.images, report.accepted, report.rejected, report.others) == (1, 0, 2, 2)
    assert "2 images came back that had not gone out" in str(report)
    tags = [label.tags for label in labels(found).values()]
    assert tags == [[], ["rejected"], ["rejected"], *[[]] * 6]


def test_yolo_has_images_without_a_file_of_their_own(found: fo.Dataset, tmp_path: Path) -> None:
    ntt.export_prelabels(found, "found", tmp_path / "out", to="yolo", progress=False)
    (tmp_path / "out/labels/scene0.txt").unlink()
    (tmp_path / "out/labels/scene1.txt").write_text("")
    report = ntt.import_prelabels(found, "found", tmp_path / "out")
    assert (report.images, report.accepted, report.rejected, report.waiting) == (2, 3, 3, 1)


def test_rejected_labels_do_not_go_out_and_are_not_missing(
    found: fo.Dataset, tmp_path: Path
) -> None:
    key = next(iter(labels(found)))
    ntt.reject(found, "found", [key])
    report = ntt.export_prelabels(found, "found", tmp_path / "out", to="cvat", progress=False)
    assert report.labels == 8
    everything = ntt.export_prelabels(
        found, "found", tmp_path / "all", to="cvat", include_rejected=True, progress=False
    )
    assert everything.labels == 9
    ntt.undecide(found, "found", [key])
    assert ntt.import_prelabels(found, "found", tmp_path / "out").accepted == 8
    assert labels(found)[key].tags == []


def test_predictions_that_a_run_replaced_meanwhile(found: fo.Dataset, tmp_path: Path) -> None:
    sample = found.first()
    for number, label in enumerate(sample.found.detections):
        label["proposal"] = f"image:{number}"
    sample.save()
    ntt.export_prelabels(found, "found", tmp_path / "out", to="coco", progress=False)
    first, second, third = found.first().found.detections
    first.id, first._id = None, ObjectId()  # the same proposal, of another run
    sample = found.first()
    sample["found"] = fo.Detections(detections=[first, third])
    sample.save()
    report = ntt.import_prelabels(found, "found", tmp_path / "out")
    assert (report.accepted, report.added) == (8, 1)
    now = list(labels(found).values())
    assert [label.tags for label in now] == [["accepted"]] * 9
    [added] = [label for label in now if label.has_field("corrected") and label.corrected]
    np.testing.assert_array_equal(pixels(added), pixels(second))


def test_errors_say_what_to_do(found: fo.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ntt.export_prelabels(found, "found", out, to="coco", progress=False)
    with pytest.raises(StoreError, match="is there already, and may hold somebody's work"):
        ntt.export_prelabels(found, "found", out, to="coco")
    with pytest.raises(InputError, match="address means nothing to 'coco'"):
        ntt.export_prelabels(found, "found", tmp_path / "b", to="coco", address="https://x/")
    with pytest.raises(
        InputError, match=r"were exported of field 'found' .* not of 'ground_truth'"
    ):
        ntt.import_prelabels(found, "ground_truth", out)
    lone = tmp_path / "lone.json"
    lone.write_text((out / "instances.json").read_text())
    with pytest.raises(StoreError, match=r"prelabels.jsonl: no such file. Pass the folder that"):
        ntt.import_prelabels(found, "found", lone)
    content = json.loads(lone.read_text())
    content["annotations"][0]["segmentation"] = {"size": [96, 128], "counts": "oops"}
    lone.write_text(json.dumps(content))
    held = documents(found)
    with pytest.raises(InputError, match="segmentation cannot be read"):
        ntt.import_prelabels(found, "found", lone, out)
    assert documents(found) == held and ntt.history(found) == []
    (out / "prelabels.jsonl").write_text("{}\n")
    with pytest.raises(StoreError, match="is not as `export_prelabels` wrote it"):
        ntt.import_prelabels(found, "found", out)
    assert not [name for name in tmp_path.iterdir() if name.name.startswith(".")]
