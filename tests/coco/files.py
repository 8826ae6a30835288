"""Small COCO files and images for the tests of this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from tests.core.toy_models import scene

SIZE = (40, 60)


def image_entry(key: int, name: str | None = None) -> dict[str, Any]:
    return {
        "id": key,
        "file_name": name or f"image-{key}.png",
        "height": SIZE[0],
        "width": SIZE[1],
    }


def content(
    images: list[int],
    annotations: list[dict[str, Any]] | None = None,
    categories: dict[int, str] | None = None,
) -> dict[str, Any]:
    names = categories or {7: "bird", 3: "boat"}
    found: dict[str, Any] = {
        "images": [image_entry(key) for key in images],
        "categories": [{"id": key, "name": name} for key, name in names.items()],
    }
    if annotations is not None:
        found["annotations"] = annotations
    return found


def annotation(key: int, image: int, category: int, **fields: Any) -> dict[str, Any]:
    return {"id": key, "image_id": image, "category_id": category, **fields}


def rectangle(x: float, y: float, width: float, height: float) -> dict[str, Any]:
    """The fields of a rectangle, drawn as a polygon."""
    right, bottom = x + width, y + height
    return {
        "bbox": [x, y, width, height],
        "segmentation": [[x, y, right, y, right, bottom, x, bottom]],
    }


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def write_images(folder: Path, keys: list[int]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        Image.fromarray(scene(key, SIZE)).save(folder / f"image-{key}.png")
    return folder
