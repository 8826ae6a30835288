"""Mending a saved bank: references taken out, moved to another class, added; and undone."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError, ModelError
from fiftyone_ntt.store.bank_file import bank_bytes
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="all")
    return dataset


def content(dataset: fo.Dataset) -> bytes:
    return bank_bytes(ntt.load_memory_bank(dataset, "all"))


def test_a_removed_reference_is_gone_and_comes_back(scenes: fo.Dataset) -> None:
    before = content(scenes)
    bank = ntt.load_memory_bank(scenes, "all")
    changed = ntt.remove_references(scenes, "all", bank.references.ids[:1])
    assert changed.classes == {"blue": 1, "green": 2, "red": 2}
    assert changed.change == "1 reference removed"
    again = ntt.load_memory_bank(scenes, "all")
    assert again.references.ids == bank.references.ids[1:]
    np.testing.assert_array_equal(again.references.prototypes, bank.references.prototypes[1:])
    assert ntt.undo_bank_change(scenes, "all").change is None
    assert content(scenes) == before
    assert not [key for key in scenes.list_runs() if "_before" in key or len(key) > 20]


def test_removing_without_any_model_or_image(scenes: fo.Dataset) -> None:
    for path in scenes.values("filepath"):
        Path(path).unlink()
    ids = ntt.load_memory_bank(scenes, "all").references.ids
    assert ntt.remove_references(scenes, "all", ids[:2]).classes == {"green": 2, "red": 2}
    assert ntt.change_reference_class(scenes, "all", ids[2:3], "red").classes == {
        "green": 1,
        "red": 3,
    }


def test_another_class_of_a_reference(scenes: fo.Dataset) -> None:
    ids = ntt.load_memory_bank(scenes, "all").references.ids
    assert ntt.change_reference_class(scenes, "all", ids[:1], "red").classes == {
        "blue": 1,
        "green": 2,
        "red": 3,
    }
    new = ntt.change_reference_class(scenes, "all", ids[1:2], " sky ")
    assert new.classes == {"green": 2, "red": 3, "sky": 1}
    bank = ntt.load_memory_bank(scenes, "all")
    assert dict(zip(bank.references.ids, bank.references.classes, strict=True))[ids[1]] == 2
    assert bank.prototypes.shape[0] == bank.statistics.pca_mean.shape[0] == 3
    report = ntt.segment(scenes, "all", "found", models=MODELS, points_per_side=8, store=False)
    assert "sky" in scenes.distinct("found.detections.label") and report.written == 4


def test_labels_become_references_of_the_bank(scenes: fo.Dataset) -> None:
    label = scenes.last().ground_truth.detections[0]
    before = ntt.load_memory_bank(scenes, "all")
    added = ntt.add_references(scenes, "all", "ground_truth", label_ids=[label.id], models=MODELS)
    assert sum(added.classes.values()) == 7 and added.change == "1 reference added"
    whole = ntt.build_memory_bank(
        scenes, "ground_truth", models=MODELS, label_ids=[*before.references.ids, label.id]
    )
    bank = ntt.load_memory_bank(scenes, "all")
    assert bank.models == before.models
    order = [bank.references.ids.index(name) for name in whole.references.ids]
    np.testing.assert_array_equal(bank.references.prototypes[order], whole.references.prototypes)
    with pytest.raises(InputError, match="reference of memory bank 'all' already, of class"):
        ntt.add_references(scenes, "all", "ground_truth", label_ids=[label.id], models=MODELS)
    assert sum(ntt.undo_bank_change(scenes, "all").classes.values()) == 6


def test_predictions_become_references_of_a_class(scenes: fo.Dataset) -> None:
    ntt.segment(scenes[2:], "all", "found", models=MODELS, points_per_side=8, store=False)
    best = scenes[2:].limit_labels("found", 1)
    patches = best.to_patches("found")
    added = ntt.add_references(patches, "all", "found", label="best", models=MODELS)
    assert added.classes == {"blue": 2, "green": 2, "red": 2, "best": len(patches)}


def test_of_the_changes_the_last_five_are_undone(scenes: fo.Dataset) -> None:
    ids = ntt.load_memory_bank(scenes, "all").references.ids
    runs = len(scenes.list_runs())
    for label in "abcdefg":
        ntt.change_reference_class(scenes, "all", ids[:1], label)
    assert len(scenes.list_runs()) == runs + 5
    assert [bank.name for bank in ntt.list_memory_banks(scenes)] == ["all"]
    ntt.rename_memory_bank(scenes, "all", "renamed")
    for label in "fedcb":
        assert label in ntt.undo_bank_change(scenes, "renamed").classes
    (bank,) = ntt.list_memory_banks(scenes)
    assert bank.change is None
    with pytest.raises(InputError, match="nothing was changed in memory bank 'renamed'"):
        ntt.undo_bank_change(scenes, "renamed")
    assert len(scenes.list_runs()) == runs


def test_what_replaces_a_bank_is_undone_and_deleting_leaves_nothing(scenes: fo.Dataset) -> None:
    before = content(scenes)
    options = {"models": MODELS, "name": "all", "overwrite": True}
    ntt.build_memory_bank(scenes, "ground_truth", classes=["red"], **options)
    assert ntt.undo_bank_change(scenes, "all").classes == {"blue": 2, "green": 2, "red": 2}
    assert content(scenes) == before
    ntt.build_memory_bank(scenes, "ground_truth", classes=["red"], **options)
    ntt.delete_memory_bank(scenes, "all")
    assert scenes.list_runs() == []


def test_two_processes_that_mend_lose_nothing(scenes: fo.Dataset) -> None:
    other = fo.load_dataset(scenes.name)
    first, second, *_ = ntt.load_memory_bank(scenes, "all").references.ids
    ntt.remove_references(scenes, "all", [first])
    ntt.remove_references(other, "all", [second])
    assert len(ntt.load_memory_bank(scenes, "all").references) == 4


def test_what_cannot_be_mended_is_told(scenes: fo.Dataset) -> None:
    ids = ntt.load_memory_bank(scenes, "all").references.ids
    with pytest.raises(InputError, match="has no reference 'gone'"):
        ntt.remove_references(scenes, "all", ["gone"])
    with pytest.raises(InputError, match="no references are named"):
        ntt.remove_references(scenes, "all", [])
    with pytest.raises(InputError, match="no reference would be left"):
        ntt.remove_references(scenes, "all", ids)
    with pytest.raises(InputError, match="a class needs a name"):
        ntt.change_reference_class(scenes, "all", ids[:1], " ")
    label = scenes.last().ground_truth.detections[0]
    with pytest.raises(ModelError):
        ntt.add_references(scenes, "all", "ground_truth", label_ids=[label.id], models="demo")


def test_tags_that_changed_since_a_bank_was_built(scenes: fo.Dataset) -> None:
    assert ntt.tagged_references_changed(scenes, "all") is None  # it was built from none
    ntt.tag_references(scenes[:2], "ground_truth")
    options = {"models": MODELS, "name": "tagged", "label_tags": "reference"}
    bank = ntt.build_memory_bank(scenes, "ground_truth", **options)
    assert ntt.tagged_references_changed(scenes, "tagged") is None
    ntt.remove_references(scenes, "tagged", bank.references.ids[:1])
    assert ntt.tagged_references_changed(scenes, "tagged") is None  # the tags are what they were
    scenes[:1].untag_labels("reference", "ground_truth")
    assert ntt.tagged_references_changed(scenes, "tagged") == (6, 3)
    ntt.tag_references(scenes[:1], "ground_truth")
    assert ntt.tagged_references_changed(scenes, "tagged") is None
    sample = scenes.first()
    sample.ground_truth.detections[0].label = "violet"
    sample.save()
    assert ntt.tagged_references_changed(scenes, "tagged") == (6, 6)
