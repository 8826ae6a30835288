"""Generated COCO files with images, of every kind of annotation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

CATEGORIES = [
    {"id": 9, "name": "zebra", "supercategory": "animal"},
    {"id": 2, "name": "boat"},
    {"id": 44, "name": "ant"},
]


def images(folder: Path, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Image entries in an order that is neither that of ids nor of names, with their files."""
    rng = np.random.default_rng(seed)
    records = []
    for key in rng.permutation(np.arange(3, 3 + count)).tolist():
        width, height = (int(side) for side in rng.integers(40, 130, 2))
        name = f"{'even' if key % 2 == 0 else 'odd'}/{key}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (int(rng.integers(255)), 0, 0)).save(folder / name)
        records.append({"id": key, "file_name": name, "height": height, "width": width})
    return records


def annotation(rng: np.random.Generator, key: int, image: dict[str, Any]) -> dict[str, Any]:
    """One annotation: polygons, run lengths of either kind, a crowd, or a box alone."""
    height, width = image["height"], image["width"]
    kind = rng.choice(["polygons", "counts", "text", "box"], p=[0.55, 0.15, 0.2, 0.1])
    row: dict[str, Any] = {
        "id": key,
        "image_id": image["id"],
        "category_id": int(rng.choice([2, 9, 44])),
        "iscrowd": int(kind == "counts"),
    }
    if kind == "box":
        x, y = rng.uniform(0, width / 2), rng.uniform(0, height / 2)
        box = [x, y, rng.uniform(0.5, width / 2), rng.uniform(0.5, height / 2)]
        return {**row, "bbox": np.round(box, 2).tolist(), "segmentation": [], "area": 12.5}
    if kind == "polygons":
        shapes = [polygon(rng, height, width) for _ in range(rng.integers(1, 3))]
        points = np.concatenate([np.reshape(shape, (-1, 2)) for shape in shapes])
        low, high = points.min(axis=0), points.max(axis=0)
        box = np.round([*low, *(high - low)], 2).tolist()
        return {**row, "segmentation": shapes, "bbox": box, "area": round(rng.uniform(1, 900), 4)}
    mask = blob(rng, height, width)
    if kind == "text":
        rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        size = [height, width]
        return {**row, "segmentation": {"size": size, "counts": rle["counts"].decode()}}
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    counts = [0, *runs] if flat[0] else runs
    return {**row, "segmentation": {"size": [height, width], "counts": counts}, "area": 7}


def polygon(rng: np.random.Generator, height: int, width: int) -> list[float]:
    corners = rng.integers(3, 9)
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(2, 30, (corners, 1))
    points = centre + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.round(np.clip(points, 0, (width, height)), 2).ravel().tolist()


def blob(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A ragged area with holes, never empty; it may touch the borders."""
    mask = np.zeros((height, width), bool)
    top, left = rng.integers(0, height), rng.integers(0, width)
    area = mask[top : top + 30, left : left + 30]
    area[...] = rng.random(area.shape) > 0.3
    mask[top, left] = True
    return mask


def pixels(row: dict[str, Any], image: dict[str, Any]) -> int:
    """How many pixels pycocotools draws of polygons."""
    shapes = coco_mask.frPyObjects(row["segmentation"], image["height"], image["width"])
    return int(coco_mask.area(coco_mask.merge(shapes)))


def generated(folder: Path, count: int = 40, annotations: int = 1000) -> dict[str, Any]:
    """A file of so many images and annotations, interleaved, ids in no order."""
    rng = np.random.default_rng(1)
    records = images(folder, count)
    rows = []
    for key in rng.permutation(np.arange(100, 100 + annotations)).tolist():
        image = records[rng.integers(count)]
        row = annotation(rng, key, image)
        while isinstance(row["segmentation"], list) and row["segmentation"]:
            if pixels(row, image):  # a sliver may miss every pixel's centre
                break
            row = annotation(rng, key, image)
        rows.append(row)
    return {"images": records, "categories": CATEGORIES, "annotations": rows}
