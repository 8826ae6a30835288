"""Scenes of objects that overlap, as labels that go out to a tool."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from fiftyone_ntt.core.rle import encode_masks, rle_boxes
from fiftyone_ntt.prelabels.prelabel import Prelabel, PrelabelFormat, PrelabelledImage, Writing
from fiftyone_ntt.store.atomic import write_folder
from tests.formats.scenes import CLASSES, Scene, make_scenes


def mask_prelabel(number: int, label: str, mask: np.ndarray, score: float | None) -> Prelabel:
    [rle] = encode_masks(mask[None])
    left, top, right, bottom = rle_boxes([rle])[0].tolist()
    box = (left, top, right - left + 1, bottom - top + 1)
    return Prelabel(f"{number:024x}", label, rle, box, score, f"image:{number}")


def prelabelled(scene: Scene, folder: Path, first: int = 1) -> PrelabelledImage:
    """The scene's objects, holes, parts and all, and a square that lies over each two of them."""
    masks = [(item.label, item.mask) for item in scene.objects]
    for one, other in pairwise(scene.objects):
        square = np.zeros(scene.size, dtype=bool)
        rows = slice(*sorted((np.argwhere(one.mask)[0, 0], np.argwhere(other.mask)[-1, 0])))
        columns = slice(*sorted((np.argwhere(one.mask)[0, 1], np.argwhere(other.mask)[-1, 1])))
        square[rows, columns] = True
        if square.any():
            masks.append((one.label, square))
    labels = [
        mask_prelabel(first + number, label, mask, round(0.95 - number / 20, 4))
        for number, (label, mask) in enumerate(masks)
    ]
    path = scene.save_image(folder)
    return PrelabelledImage(scene.name, str(path), scene.size, labels, f"{first:024x}")


def all_prelabelled(folder: Path, count: int | None = None) -> list[PrelabelledImage]:
    return [
        prelabelled(scene, folder, 1000 * number)
        for number, scene in enumerate(make_scenes(count), 1)
    ]


def written(
    known: PrelabelFormat, images: list[PrelabelledImage], photos: Path, folder: Path
) -> Writing:
    """Writes them; what was said of them meanwhile."""
    classes = {item.label for image in images for item in image.labels} - set(CLASSES)
    writing = Writing(
        [*CLASSES, *sorted(classes)], str(photos), str(folder), "/data/local-files/?d="
    )
    write_folder(folder, known.write(iter(images), writing))
    return writing


def shown(image: PrelabelledImage, writing: Writing) -> list[Prelabel]:
    """Its labels as the files show them."""
    return [
        writing.shown.get(item.id, item) for item in image.labels if item.id not in writing.left
    ]
