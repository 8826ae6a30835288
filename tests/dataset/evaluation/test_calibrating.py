"""Calibrating banks of a dataset: what is learned from, what is refused, and where it is kept."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

from fiftyone_ntt import (
    MemoryBank,
    build_memory_bank,
    calibrate,
    duplicate_memory_bank,
    export_memory_bank,
    load_calibration,
    load_memory_bank,
    rename_memory_bank,
    save_memory_bank,
    save_reliability_picture,
    segment,
)
from fiftyone_ntt.core.calibration import Calibration
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.bank_file import bank_bytes
from fiftyone_ntt.store.bank_identity import bank_hash
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()
GRID = 8


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Ten images with an object of each of three colours; the first five are references'."""
    add_scenes(dataset, tmp_path, 10)
    build_memory_bank(dataset[:5], "ground_truth", models=MODELS, name="colours")
    return dataset


def learned(samples, field: str | None, store, bank: MemoryBank | str = "colours") -> Calibration:
    return calibrate(
        samples,
        bank,
        field,
        models=MODELS,
        points_per_side=GRID,
        store=store,
        progress=False,
    )


def test_of_labelled_samples_those_of_references_are_left_out(scenes, store) -> None:
    found = learned(scenes, "ground_truth", store)
    assert (found.source, found.images) == ("labelled samples", 5)
    # Flat colours: the models find every object, and little else.
    assert {right for _, right in found.counts.values()} == {5}
    assert found.bank == bank_hash(load_memory_bank(scenes, "colours"))
    with pytest.raises(InputError, match="all of the 5 samples hold references"):
        learned(scenes[:5], "ground_truth", store)


def test_from_the_references_images_where_more_is_labelled(scenes, store) -> None:
    names = [sample.ground_truth.detections[0].id for sample in scenes]
    bank = build_memory_bank(
        scenes, "ground_truth", label_ids=names, models=MODELS, name="first of each"
    )
    few = [name for name, count in bank.class_counts().items() if count < 5]
    assert few
    with pytest.raises(InputError, match=rf"takes 5 of each class.*{few[0]} has"):
        learned(scenes, None, store, bank)
    # Without those, the other labels of the images still show that they are labelled completely.
    kept = [name for name in bank.classes if name not in few][:1]
    if kept:
        one = build_memory_bank(
            scenes, "ground_truth", label_ids=names, classes=kept, models=MODELS
        )
        assert learned(scenes, None, store, one).source in ("reference images", "references")


def test_from_the_references_alone(scenes, store) -> None:
    found = learned(scenes, None, store)
    assert (found.source, found.images) == ("references", 5)
    assert {right for _, right in found.counts.values()} == {5}
    with pytest.raises(InputError, match="blue has 4"):
        learned(scenes[1:], None, store)


