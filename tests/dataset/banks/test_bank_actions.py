"""Copying, merging, exporting and importing the banks of a dataset."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.bank_file import bank_bytes
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    for name in ("red", "blue"):
        ntt.build_memory_bank(dataset, "ground_truth", models=MODELS, name=name, classes=[name])
    return dataset


def names(dataset: fo.Dataset) -> list[str]:
    return [bank.name for bank in ntt.list_memory_banks(dataset)]


def test_duplicating(scenes):
    assert ntt.duplicate_memory_bank(scenes, "red", "copy").classes == {"red": 4}
    copy, original = (ntt.load_memory_bank(scenes, name) for name in ("copy", "red"))
    assert bank_bytes(copy.renamed("red")) == bank_bytes(original)


def test_a_merged_bank_segments_like_one_built_at_once(scenes):
    ntt.merge_memory_banks(scenes, ["blue", "red"], "both")
    ntt.build_memory_bank(
        scenes, "ground_truth", models=MODELS, name="whole", classes=["blue", "red"]
    )
    found = []
    for bank in ("both", "whole"):
        ntt.segment(scenes, bank, bank, models=MODELS, points_per_side=8)
        found.append(scenes.values([f"{bank}.detections.label", f"{bank}.detections.confidence"]))
    assert found[0] == found[1]


def test_through_a_file(scenes, tmp_path):
    path = ntt.export_memory_bank(scenes, "red", tmp_path / "red.safetensors")
    assert ntt.import_memory_bank(scenes, path, "again").classes == {"red": 4}
    ntt.delete_memory_bank(scenes, "red")
    assert ntt.import_memory_bank(scenes, str(path)).name == "red"
    assert names(scenes) == ["again", "blue", "red"]


def test_removing_negatives(scenes):
    ntt.build_memory_bank(
        scenes[:2], "ground_truth", models=MODELS, negatives_field="ground_truth", name="sharp"
    )
    first, *_ = ntt.load_memory_bank(scenes, "sharp").negatives.ids
    assert ntt.remove_negatives(scenes, "sharp", [first]).negatives == 5
    with pytest.raises(InputError, match="no negative"):
        ntt.remove_negatives(scenes, "sharp", [first])
    assert ntt.remove_negatives(scenes, "sharp", origin="mined").negatives == 5
    assert ntt.remove_negatives(scenes, "sharp").negatives == 0
    assert len(ntt.load_memory_bank(scenes, "sharp").references) == 6


def test_an_existing_file_is_replaced_on_request_only(scenes, tmp_path, device):
    path = ntt.export_memory_bank(scenes, "blue", tmp_path / "bank")
    with pytest.raises(StoreError, match=r"exists. Pass overwrite=True"):
        ntt.export_memory_bank(scenes, "red", path)
    assert ntt.MemoryBank.load(path).classes == ("blue",)
    ntt.export_memory_bank(scenes, "red", path, overwrite=True)
    assert ntt.MemoryBank.load(path).classes == ("red",)
    with pytest.raises(StoreError, match="is a device, a pipe or a socket"):
        ntt.export_memory_bank(scenes, "red", device, overwrite=True)
    path.write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(StoreError, match="is no memory bank that fiftyone-ntt wrote"):
            ntt.export_memory_bank(scenes, "red", path, overwrite=overwrite)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda d: ntt.duplicate_memory_bank(d, "red", "blue"), InputError, "already has"),
        (lambda d: ntt.duplicate_memory_bank(d, "cat", "x"), InputError, "no memory bank 'cat'"),
        (lambda d: ntt.merge_memory_banks(d, ["red", "red"], "x"), InputError, "two different"),
        (lambda d: ntt.merge_memory_banks(d, ["red", "blue"], "red"), InputError, "already has"),
        (lambda d: ntt.export_memory_bank(d, "cat", "/tmp/x"), InputError, "no memory bank"),
        (lambda d: ntt.export_memory_bank(d, "red", "/no/x"), StoreError, "no folder /no. Make"),
        (lambda d: ntt.import_memory_bank(d, "/no/such/file"), StoreError, "no such file"),
    ],
)
def test_errors(scenes, action, error, message):
    with pytest.raises(error, match=message):
        action(scenes)
    assert names(scenes) == ["blue", "red"]


@pytest.mark.parametrize(
    ("name", "overwrite", "problem"),
    [
        ("new", False, None),
        ("red", True, None),
        ("red", False, "already has a memory bank 'red'"),
        ("", False, "needs a name"),
    ],
)
def test_problems_with_names(scenes, name, overwrite, problem):
    found = ntt.memory_bank_name_problem(scenes, name, overwrite=overwrite)
    assert found is None if problem is None else problem in found
