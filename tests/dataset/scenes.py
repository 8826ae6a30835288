"""Flat-coloured scenes with their true masks, as FiftyOne samples."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
from PIL import Image

COLOURS = {"blue": (20, 40, 220), "green": (30, 200, 40), "red": (220, 30, 30)}
BACKGROUND = (128, 128, 128)
Scene = dict[str, tuple[int, int, int, int]]
"""Class to x, y, width, height in pixels."""


def draw(scene: Scene, size: tuple[int, int] = (96, 128)) -> tuple[np.ndarray, dict]:
    image = np.full((*size, 3), BACKGROUND, np.uint8)
    masks = {}
    for name, (x, y, w, h) in scene.items():
        image[y : y + h, x : x + w] = COLOURS[name]
        masks[name] = np.zeros(size, bool)
        masks[name][y : y + h, x : x + w] = True
    return image, masks


def scene_sample(folder: Path, name: str, scene: Scene, size: tuple[int, int] = (96, 128)):
    """A sample whose `ground_truth` holds the scene's true masks."""
    image, masks = draw(scene, size)
    path = folder / f"{name}.png"
    Image.fromarray(image).save(path)
    detections = [fo.Detection.from_mask(mask, label=label) for label, mask in masks.items()]
    return fo.Sample(filepath=str(path), ground_truth=fo.Detections(detections=detections))


def random_scene(seed: int) -> Scene:
    """One object of each class, side by side."""
    rng = np.random.default_rng(seed)
    return {
        name: (
            4 + 42 * i,
            int(rng.integers(4, 40)),
            int(rng.integers(16, 34)),
            int(rng.integers(16, 40)),
        )
        for i, name in enumerate(rng.permutation(list(COLOURS)).tolist())
    }


def add_scenes(dataset: fo.Dataset, folder: Path, count: int, start: int = 0) -> list[str]:
    """Adds random scenes; returns their sample ids."""
    numbers = range(start, start + count)
    samples = [scene_sample(folder, f"scene{i}", random_scene(i)) for i in numbers]
    return list(dataset.add_samples(samples, progress=False))
