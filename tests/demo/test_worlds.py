"""The worlds: each hard in its own way, and no scene of one part seen in another."""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from itertools import combinations, product
from pathlib import Path
from typing import cast, get_args

import cv2
import numpy as np
import pytest

from fiftyone_ntt.demo import demo_dataset
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES, TRAIN_CLASSES, ObjectClass
from fiftyone_ntt.demo.scenes import MIN_VISIBLE, generate_scene
from fiftyone_ntt.demo.worlds import (
    LOOK_ALIKES,
    MIMICKED_CLASSES,
    WORLDS,
    Part,
    Split,
    World,
    find_world,
)
from fiftyone_ntt.errors import InputError

TRAINING = Path(__file__).resolve().parents[2] / "training"
PARTS = list(product(WORLDS.values(), get_args(Split), get_args(Part)))
MOST = 1_000_000

each_world = pytest.mark.parametrize("world", WORLDS.values(), ids=list(WORLDS))


def constant(file: str, name: str) -> int:
    """A number at the top level of a training script, which tests cannot import."""
    tree = ast.parse((TRAINING / file).read_text(encoding="utf-8"))
    [value] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return int(ast.literal_eval(value))


# ---------------------------------------------------------------------------- seeds


def test_no_two_parts_share_a_seed() -> None:
    blocks = [world.seeds(split, part, MOST) for world, split, part in PARTS]
    assert len(blocks) == 4 * 2 * 2
    assert all(a.stop <= b.start or b.stop <= a.start for a, b in combinations(blocks, 2))


def test_no_seed_was_trained_on_or_is_shown_by_the_demo() -> None:
    trained = constant("scene_data.py", "FIRST_SEED")
    demo = demo_dataset._FIRST_SEED
    taken = [
        range(trained, trained + constant("train_demo_models.py", "SCENES")),
        range(demo, demo + demo_dataset.CANDIDATES + demo_dataset.TARGETS),
    ]
    first = min(world.seeds(split, part, 1).start for world, split, part in PARTS)
    assert max(block.stop for block in taken) <= first


def test_more_scenes_begin_with_the_fewer() -> None:
    world = WORLDS["demo"]
    fewer, more = (list(world.scenes("develop", "targets", count)) for count in (1, 2))
    assert fewer[0].name == more[0].name < more[1].name
    assert np.array_equal(fewer[0].image, more[0].image)
    assert not np.array_equal(more[0].image, more[1].image)


# ---------------------------------------------------------------------------- scenes

PRINTS = {
    "demo": "2daeca07137aa96a",
    "appearances": "a5ab9b0c22d91c6b",
    "look-alikes": "514df1cf54bbec3a",
    "small": "f639bac5e72a9f48",
}
"""Of the first scene's labels and masks; its picture may differ by a grey value elsewhere."""


@each_world
def test_the_first_scene_is_the_same_everywhere(world: World) -> None:
    [scene] = world.scenes("develop", "targets", 1)
    print_of = hashlib.sha256(repr(scene.labels).encode())
    print_of.update(np.packbits(scene.masks).tobytes())
    print_of.update(np.packbits(scene.look_alikes).tobytes())
    assert print_of.hexdigest()[:16] == PRINTS[world.name]


@each_world
def test_scenes_are_well_formed(world: World) -> None:
    for scene in world.scenes("judge", "candidates", 3):
        assert scene.image.shape == (world.size, world.size, 3) and scene.image.dtype == np.uint8
        assert scene.masks.shape == (len(scene.labels), world.size, world.size)
        assert set(scene.labels) <= set(world.classes)
        everything = np.concatenate([scene.masks, scene.look_alikes])
        assert everything.any(axis=0).any()
        assert everything.sum(axis=0).max() == 1


@each_world
def test_no_class_was_seen_in_training(world: World) -> None:
    trained = {(kind.shape, kind.texture) for kind in TRAIN_CLASSES}
    assert not trained & {(kind.shape, kind.texture) for kind in world.kinds}


@each_world
def test_every_class_occurs_among_few_targets(world: World) -> None:
    for split in get_args(Split):
        few = world.scenes(split, "targets", 4 if world.name == "small" else 25)
        found = {name for scene in few for name in scene.labels}
        assert found == set(world.classes)


