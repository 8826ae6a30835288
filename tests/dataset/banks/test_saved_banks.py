"""Banks on datasets: they survive everything FiftyOne does with a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
import pytest
from gridfs import GridFS

from fiftyone_ntt import (
    build_memory_bank,
    delete_memory_bank,
    list_memory_banks,
    load_memory_bank,
    rename_memory_bank,
    save_memory_bank,
    segment,
)
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.banks.saved_banks import METHOD
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.bank_file import bank_bytes
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    return dataset


@pytest.fixture
def bank(scenes: fo.Dataset) -> MemoryBank:
    return build_memory_bank(scenes[:2], "ground_truth", models=MODELS, name="my colours")


def predictions(dataset: fo.Dataset, bank: MemoryBank | str) -> list:
    segment(dataset, bank, "check", models=MODELS, overwrite=True)
    rows = dataset.values(
        ["check.detections.label", "check.detections.confidence", "check.detections.bounding_box"]
    )
    dataset.delete_sample_field("check")
    return rows


def test_a_saved_bank_comes_back_whole(scenes, bank):
    assert bank_bytes(load_memory_bank(scenes, "my colours")) == bank_bytes(bank)
    assert bank_bytes(load_memory_bank(scenes[:1], "my colours")) == bank_bytes(bank)


def test_results_are_those_of_a_fresh_read_from_the_database(scenes, bank):
    stored = scenes.load_run_results("my_colours", cache=False)
    assert isinstance(stored.file, str)
    assert not scenes._run_cache


def cloned(dataset: fo.Dataset, folder: Path) -> fo.Dataset:
    return dataset.clone()


def exported(dataset: fo.Dataset, folder: Path) -> fo.Dataset:
    dataset.export(
        export_dir=str(folder / "out"), dataset_type=fo.types.FiftyOneDataset, progress=False
    )
    return fo.Dataset.from_dir(
        dataset_dir=str(folder / "out"), dataset_type=fo.types.FiftyOneDataset, progress=False
    )


def renamed_run(dataset: fo.Dataset, folder: Path) -> fo.Dataset:
    dataset.rename_run("my_colours", "something_else")
    return dataset


def through_a_file(dataset: fo.Dataset, folder: Path) -> fo.Dataset:
    path = load_memory_bank(dataset, "my colours").save(folder / "bank.safetensors")
    other = dataset.clone()
    delete_memory_bank(other, "my colours")
    save_memory_bank(other, MemoryBank.load(path))
    return other


@pytest.mark.parametrize("journey", [cloned, exported, renamed_run, through_a_file])
def test_a_bank_travels_with_its_dataset(scenes, bank, tmp_path, journey):
    expected = predictions(scenes, bank)
    assert any(expected[0])
    moved = journey(scenes, tmp_path)
    assert bank_bytes(load_memory_bank(moved, "my colours")) == bank_bytes(bank)
    assert predictions(moved, "my colours") == expected
    if moved is not scenes:
        moved.delete()


def test_listing_needs_no_arrays(scenes, bank, monkeypatch):
    monkeypatch.setattr(fo.Dataset, "load_run_results", None)
    (summary,) = list_memory_banks(scenes)
    assert (summary.name, summary.run_key) == ("my colours", "my_colours")
    assert summary.classes == {"blue": 2, "green": 2, "red": 2}
    assert (summary.negatives, summary.encoder) == (0, "colour-encoder:1")
    assert summary.models == {"name": "colour"}
    assert summary.created == scenes.get_run_info("my_colours").timestamp


def test_renaming(scenes, bank):
    assert rename_memory_bank(scenes, "my colours", "3 colours").run_key == "_3_colours"
    assert rename_memory_bank(scenes, "3 colours", "3-colours").run_key == "_3_colours"
    assert [b.name for b in list_memory_banks(scenes)] == ["3-colours"]
    assert load_memory_bank(scenes, "3-colours").name == "3-colours"
    assert scenes.list_runs(method=METHOD) == ["_3_colours"]


def test_deleting(scenes, bank):
    delete_memory_bank(scenes, "my colours")
    assert list_memory_banks(scenes) == []


def test_overwriting(scenes, bank):
    other = build_memory_bank(scenes[2:], "ground_truth", models=MODELS, classes=["red"])
    save_memory_bank(scenes, other, "my colours", overwrite=True)
    assert load_memory_bank(scenes, "my colours").classes == ("red",)
    assert len(list_memory_banks(scenes)) == 1


def test_class_names_may_hold_anything(scenes, bank):
    import dataclasses

    odd = dataclasses.replace(bank, classes=("a.b", "$c", "ü d"), name="odd")
    save_memory_bank(scenes, odd)
    scenes.reload()
    assert load_memory_bank(scenes, "odd").classes == odd.classes
    assert list(list_memory_banks(scenes)[1].classes) == ["a.b", "$c", "ü d"]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (save_memory_bank, "already has a memory bank 'my colours'.*overwrite"),
        (
            lambda d, b: save_memory_bank(d, b, "my-colours"),
            "'my_colours', which memory bank",
        ),
        (lambda d, b: save_memory_bank(d, b, "mine"), "which another run"),
        (lambda d, b: save_memory_bank(d, b, " "), "needs a name"),
        (lambda d, b: load_memory_bank(d, "cats"), "no memory bank 'cats'. Pass one of: 'my colou"),
        (lambda d, b: rename_memory_bank(d, "cats", "dogs"), "no memory bank 'cats'"),
        (lambda d, b: rename_memory_bank(d, "my colours", "second"), "already has .*'second'"),
        (lambda d, b: delete_memory_bank(d, "cats"), "no memory bank 'cats'"),
    ],
)
def test_errors(scenes, bank, action, message):
    scenes.register_run("mine", scenes.init_run(method="theirs"))
    save_memory_bank(scenes, bank, "second")
    with pytest.raises(InputError, match=message):
        action(scenes, bank)
    assert [b.name for b in list_memory_banks(scenes)] == ["my colours", "second"]


def test_no_banks(dataset):
    with pytest.raises(InputError, match="Build one with `build_memory_bank`"):
        load_memory_bank(dataset, "cats")


def garbled(dataset: fo.Dataset) -> None:
    results = dataset.init_run_results("my_colours", file="no base64!")
    dataset.save_run_results("my_colours", results, cache=False)


def interrupted(dataset: fo.Dataset) -> None:
    config = dataset.get_run_info("my_colours").config
    dataset.register_run("my_colours", config, overwrite=True)


@pytest.mark.parametrize(("damage", "word"), [(garbled, "corrupt"), (interrupted, "interrupted")])
def test_a_damaged_bank_is_told_from_a_missing_one(scenes, bank, damage, word):
    damage(scenes)
    with pytest.raises(StoreError, match=rf"'my colours' on dataset .*{word}.*overwrite=True"):
        load_memory_bank(scenes, "my colours")


def run_file(dataset: fo.Dataset) -> Any:
    """The id of what a bank's run keeps in GridFS."""
    document = foo.get_db_conn()["runs"].find_one({"_dataset_id": dataset._doc.id})
    return document["results"]


@pytest.mark.parametrize("content", [b"", b"no JSON", b"\xff\xfe", b"[" * 100_000])
def test_a_bank_whose_run_is_damaged_is_named(scenes, bank, content):
    files, key = GridFS(foo.get_db_conn()), run_file(scenes)
    files.delete(key)
    files.put(content, _id=key)
    with pytest.raises(StoreError, match=f"'my_colours' of dataset '{scenes.name}' .* damaged"):
        load_memory_bank(scenes, "my colours")


def test_a_bank_whose_content_is_gone_is_told_from_a_damaged_one(scenes, bank):
    GridFS(foo.get_db_conn()).delete(run_file(scenes))
    with pytest.raises(StoreError, match="has no content"):
        load_memory_bank(scenes, "my colours")
    summary = save_memory_bank(scenes, bank, "my colours", overwrite=True)
    assert load_memory_bank(scenes, summary.name).class_counts() == bank.class_counts()
