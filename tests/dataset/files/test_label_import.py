"""Labels of any format in a dataset, as `import_coco` has it: attributes, scores and splits too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.coco.findings import RecordError
from fiftyone_ntt.dataset.files import content_import
from fiftyone_ntt.dataset.files.import_target import ImportTarget
from fiftyone_ntt.dataset.labels.masks import detection_crop
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats import image_labels
from tests.formats.scenes import CLASSES, make_scenes
from tests.formats.test_labelme import shape, write
from tests.formats.test_labelme import write_scenes as write_labelme
from tests.formats.test_yolo import write as write_yolo
from tests.formats.test_yolo import write_scenes as write_yolo_scenes


@pytest.fixture
def name() -> Iterator[str]:
    before = set(fo.list_datasets())
    yield f"test-{uuid4().hex}"
    for made in set(fo.list_datasets()) - before:
        fo.delete_dataset(made)


def test_scenes_become_a_dataset_and_are_taken_back(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several parts, with pixels, classes and attributes."""
    monkeypatch.setattr(image_labels, "PART_SIZE", 4)
    scenes = make_scenes(10)
    write_labelme(tmp_path, scenes)
    report = ntt.import_labels(tmp_path, name, progress=False)
    total = sum(len(scene.objects) for scene in scenes)
    assert (report.images, report.annotations, report.format) == (10, total, "labelme")
    assert str(report).startswith("read as labelme: scene 000.json lists shapes")
    dataset = report.dataset
    assert dataset.classes["ground_truth"] == sorted(set(CLASSES) & set(_labels(scenes)))
    assert dataset.get_field("ground_truth.detections.track").__class__ is fo.IntField
    assert dataset.get_field("ground_truth.detections.occluded").__class__ is fo.BooleanField
    for scene, sample in zip(scenes, dataset.sort_by("filepath"), strict=True):
        assert (sample.metadata.height, sample.metadata.width) == scene.size
        found = sample.ground_truth.detections
        assert len(found) == len(scene.objects)
        for label, true in zip(found, scene.objects, strict=True):
            crop, (top, left) = detection_crop(label, scene.size)
            mask = np.zeros(scene.size, dtype=bool)
            mask[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
            np.testing.assert_array_equal(mask, true.mask)
            assert label.track == true.attributes["track"]
    assert dataset.get_field("coco_id") is None  # the files have no ids
    ntt.undo(dataset)
    assert dataset.get_field("ground_truth") is None and "ground_truth" not in dataset.classes


def _labels(scenes: Any) -> list[str]:
    return [item.label for scene in scenes for item in scene.objects]


def test_a_new_dataset_has_the_name_of_what_is_read(tmp_path: Path, name: str) -> None:
    """A free one; splits of YOLO are tags of the samples."""
    folder = tmp_path / name
    write_yolo_scenes(folder, make_scenes(4))
    first = ntt.import_labels(folder, progress=False)
    second = ntt.import_labels(folder, progress=False)
    assert [first.dataset.name, second.dataset.name] == [name, f"{name}-2"]
    assert first.dataset.persistent
    assert first.dataset.count_sample_tags() == {"train": 2, "val": 2}
    assert first.dataset.classes["ground_truth"] == list(CLASSES)
    with pytest.raises(InputError, match="there already is a dataset"):
        ntt.import_labels(folder, name)


def test_a_taken_name_is_said_before_the_labels_are_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, [shape("boat", [[2, 2], [8, 2], [8, 8]])])
    ntt.import_labels(path, name, progress=False)
    write(tmp_path, [shape("boat", [["two", "three"]])])
    with pytest.raises(InputError, match="there already is a dataset"):
        ntt.import_labels(path, name, progress=False)
    with pytest.raises(InputError, match="points"):
        ntt.import_labels(path, f"{name}-other", progress=False)


