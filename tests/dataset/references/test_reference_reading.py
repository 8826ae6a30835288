"""Reading references out of views, and building banks of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F

from fiftyone_ntt import build_memory_bank, list_memory_banks
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.dataset.labels.masks import detection_mask, pixel_box, polyline_mask
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


# Masks


@pytest.mark.parametrize("seed", range(5))
def test_a_mask_made_from_an_image_comes_back_exactly(seed):
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(40, 700, 2))
    mask = np.zeros(size, bool)
    top, left = (int(rng.integers(0, n - 5)) for n in size)
    mask[top : top + 200, left : left + 300] = (
        rng.random(mask[top : top + 200, left : left + 300].shape) > 0.5
    )
    np.testing.assert_array_equal(detection_mask(fo.Detection.from_mask(mask), size), mask)


def test_boxes_in_pixels_are_not_shifted_by_rounding():
    for x in range(480):
        assert pixel_box([x / 480, 0, 1 / 480, 1], (360, 480))[0] == x


def test_a_mask_of_another_size_is_resized_into_its_box():
    detection = fo.Detection(bounding_box=[0.25, 0.5, 0.5, 0.25], mask=np.eye(2, dtype=bool))
    mask = detection_mask(detection, (40, 80))
    assert mask.sum() == 40 * 10 / 2
    assert mask[20:25, 20:40].all() and mask[25:30, 40:60].all()


def test_a_box_beyond_the_image_is_clipped():
    detection = fo.Detection(bounding_box=[-0.5, 0, 1, 2], mask=np.ones((20, 10), bool))
    np.testing.assert_array_equal(detection_mask(detection, (10, 10))[:, :5], True)
    assert detection_mask(detection, (10, 10))[:, 5:].sum() == 0


def test_masks_on_disk(tmp_path):
    mask = np.zeros((10, 20), np.uint8)
    mask[2:5, 3:9] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    detection = fo.Detection(bounding_box=[0, 0, 1, 1], mask_path=str(tmp_path / "mask.png"))
    np.testing.assert_array_equal(detection_mask(detection, (10, 20)), mask > 0)


def test_polylines_cover_their_inside():
    square = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
    mask = polyline_mask(fo.Polyline(points=[square], closed=True), (40, 80))
    assert mask[10:30, 20:60].all() and mask.sum() == 20 * 40


# References


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