def test_a_class_that_one_image_has_alone_is_not_judged_by_itself(
    scenes, store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiftyone_ntt.dataset.evaluation.calibrating.LEAST_REFERENCES", 1)
    bank = build_memory_bank(scenes[:1], "ground_truth", models=MODELS)
    with pytest.raises(InputError, match="all references of blue, green, red lie on one image"):
        learned(scenes, None, store, bank)


def test_labels_beside_the_references_are_used(scenes, store) -> None:
    """One object of each image is no reference: the others are judged by it."""
    blue = [
        label.id
        for sample in scenes[:5]
        for label in sample.ground_truth.detections
        if label.label == "blue"
    ]
    rest = [
        label.id
        for sample in scenes[5:]
        for label in sample.ground_truth.detections
        if label.label != "blue"
    ]
    bank = build_memory_bank(scenes, "ground_truth", label_ids=blue + rest, models=MODELS)
    found = learned(scenes, None, store, bank)
    assert (found.source, found.images) == ("reference images", 10)
    assert {name: right for name, (_, right) in found.counts.items()} == dict.fromkeys(
        bank.classes, 5
    )


def test_a_calibration_goes_wherever_its_bank_goes(scenes, store, tmp_path) -> None:
    found = learned(scenes, "ground_truth", store)

    def same(name: str) -> bool:
        again = load_calibration(scenes, name, points_per_side=GRID)
        return (again.chances == found.chances).all() and again.thresholds() == found.thresholds()

    assert same("colours")
    duplicate_memory_bank(scenes, "colours", "spare")
    rename_memory_bank(scenes, "spare", "renamed")
    assert same("renamed")
    file = export_memory_bank(scenes, "colours", tmp_path / "bank.safetensors")
    save_memory_bank(scenes, MemoryBank.load(file), "back again")
    assert same("back again")
    again = load_memory_bank(scenes, "back again").renamed("colours")
    assert bank_bytes(again) == bank_bytes(load_memory_bank(scenes, "colours"))
    # It decides nothing: runs with and without it are the same run.
    assert bank_hash(again) == found.bank
    # The latest of a mode and a grid counts.
    assert len(load_memory_bank(scenes, "colours").calibrations) == 1
    learned(scenes, None, store)
    [kept] = load_memory_bank(scenes, "colours").calibrations
    assert kept.source == "references"


def test_what_it_does_not_hold_for_is_said(scenes, store) -> None:
    with pytest.raises(InputError, match="no calibration for mode 'paper' with 8 points"):
        load_calibration(scenes, "colours", points_per_side=GRID)
    learned(scenes, "ground_truth", store)
    with pytest.raises(InputError, match=r"'best' with 8 points.*has one for 'paper' with 8"):
        load_calibration(scenes, "colours", mode="best", points_per_side=GRID)
    with pytest.raises(InputError, match="but for instances that were chosen otherwise"):
        load_calibration(scenes, "colours", points_per_side=GRID, one_per_object=True)
    other = build_memory_bank(scenes[:2], "ground_truth", models=MODELS)
    bank = load_memory_bank(scenes, "colours")
    for calibration in bank.calibrations:
        other = other.with_calibration(calibration)
    with pytest.raises(InputError, match="has changed since it was calibrated"):
        load_calibration(scenes, other, points_per_side=GRID)


def test_a_calibration_is_of_the_instances_that_a_run_would_write(scenes, store) -> None:
    options = {"models": MODELS, "points_per_side": GRID, "store": store, "progress": False}
    chosen = {"one_per_object": True, "least_island": 0.05, "fill_holes": True}
    plain = learned(scenes, "ground_truth", store)
    found = calibrate(scenes, "colours", "ground_truth", **chosen, **options)
    run = segment(scenes[5:], "colours", "some", **chosen, **options)
    assert int(found.found.sum()) == run.detections
    again = load_calibration(scenes, "colours", points_per_side=GRID, **chosen)
    assert again.matching == found.matching != plain.matching
    assert len(load_memory_bank(scenes, "colours").calibrations) == 2


def test_a_box_without_a_mask_is_said_before_anything_is_proposed(scenes, store) -> None:
    sample = scenes.last()
    sample.ground_truth.detections[0].mask = None
    sample.save()
    with pytest.raises(InputError, match="is a box without a mask"):
        learned(scenes, "ground_truth", store)
    assert store.setups() == []


def test_thresholds_by_class_are_used_and_make_another_run(scenes, store, tmp_path) -> None:
    found = learned(scenes, "ground_truth", store)
    least = {**found.thresholds(0.5), "red": 1.0}
    options = {"models": MODELS, "points_per_side": GRID, "store": store, "progress": False}
    first = segment(scenes[5:], "colours", "all", **options)
    chosen = segment(scenes[5:], "colours", "some", confidence_thresh=least, **options)
    assert "red" in scenes.distinct("all.detections.label")
    assert sorted(scenes.distinct("some.detections.label")) == ["blue", "green"]
    assert first.run[-8:] != chosen.run[-8:]
    again = segment(scenes[5:], "colours", "some", confidence_thresh=least, **options)
    assert again.skipped == 5
    with pytest.raises(InputError, match="for 'cat', which is no class"):
        segment(scenes[5:], "colours", "none", confidence_thresh={"cat": 0.5}, **options)
    assert save_reliability_picture(found, tmp_path / "reliability.png").stat().st_size > 5000


def test_boxes_alone_are_refused(scenes, store) -> None:
    sample = scenes.last()
    sample.ground_truth.detections[0].mask = None
    sample.save()
    with pytest.raises(InputError, match="a box without a mask"):
        learned(scenes, "ground_truth", store)
