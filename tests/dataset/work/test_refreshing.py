"""What a process knows of a dataset is what the database has, whoever changed it."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import fiftyone.core.odm as foo
import pytest

from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError


@pytest.fixture
def filled(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    boat = fo.Detection(label="boat", bounding_box=[0, 0, 1, 1], colour="red")
    polyline = fo.Polyline(points=[[(0, 0), (1, 1)]])
    sample = fo.Sample(
        filepath=str(tmp_path / "a.png"),
        labels=fo.Detections(detections=[boat]),
        lines=fo.Polylines(polylines=[polyline]),
        points=fo.Keypoints(),
        notes={"a": 1},
        names=["a"],
    )
    dataset.add_sample(sample)
    dataset.add_dynamic_sample_fields()
    return dataset


def stored_fields(dataset: fo.Dataset) -> list[dict]:
    return foo.get_db_conn()["datasets"].find_one({"_id": dataset._doc.id})["sample_fields"]


def store_fields(dataset: fo.Dataset, fields: list[dict]) -> None:
    """As another process does it: this one is not told."""
    foo.get_db_conn()["datasets"].update_one(
        {"_id": dataset._doc.id}, {"$set": {"sample_fields": fields}}
    )


def test_where_nothing_changed_samples_keep_their_class(filled: fo.Dataset) -> None:
    sample, known = filled.first(), filled._sample_doc_cls
    refresh(filled)
    assert filled._sample_doc_cls is known
    filled.add_sample_field("later", fo.StringField)
    assert sample["later"] is None


def test_a_field_that_another_process_made(filled: fo.Dataset) -> None:
    fields = stored_fields(filled)
    like = next(field for field in fields if field["name"] == "labels")
    store_fields(filled, [*fields, {**like, "name": "others", "db_field": "others"}])
    assert filled.get_field("others") is None
    refresh(filled)
    assert filled.get_field("others").document_type is fo.Detections


@pytest.mark.parametrize("reloaded_by_hand", [False, True])
def test_a_field_that_another_process_deleted(filled: fo.Dataset, reloaded_by_hand: bool) -> None:
    store_fields(filled, [field for field in stored_fields(filled) if field["name"] != "labels"])
    if reloaded_by_hand:  # reads the dataset's document, and leaves the class of samples
        filled._reload()
    refresh(filled)
    assert filled.get_field("labels") is None


def test_unsaved_edits_of_samples_stay(filled: fo.Dataset) -> None:
    sample = filled.first()
    sample["names"] = ["b"]
    refresh(filled)
    assert sample["names"] == ["b"]


def test_a_dataset_that_was_renamed_or_deleted(filled: fo.Dataset) -> None:
    datasets = foo.get_db_conn()["datasets"]
    name = f"{filled.name}-renamed"
    datasets.update_one({"_id": filled._doc.id}, {"$set": {"name": name}})
    refresh(filled)
    assert filled.name == name
    datasets.delete_one({"_id": filled._doc.id})
    with pytest.raises(InputError, match=f"dataset '{name}' was deleted meanwhile"):
        refresh(filled)
