"""The generated scenes: exact masks, repeatable, and novel classes really unseen in training."""

from __future__ import annotations

import numpy as np
import pytest

from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES, TRAIN_CLASSES, ObjectClass
from fiftyone_ntt.demo.scenes import MIN_AREA, generate_scene
from fiftyone_ntt.demo.shapes import NOVEL_SHAPES, SHAPES
from fiftyone_ntt.demo.textures import PALETTES, TEXTURES

SEEDS = range(12)


@pytest.mark.parametrize("classes", [NOVEL_CLASSES, TRAIN_CLASSES], ids=["novel", "train"])
@pytest.mark.parametrize("seed", SEEDS)
def test_scene_is_well_formed(classes: tuple[ObjectClass, ...], seed: int) -> None:
    scene = generate_scene(classes, seed)
    count = len(scene.labels)
    assert scene.image.shape == (256, 256, 3)
    assert scene.image.dtype == np.uint8
    assert scene.masks.shape == (count, 256, 256)
    assert scene.masks.dtype == np.bool_
    assert len(scene.palettes) == count
    assert 1 <= count <= 6
    assert set(scene.labels) <= {kind.name for kind in classes}


@pytest.mark.parametrize("seed", SEEDS)
def test_visible_parts_never_overlap_and_are_large_enough(seed: int) -> None:
    masks = generate_scene(NOVEL_CLASSES, seed).masks
    assert masks.sum(0).max() <= 1
    assert masks.sum((1, 2)).min() >= 0.6 * MIN_AREA * 256**2


def test_same_seed_same_scene_other_seed_other_scene() -> None:
    first, again = generate_scene(NOVEL_CLASSES, 3), generate_scene(NOVEL_CLASSES, 3)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.masks, again.masks)
    assert first.labels == again.labels
    assert not np.array_equal(first.image, generate_scene(NOVEL_CLASSES, 4).image)


@pytest.mark.parametrize("size", [96, 200, 512])
def test_other_sizes(size: int) -> None:
    scene = generate_scene(NOVEL_CLASSES, 5, size)
    assert scene.image.shape == (size, size, 3)
    assert scene.masks.shape[1:] == (size, size)


def test_number_of_objects() -> None:
    assert all(len(generate_scene(NOVEL_CLASSES, seed, 256, (1, 1)).labels) == 1 for seed in SEEDS)


def test_objects_differ_from_their_surroundings() -> None:
    kind = ObjectClass("red disc", "disc", "solid", ("red",))
    scene = generate_scene([kind], 0, 256, (1, 1))
    red = scene.image[scene.masks[0]].mean(0)
    assert red[0] > red[1] + 60 and red[0] > red[2] + 60


def test_novel_classes_are_unseen_in_training() -> None:
    trained = {(kind.shape, kind.texture) for kind in TRAIN_CLASSES}
    assert len(NOVEL_CLASSES) >= 6
    assert all((kind.shape, kind.texture) not in trained for kind in NOVEL_CLASSES)
    assert not {kind.shape for kind in TRAIN_CLASSES} & set(NOVEL_SHAPES)
    assert {kind.shape for kind in NOVEL_CLASSES} >= set(NOVEL_SHAPES)


@pytest.mark.parametrize("kind", NOVEL_CLASSES, ids=lambda kind: kind.name)
def test_novel_classes_use_known_parts(kind: ObjectClass) -> None:
    assert kind.shape in SHAPES and kind.texture in TEXTURES
    assert set(kind.palettes) <= set(PALETTES)


def test_class_names_are_unique() -> None:
    names = [kind.name for kind in (*TRAIN_CLASSES, *NOVEL_CLASSES)]
    assert len(set(names)) == len(names)
