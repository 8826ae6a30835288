"""LVIS's federated lists: fields of samples, and out again; what others write meanwhile stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.coco.federated import federated_scores
from fiftyone_ntt.dataset.files import content_import
from fiftyone_ntt.errors import InputError
from tests.formats.coco_writing import CATEGORIES
from tests.formats.scenes import make_scenes
from tests.formats.test_lvis import lvis_content

ABSENT, INCOMPLETE = "truth_absent_classes", "truth_incomplete_classes"
WORDS = ("neg_category_ids", "not_exhaustive_category_ids")
NAMES = [record["name"] for record in CATEGORIES]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    scenes = make_scenes(4)
    for scene in scenes:
        scene.save_image(tmp_path / "val2017")
    content = lvis_content(scenes)
    del content["images"][3]["neg_category_ids"]
    content["images"][2]["neg_category_ids"] = []
    (tmp_path / "lvis_v1_val.json").write_text(json.dumps(content))
    return tmp_path / "lvis_v1_val.json"


@pytest.fixture
def imported(path: Path) -> Iterator[fo.Dataset]:
    report = ntt.import_labels(path, f"test-{uuid4().hex}", field="truth", progress=False)
    assert (report.format, report.dataset.count("truth.detections")) == ("lvis", report.annotations)
    assert not any("annotated" in note for note in report.notes)
    yield report.dataset
    fo.delete_dataset(report.dataset.name)


def lists(dataset: fo.Dataset) -> list[Any]:
    return list(zip(*dataset.values([ABSENT, INCOMPLETE]), strict=True))


def test_names_of_classes_on_samples(imported: fo.Dataset) -> None:
    assert lists(imported) == [
        ([NAMES[0]], [NAMES[1]]),
        ([NAMES[1]], [NAMES[2]]),
        ([], [NAMES[3]]),
        (None, [NAMES[0]]),
    ]
    for name in (ABSENT, INCOMPLETE):
        field = imported.get_field(name)
        assert isinstance(field, fo.ListField) and isinstance(field.field, fo.StringField)
    assert len(imported.match({ABSENT: NAMES[1]})) == 1


def test_they_go_out_again(imported: fo.Dataset, path: Path, tmp_path: Path) -> None:
    """Ids as in the file; with LVIS's scores of the file itself."""
    out = ntt.export_coco(imported, "truth", tmp_path / "out.json", progress=False).path
    truth, back = (json.loads(file.read_text()) for file in (path, out))
    for written, image in zip(truth["images"], back["images"], strict=True):
        assert {word: image.get(word) for word in WORDS} == {w: written.get(w) for w in WORDS}
    assert back["categories"] == truth["categories"]
    found = [{**row, "score": 0.5} for row in back["annotations"][::2]]
    assert federated_scores(back, found, "masks") == federated_scores(truth, found, "masks")
    ntt.import_labels(out, imported, "lvis", path.parent / "val2017", field="again", progress=False)
    assert imported.values("again_absent_classes") == imported.values(ABSENT)


def test_they_are_taken_back_with_the_labels(imported: fo.Dataset, path: Path) -> None:
    ntt.import_labels(path, imported, field="second", progress=False)
    ntt.undo(imported)
    assert imported.get_field("second_absent_classes") is None
    assert lists(imported)[0] == ([NAMES[0]], [NAMES[1]])
    ntt.undo(imported)
    for name in ("truth", ABSENT, INCOMPLETE):
        assert imported.get_field(name) is None, name


def test_a_field_of_that_name_that_is_another_thing(imported: fo.Dataset, path: Path) -> None:
    for number, kind in enumerate((fo.IntField, fo.ListField)):
        name = f"new{number}"
        given = {"subfield": fo.IntField} if kind is fo.ListField else {}
        imported.add_sample_field(f"{name}_absent_classes", kind, **given)
        with pytest.raises(InputError, match=f"'{name}_absent_classes' .*(List|String)Field is to"):
            ntt.import_labels(path, imported, field=name, progress=False)
        assert imported.get_field(name) is None


def test_labels_without_a_box_that_somebody_writes_meanwhile(
    imported: fo.Dataset, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay, and it is said."""
    monkeypatch.setattr(content_import, "_CHUNK", 1)
    foreign = {"_cls": "Detections", "detections": [{"_cls": "Detection", "label": "mine"}]}
    rows = imported._sample_collection

    def progress(done: int, total: int) -> None:
        rows.update_one({"_id": imported.last()._id}, {"$set": {"late": foreign}})

    with pytest.raises(InputError, match="labelled by somebody else meanwhile"):
        ntt.import_labels(path, imported, field="late", progress=progress)
    assert rows.find_one({"_id": imported.last()._id})["late"] == foreign
