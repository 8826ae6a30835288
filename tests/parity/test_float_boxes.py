"""Windows of references whose boxes have float corners, as COCO's polygons have: the published code
cuts them from the annotated box (method 2), not from the mask's own, which is of whole pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.coco.reading import read_coco
from fiftyone_ntt.coco.references import references_by_class
from fiftyone_ntt.core.rle import encode_masks, rle_boxes
from fiftyone_ntt.core.windows import reference_window
from tests.coco.files import write

SIZE = (360, 480)


def window_by_the_letter(box: list[float]) -> tuple[int, ...]:
    """Section 2 of the method's specification."""
    x, y, w, h = box
    x1, y1, x2, y2 = int(x), int(y), int(x + w), int(y + h)
    side = max(x2 - x1, y2 - y1) * 1.2
    edges = []
    for centre, limit in (((x1 + x2) / 2, SIZE[1]), ((y1 + y2) / 2, SIZE[0])):
        edges.append((max(int(centre - side / 2), 0), min(int(centre + side / 2), limit)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def polygon(rng: np.random.Generator) -> list[float]:
    """Round, with corners of two decimals, as COCO's have."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    reach = rng.uniform(20, 80, 2) * rng.uniform(0.95, 1, (24, 1))
    centre = rng.uniform(0.25, 0.75, 2) * (SIZE[1], SIZE[0])
    points = centre + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return [float(value) for value in np.round(points, 2).ravel()]


@pytest.mark.parametrize("seed", range(3))
def test_windows_of_float_boxes(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = []
    for key in range(40):
        shape = polygon(rng)
        points = np.reshape(shape, (-1, 2))
        low, size = points.min(axis=0), np.ptp(points, axis=0)
        box = [round(float(value), 2) for value in (*low, *size)]
        rows.append({"id": key, "image_id": 1, "category_id": 1, "bbox": box})
        rows[-1]["segmentation"] = [shape]
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "a.png")
    image = {"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}
    data = {"images": [image], "categories": [{"id": 1, "name": "a"}], "annotations": rows}
    file = read_coco(write(tmp_path / "refs.json", data))
    found = list(references_by_class(file, tmp_path)["a"])
    windows = [reference_window(reference.box, SIZE) for reference in found]
    assert windows == [window_by_the_letter(row["bbox"]) for row in rows]

    other = 0
    for reference, window in zip(found, windows, strict=True):
        assert reference.mask is not None
        x1, y1, x2, y2 = rle_boxes(encode_masks(reference.mask[None]))[0].tolist()
        other += window != reference_window((x1, y1, x2 + 1 - x1, y2 + 1 - y1), SIZE)
    assert other > 20  # the masks' own boxes would give other windows
