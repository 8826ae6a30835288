"""Reading references out of views, and building banks of them."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F

from fiftyone_ntt import (
    build_memory_bank,
    export_coco,
    list_memory_banks,
    sample_references,
)
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.dataset.references.reference_reading import read_references
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import COLOURS, add_scenes, draw, random_scene

SIZE = (96, 128)
MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 3)
    return dataset


def counts(references) -> dict[str, int]:
    return {name: len(list(group)) for name, group in references.items()}


def test_references_carry_image_box_mask_and_id(scenes):
    references = read_references(scenes, "ground_truth")
    assert list(references) == sorted(COLOURS)
    assert counts(references) == dict.fromkeys(COLOURS, 3)
    for index, sample in enumerate(scenes):
        image, masks = draw(random_scene(index))
        for truth in sample.ground_truth.detections:
            found = list(references[truth.label])[index]
            assert found.id == truth.id
            assert found.box == random_scene(index)[truth.label]
            np.testing.assert_array_equal(found.image, image)
            np.testing.assert_array_equal(found.mask, masks[truth.label])


def test_images_are_loaded_when_asked_for(scenes, monkeypatch):
    opened = []
    monkeypatch.setattr(
        ImageReading,
        "read",
        lambda _, path: opened.append(path) or np.zeros((*SIZE, 3), np.uint8),
    )
    found = read_references(scenes, "ground_truth")
    assert opened == []
    next(iter(found["red"]))
    assert len(opened) == 1


def test_each_label_is_loaded_once(scenes, monkeypatch):
    """Loading all labels of an image for each of its classes takes time quadratic in them."""
    from fiftyone_ntt.dataset.references import reference_reading as module

    loaded: list[fo.Label] = []
    original = module.labels_of
    monkeypatch.setattr(
        module, "labels_of", lambda value: loaded.extend(found := original(value)) or found
    )
    assert sum(counts(read_references(scenes, "ground_truth")).values()) == len(loaded) == 9


def test_how_images_are_read_is_found_once_for_all_classes(scenes, monkeypatch):
    from fiftyone_ntt.dataset.references import reference_reading as module

    asked = []
    find = module.image_reading
    monkeypatch.setattr(module, "image_reading", lambda given: asked.append(given) or find(given))
    found = read_references(scenes, "ground_truth")
    assert asked == []
    assert all(next(iter(group)).image.shape == (*SIZE, 3) for group in found.values())
    assert len(found) == 3 and len(asked) == 1


def test_restrictions(scenes):
    first = scenes.first().ground_truth.detections
    scenes.select_labels(ids=[first[0].id], fields="ground_truth").tag_labels("good")
    ids = [d.id for d in first[1:]]
    assert counts(read_references(scenes, "ground_truth", label_tags="good")) == {first[0].label: 1}
    assert sum(counts(read_references(scenes, "ground_truth", label_ids=ids)).values()) == 2
    chosen = read_references(scenes, "ground_truth", classes=["red", "blue"])
    assert list(chosen) == ["red", "blue"]
    view = scenes.filter_labels("ground_truth", F("label") == "green")
    assert counts(read_references(view, "ground_truth")) == {"green": 3}


def test_a_patches_view_gives_the_same_references(scenes):
    patches = scenes.to_patches("ground_truth").match(F("ground_truth.label") != "red")
    found = read_references(patches, "ground_truth")
    expected = read_references(scenes, "ground_truth", classes=["blue", "green"])
    for name, group in expected.items():
        assert [r.id for r in found[name]] == [r.id for r in group]
        for ours, theirs in zip(found[name], group, strict=True):
            np.testing.assert_array_equal(ours.mask, theirs.mask)


# Banks


@pytest.mark.parametrize("form", ["masks", "boxes", "polylines", "patches"])
def test_every_form_of_label_makes_nearly_the_same_bank(scenes, form):
    samples, field = scenes, "ground_truth"
    if form == "boxes":
        scenes.clone_sample_field("ground_truth", "boxes")
        scenes.set_field("boxes.detections.mask", None).save()
        field = "boxes"
    if form == "polylines":
        for sample in scenes:
            sample["lines"] = sample.ground_truth.to_polylines(tolerance=1)
            sample.save()
        field = "lines"
    if form == "patches":
        samples = scenes.to_patches("ground_truth")
    expected = build_memory_bank(scenes, "ground_truth", models=MODELS)
    bank = build_memory_bank(samples, field, models=MODELS)
    assert bank.classes == expected.classes == tuple(sorted(COLOURS))
    cosines = (bank.prototypes * expected.prototypes).sum(axis=1)
    assert (cosines > 0.97).all()


def test_a_bank_is_saved_only_under_a_name(scenes):
    build_memory_bank(scenes, "ground_truth", models=MODELS)
    assert list_memory_banks(scenes) == []
    build_memory_bank(scenes[:2], "ground_truth", models=MODELS, name="two")
    (summary,) = list_memory_banks(scenes)
    assert summary.classes == dict.fromkeys(sorted(COLOURS), 2)


def test_negatives_are_read_from_their_field(scenes):
    scenes.clone_sample_field("ground_truth", "wrong")
    bank = build_memory_bank(
        scenes, "ground_truth", models=MODELS, classes=["red"], negatives_field="wrong"
    )
    assert len(bank.references) == len(bank.negatives) == 3


def test_progress(scenes):
    seen: list[tuple[int, int]] = []
    build_memory_bank(
        scenes, "ground_truth", models=MODELS, progress=lambda *step: seen.append(step)
    )
    assert seen == [(i, 9) for i in range(1, 10)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_field": "nothing"}, "no field 'nothing'.*fields: ground_truth, unlabelled, lines"),
        ({"label_field": "filepath"}, "holds StringField, not Detections or Polylines"),
        ({"label_field": "kind"}, "holds Classification"),
        ({"label_field": "unlabelled"}, "no sample of this view has labels in field 'unlabelled'"),
        ({"label_tags": "gold"}, "the tag 'gold'. Label tags there: good"),
        ({"label_ids": ["0" * 24]}, "none of the 1 label ids"),
        ({"classes": ["red", "pink"]}, "shows: pink.*Classes there: blue, green, red"),
        ({"classes": []}, "`classes` is empty"),
        ({"label_field": "lines"}, "polyline is open"),
        ({"name": ""}, "needs a name"),
        ({"name": "taken"}, "already has a memory bank 'taken'"),
    ],
)
def test_errors(scenes, options, message):
    scenes.add_sample_field("kind", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    scenes.add_sample_field("unlabelled", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    first = scenes.first()
    line = fo.Polyline(label="red", points=[[(0.1, 0.1), (0.5, 0.5), (0.1, 0.5)]])
    first["lines"] = fo.Polylines(polylines=[line])
    first.save()
    scenes[:1].tag_labels("good", label_fields="ground_truth")
    build_memory_bank(scenes, "ground_truth", models=MODELS, name="taken")
    arguments = {"samples": scenes, "label_field": "ground_truth", "models": MODELS} | options
    with pytest.raises(InputError, match=message):
        build_memory_bank(**arguments)
    assert len(list_memory_banks(scenes)) == 1


def test_no_samples(unchecked):
    with pytest.raises(InputError, match="got int"):
        build_memory_bank(3, "ground_truth", models=MODELS)


def test_an_empty_view(scenes):
    with pytest.raises(InputError, match="no samples in this view"):
        build_memory_bank(scenes[:0], "ground_truth", models=MODELS)


def test_a_label_without_a_class(scenes):
    sample = scenes.first()
    sample.ground_truth.detections[0].label = None
    sample.save()
    with pytest.raises(InputError, match=r"1 labels .* have no class .*scene0.png"):
        build_memory_bank(scenes, "ground_truth", models=MODELS)


def test_all_unreadable_images_are_named_before_any_encoding(scenes):
    paths, ids = scenes.values("filepath"), scenes.values("id")
    Path(paths[0]).unlink()
    Path(paths[2]).write_text("no image")
    with pytest.raises(InputError) as error:
        build_memory_bank(scenes, "ground_truth", models="no such models, never loaded")
    for index in (0, 2):
        assert f"sample {ids[index]}: image {paths[index]} cannot be read" in str(error.value)


def test_a_mask_file_that_is_gone(scenes):
    sample = scenes.first()
    sample.ground_truth.detections[0]["mask_path"] = "/nowhere/mask.png"
    sample.ground_truth.detections[0]["mask"] = None
    sample.save()
    with pytest.raises(InputError, match=r"scene0.png: its mask /nowhere/mask.png cannot be read"):
        build_memory_bank(scenes, "ground_truth", models=MODELS)


@pytest.mark.parametrize("value", [7, True, 1.5, ["red"], {"red": 1}, b"red", ""])
def test_a_class_that_is_no_text_is_named(scenes, value, tmp_path):
    before = scenes.first().ground_truth.detections[0]
    scenes._sample_collection.update_one(
        {"_id": scenes.first()._id}, {"$set": {"ground_truth.detections.0.label": value}}
    )
    with pytest.raises(InputError, match=rf"have no class \(.*\): {before.id} .*scene0"):
        build_memory_bank(scenes, "ground_truth", models=MODELS)
    chosen = sample_references(scenes, "ground_truth", shots=9, min_size=1, border=0)
    assert before.id not in chosen.ids and sum(chosen.counts.values()) == 8
    if value != "":
        with pytest.raises(InputError, match=r"1 of 9 labels .* have no class"):
            export_coco(scenes, "ground_truth", tmp_path / "out.json", progress=False)


def test_a_view_is_called_by_its_dataset(scenes):
    for field in ("filepath", "nothing"):
        with pytest.raises(InputError, match=scenes.name):
            build_memory_bank(scenes[:2], field, models=MODELS)