def test_demo_is_as_the_demo_draws() -> None:
    world = WORLDS["demo"]
    [seed] = world.seeds("develop", "targets", 1)
    [scene] = world.scenes("develop", "targets", 1)
    drawn = generate_scene(NOVEL_CLASSES, seed)
    assert np.array_equal(scene.image, drawn.image) and np.array_equal(scene.masks, drawn.masks)
    assert scene.labels == drawn.labels and not len(scene.look_alikes)


# ---------------------------------------------------------------------------- appearances


def looks(world: World) -> dict[str, set[tuple[str, str]]]:
    """Texture and palette of each appearance, which is what the demo's encoder sees, by class."""
    found = defaultdict(set)
    for kind in world.kinds:
        found[kind.name] |= {(kind.texture, palette) for palette in kind.palettes}
    return found


def test_classes_have_two_or_three_appearances_and_share_none() -> None:
    found = looks(WORLDS["appearances"])
    assert len(found) >= 6
    assert {len(group) for group in found.values()} == {2, 3}
    assert not any(a & b for a, b in combinations(found.values(), 2))


def test_appearances_of_a_class_have_nothing_in_common_but_at_most_their_shape() -> None:
    groups = defaultdict(list)
    for kind in WORLDS["appearances"].kinds:
        groups[kind.name].append(kind)
    for a, b in (pair for group in groups.values() for pair in combinations(group, 2)):
        assert a.texture != b.texture and not set(a.palettes) & set(b.palettes)
    shapes = {name: {kind.shape for kind in group} for name, group in groups.items()}
    assert any(len(kinds) == 1 for kinds in shapes.values())
    assert any(len(kinds) > 1 for kinds in shapes.values())


# ---------------------------------------------------------------------------- look-alikes


@pytest.mark.parametrize("difference", LOOK_ALIKES)
def test_a_look_alike_differs_in_one_thing_alone(difference: str) -> None:
    for kind, other in zip(MIMICKED_CLASSES, LOOK_ALIKES[difference], strict=True):
        assert kind.palettes == other.palettes
        assert [name for name in ("shape", "texture") if changed(kind, other, name)] == [difference]


def changed(kind: ObjectClass, other: ObjectClass, name: str) -> bool:
    return cast(str, getattr(kind, name)) != getattr(other, name)


def test_half_of_the_objects_are_look_alikes_and_carry_no_label() -> None:
    scenes = list(WORLDS["look-alikes"].scenes("develop", "targets", 40))
    unlabelled = sum(len(scene.look_alikes) for scene in scenes)
    labelled = sum(len(scene.labels) for scene in scenes)
    assert 0.4 < unlabelled / (labelled + unlabelled) < 0.6
    assert not any(label.startswith("not ") for scene in scenes for label in scene.labels)


def test_other_worlds_have_no_look_alikes() -> None:
    for world in WORLDS.values():
        if world.name != "look-alikes":
            assert not any(len(s.look_alikes) for s in world.scenes("develop", "targets", 2))


# ---------------------------------------------------------------------------- small


def test_objects_of_small_are_small_and_many() -> None:
    world = WORLDS["small"]
    assert [round(extent * world.size) for extent in world.extents] == [38, 64]
    scenes = list(world.scenes("develop", "targets", 4))
    assert all(len(scene.labels) >= 7 for scene in scenes)
    masks = np.concatenate([scene.masks for scene in scenes])
    diameters = [
        2 * cv2.minEnclosingCircle(np.argwhere(mask).astype(np.float32))[1] for mask in masks
    ]
    # Some show a part alone; a stretched one is up to an eighth longer than its disc.
    assert min(diameters) > 38 * MIN_VISIBLE and max(diameters) < 64 * 1.15
    assert 36 < np.median(diameters) < 60
    assert masks.mean(axis=(1, 2)).max() < 0.06


# ---------------------------------------------------------------------------- errors


def test_an_unknown_world_and_an_impossible_count_are_named() -> None:
    with pytest.raises(InputError, match=r"no world 'tiny'\. Use one of: demo, appear"):
        find_world("tiny")
    with pytest.raises(InputError, match="count is -1"):
        find_world("small").scenes("judge", "targets", -1)
