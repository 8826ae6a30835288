"""The training pictures: scenes of the training classes, drawn once and kept in memory maps."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fiftyone_ntt.demo.object_classes import TRAIN_CLASSES
from fiftyone_ntt.demo.scenes import Scene, generate_scene
from fiftyone_ntt.demo.shapes import SHAPES
from fiftyone_ntt.demo.textures import PALETTES, TEXTURES

SIZE = 256
MAX_OBJECTS = 6
#: Seeds of training scenes start here; evaluation uses small seeds.
FIRST_SEED = 1_000_000
ATTRIBUTES = (tuple(SHAPES), tuple(TEXTURES), tuple(PALETTES))

IMAGE_MEAN = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
IMAGE_STD = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)


@dataclass(frozen=True)
class SceneData:
    """``N`` scenes as arrays.

    Attributes:
        images: uint8 ``[N, 256, 256, 3]``.
        owners: uint8 ``[N, 256, 256]``, 0 for the background, else 1 + the object's index.
        attributes: uint8 ``[N, 6, 3]``, index into :data:`ATTRIBUTES` per object; 255 for none.
    """

    images: NDArray[np.uint8]
    owners: NDArray[np.uint8]
    attributes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)


def _owner_map(scene: Scene) -> NDArray[np.uint8]:
    numbers = np.arange(1, len(scene.masks) + 1, dtype=np.uint8)
    return np.tensordot(numbers, scene.masks, axes=1).astype(np.uint8)


def _attributes(scene: Scene) -> NDArray[np.uint8]:
    kinds = {kind.name: kind for kind in TRAIN_CLASSES}
    rows = np.full((MAX_OBJECTS, 3), 255, np.uint8)
    for i, (label, palette) in enumerate(zip(scene.labels, scene.palettes, strict=True)):
        values = (kinds[label].shape, kinds[label].texture, palette)
        rows[i] = [names.index(v) for names, v in zip(ATTRIBUTES, values, strict=True)]
    return rows


def _paths(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "images.npy", folder / "owners.npy", folder / "attributes.npy"


def prepare_scenes(folder: Path, count: int) -> SceneData:
    """Draw ``count`` training scenes into ``folder``, or open them if they are there."""
    paths = _paths(folder)
    if not paths[2].exists():
        cv2.setNumThreads(1)
        folder.mkdir(parents=True, exist_ok=True)
        images = np.lib.format.open_memmap(paths[0], "w+", np.uint8, (count, SIZE, SIZE, 3))
        owners = np.lib.format.open_memmap(paths[1], "w+", np.uint8, (count, SIZE, SIZE))
        attributes = np.full((count, MAX_OBJECTS, 3), 255, np.uint8)
        for i in range(count):
            scene = generate_scene(TRAIN_CLASSES, FIRST_SEED + i, SIZE)
            images[i], owners[i], attributes[i] = scene.image, _owner_map(scene), _attributes(scene)
        np.save(paths[2], attributes)
    loaded = [np.load(path, mmap_mode="r") for path in paths]
    if len(loaded[0]) != count:
        raise ValueError(f"{folder} holds {len(loaded[0])} scenes, not {count}: use another folder")
    return SceneData(*loaded)


def to_pixels(images: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 ``[B, H, W, 3]`` to normalised float32 ``[B, 3, H, W]``."""
    values = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return (values - IMAGE_MEAN) / IMAGE_STD


def draw_batch(
    data: SceneData, batch: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.int64]]:
    """Random scenes, turned, mirrored and with a slight colour cast.

    Returns:
        normalised pictures ``[B, 3, 256, 256]``, owners uint8 ``[B, 256, 256]`` and the rows drawn.
    """
    rows = np.sort(rng.choice(len(data), batch, replace=False))
    images, owners = data.images[rows], data.owners[rows]
    turns = int(rng.integers(4))
    images, owners = np.rot90(images, turns, (1, 2)), np.rot90(owners, turns, (1, 2))
    if rng.integers(2):
        images, owners = images[:, :, ::-1], owners[:, :, ::-1]
    gain = torch.from_numpy(rng.normal(1, 0.05, (batch, 3, 1, 1)).astype(np.float32))
    pixels = to_pixels(images)
    pixels = (gain * (pixels * IMAGE_STD + IMAGE_MEAN) - IMAGE_MEAN) / IMAGE_STD
    return pixels, torch.from_numpy(np.ascontiguousarray(owners)), rows
