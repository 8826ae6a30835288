"""Memory and time of taking in many labels of large images: COCO files, and boxes to masks.

Every measurement has a process of its own, as in `memory`; what importing the packages takes is
what the process holds before.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import Report, Row

PHOTO = (3000, 4000)
_Case = tuple[str, str, int, tuple[int, int], int]
CASES: tuple[_Case, ...] = (
    ("import_coco", "450 photos of 12 megapixels, 1,585 polygons", 450, PHOTO, 1585),
    ("import_coco", "20 images of 704 px, 300 polygons each", 20, (704, 704), 6000),
    ("import_coco", "one image of 4,000 px, 400 polygons", 1, (4000, 4000), 400),
    ("boxes_to_masks", "8 photos of 12 megapixels, 40 boxes each", 8, PHOTO, 320),
)
QUICK: tuple[_Case, ...] = (
    ("import_coco", "2 photos of 12 megapixels, 80 polygons", 2, PHOTO, 80),
    ("boxes_to_masks", "2 photos of 12 megapixels, 80 boxes", 2, PHOTO, 80),
)


def label_memory(cases: tuple[_Case, ...] = CASES) -> Report:
    """MB above what the packages take, and seconds, of importing and making labels."""
    rows: list[Row] = []
    for name, what, images, size, labels in cases:
        command = [sys.executable, "-m", "benchmarks.label_memory", name]
        command += [str(value) for value in (images, *size, labels)]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path.cwd())
        measured = json.loads(run.stdout.splitlines()[-1])
        rows.append({"call": name, "of": what, **measured})
    return Report("memory of labels of large images", rows)


def _measure(name: str, images: int, size: tuple[int, int], labels: int) -> Row:
    import fiftyone as fo
    import torch

    import fiftyone_ntt as ntt
    from benchmarks.stopwatch import now, peak_memory, resident_memory

    import_coco, boxes_to_masks = ntt.import_coco, ntt.boxes_to_masks  # which loads their modules
    folder = Path(tempfile.mkdtemp())
    dataset = fo.Dataset()
    try:
        content = _content(folder, images, size, labels, boxes_alone=name == "boxes_to_masks")
        (folder / "labels.json").write_text(json.dumps(content))
        if name == "boxes_to_masks":
            import_coco(folder, folder / "labels.json", dataset, "boxes", progress=False)
            models = ntt.load_models("demo")
        before, start = resident_memory(), now()
        if name == "import_coco":
            import_coco(folder, folder / "labels.json", dataset, "labels", progress=False)
        else:
            boxes_to_masks(dataset, "boxes", "masks", models=models, progress=False)
        seconds, peak = now() - start, peak_memory(torch.device("cpu"))
    finally:
        dataset.delete()
        shutil.rmtree(folder)
    return {"before (MB)": before, "above (MB)": peak - before, "seconds": seconds}


def _content(
    folder: Path, images: int, size: tuple[int, int], labels: int, *, boxes_alone: bool
) -> dict[str, Any]:
    """A COCO file of small objects all over some empty images, which are made."""
    from PIL import Image

    height, width = size
    Image.new("RGB", (width, height), (90, 120, 60)).save(folder / "0.jpg")
    for number in range(1, images):
        shutil.copy(folder / "0.jpg", folder / f"{number}.jpg")
    rows: list[Row] = []
    for number in range(labels):
        x, y = 37 * number % (width - 60), 53 * number % (height - 60)
        outline = [x, y, x + 50.5, y + 3.25, x + 41, y + 55.75, x + 4.5, y + 40]
        row: Row = {"id": number, "image_id": number % images, "category_id": 1}
        row["bbox"] = [x, y, 50.5, 55.75]
        rows.append(row if boxes_alone else {**row, "segmentation": [outline]})
    return {
        "images": [
            {"id": number, "file_name": f"{number}.jpg", "height": height, "width": width}
            for number in range(images)
        ],
        "categories": [{"id": 1, "name": "leaf"}],
        "annotations": rows,
    }


if __name__ == "__main__":
    count, high, wide, marks = map(int, sys.argv[2:])
    print(json.dumps(_measure(sys.argv[1], count, (high, wide), marks)))