def test_a_second_field_of_the_same_images(tmp_path: Path, name: str) -> None:
    """Ids that the reader counted never clash with those of another file."""
    path = write(tmp_path, [shape("boat", [[2, 2], [8, 2], [8, 8]], score=0.25)])
    dataset = ntt.import_labels(path, name, progress=False).dataset
    dataset.first().set_field("coco_id", 77)
    report = ntt.import_labels(path, dataset, field="second", progress=False)
    assert (len(dataset), report.annotations) == (1, 1)
    assert dataset.values("second.detections.confidence") == [[0.25]]
    ntt.export_coco(dataset, "second", tmp_path / "out.json", progress=False)
    with pytest.raises(InputError, match="already holds labels"):
        ntt.import_labels(path, dataset, field="second", progress=False)


def test_attributes_get_names_and_types_that_fields_can_have(tmp_path: Path, name: str) -> None:
    corners = [[2, 2], [8, 2], [8, 8]]
    shapes = [
        shape("boat", corners, attributes={"id": "a", "is wet": True, "size": 3, "mixed": 1}),
        shape("boat", corners, attributes={"run": "b", "size": 2.5, "mixed": "x", "many": [1, 2]}),
        shape("boat", corners, attributes={"1st": 2**70, "is_wet": False, "$x.y": 1}),
    ]
    report = ntt.import_labels(write(tmp_path, shapes), name, progress=False)
    one, two, three = report.dataset.first().ground_truth.detections
    assert (one["id_"], one["is_wet"], one["size"], one["mixed"]) == ("a", True, 3.0, "1")
    assert (two["run_"], two["size"], two["mixed"], two["many"]) == ("b", 2.5, "x", "[1, 2]")
    assert three["attribute_1st"] == str(2**70)
    assert (three["is_wet_2"], three["x_y"]) == (False, 1)
    assert [one.id, two.label] != ["a", "b"] and one.id != "a"
    [note] = report.notes
    assert note.startswith("attributes whose names cannot be fields, renamed: ")
    assert "('id' is 'id_', ...)" in note
    schema = report.dataset.get_field_schema(flat=True)
    for attribute, kind in {"size": fo.FloatField, "mixed": fo.StringField}.items():
        assert isinstance(schema[f"ground_truth.detections.{attribute}"], kind)
    reloaded = fo.load_dataset(report.dataset.name)
    assert reloaded.distinct("ground_truth.detections.size") == [2.5, 3.0]


def test_what_cannot_be_used_is_raised_or_counted(tmp_path: Path, name: str) -> None:
    path = write_yolo(tmp_path, "0 0.5 0.5 0.2 0.1", "7 0.5 0.5 0.2 0.1", "0 2 2 1 1")
    with pytest.raises(RecordError, match=r"one\.txt line 2 is of class 7"):
        ntt.import_labels(path, name, progress=False)
    assert not fo.dataset_exists(name)
    report = ntt.import_labels(path, name, on_error="skip", progress=False)
    assert report.annotations == 1
    assert report.counts == {"unknown category": 1, "malformed entry": 1}
    assert "left out 2: unknown category 1, malformed entry 1" in str(report)


def test_no_sample_is_read_again(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FiftyOne does that with samples that are alive when their labels are written, and it takes
    three times as long as all the rest."""
    read: list[Any] = []
    monkeypatch.setattr(fo.Sample, "reload", lambda sample, **_: read.append(sample))
    write_labelme(tmp_path / "labels", make_scenes(3))
    assert ntt.import_labels(tmp_path / "labels", name, progress=False).images == 3
    assert read == []


def test_an_interrupted_import_goes_on_where_it_was(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the dataset's name was left to us."""
    folder, scenes = tmp_path / name, make_scenes(9)
    write_labelme(folder, scenes)
    monkeypatch.setattr(content_import, "_CHUNK", 3)
    write, written = ImportTarget.write, []

    def interrupted(*arguments: Any) -> None:
        write(*arguments)
        written.append(1)
        if len(written) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ImportTarget, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ntt.import_labels(folder, progress=False)
    kept = fo.load_dataset(name).values("id")
    assert len(kept) == 6
    report = ntt.import_labels(folder, progress=False)
    assert report.dataset.name == name and report.dataset.values("id")[:6] == kept
    assert len(report.dataset) == 9
    assert report.dataset.count("ground_truth.detections") == report.annotations
