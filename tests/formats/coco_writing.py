"""Scenes as COCO files, by pycocotools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from tests.formats.scenes import CLASSES, Scene

CATEGORIES = [{"id": key, "name": name} for key, name in zip((18, 3, 44, 7), CLASSES, strict=True)]
"""With ids in another order than the classes."""
NUMBERS = {row["name"]: row["id"] for row in CATEGORIES}


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    found = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": found["counts"].decode()}


def coco_content(scenes: Sequence[Scene]) -> dict[str, Any]:
    images, annotations = [], []
    for key, scene in enumerate(scenes, start=100):
        height, width = scene.size
        images.append({"id": key, "file_name": scene.name, "height": height, "width": width})
        for item in scene.objects:
            annotations.append(
                {
                    "id": 5 * len(annotations) + 2,
                    "image_id": key,
                    "category_id": NUMBERS[item.label],
                    "segmentation": run_lengths(item.mask),
                    "bbox": list(item.box),
                    "area": int(item.mask.sum()),
                    "iscrowd": 0,
                    "attributes": item.attributes,
                }
            )
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}
