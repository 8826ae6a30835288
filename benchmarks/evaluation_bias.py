"""FiftyOne's own evaluation beside pycocotools: `python -m benchmarks.evaluation_bias`.

Draws objects and imperfect predictions, writes them as COCO files, and scores them three times: by
pycocotools on the files, by `fiftyone_ntt.evaluate`, and by FiftyOne's own evaluation of what
FiftyOne's own importer reads. Prints a table in Markdown. Needs FiftyOne's database.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.own_files import REPORT_FILE

HEIGHT, WIDTH, PER_IMAGE = 240, 320, 8
CLASSES = ("bird", "boat", "kite")

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What the data of one row is like.

    Attributes:
        name: for the table.
        sides: smallest and largest width of an object, in pixels.
        crowds: share of the true objects that are crowds.
        scores: decimals of the predictions' scores.
        jitter: how far predictions are off, in sides of the object.
        whole: whether objects are drawn as whole pixels, not as polygons.
    """

    name: str
    sides: tuple[int, int] = (40, 110)
    crowds: float = 0.0
    scores: int = 6
    jitter: float = 0.08
    whole: bool = True


CASES = (
    Case("distinct scores, no crowds, whole pixels"),
    Case("15 % of the objects are crowds", crowds=0.15),
    Case("scores rounded to one decimal", scores=1),
    Case("polygons of 40 to 110 px", whole=False),
    Case("polygons of 6 to 24 px", sides=(6, 24), whole=False),
    Case("the same, predicted without a mistake", sides=(6, 24), jitter=0.0, whole=False),
)


def polygon(rng: np.random.Generator, sides: tuple[int, int]) -> np.ndarray:
    """Corners `[N, 2]`, x and y, of a shape somewhere in the image."""
    radius = rng.uniform(*sides) / 2
    centre = rng.uniform(radius, np.array([WIDTH, HEIGHT]) - radius)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    reach = radius * rng.uniform(0.7, 1.0, (9, 1))
    return np.round(centre + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1), 2)


def drawn(corners: np.ndarray) -> Any:
    from pycocotools import mask as coco_mask

    points = np.clip(corners, 0, (WIDTH, HEIGHT)).ravel().tolist()
    return coco_mask.merge(coco_mask.frPyObjects([points], HEIGHT, WIDTH))


def files(case: Case, images: int, folder: Path) -> None:
    """Write the images, `truth.json` and `results.json`."""
    from PIL import Image
    from pycocotools import mask as coco_mask

    rng = np.random.default_rng(5)
    entries: list[Row] = []
    annotations: list[Row] = []
    results: list[Row] = []
    for image in range(1, images + 1):
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"{image}.png")
        entries.append({"id": image, "file_name": f"{image}.png", "height": HEIGHT, "width": WIDTH})
        for _ in range(PER_IMAGE):
            corners = polygon(rng, case.sides)
            rle = drawn(corners)
            if not coco_mask.area(rle):
                continue
            crowd, label = bool(rng.random() < case.crowds), int(rng.integers(len(CLASSES)))
            low, high = corners.min(axis=0), corners.max(axis=0)
            box = [*low.tolist(), *(high - low).tolist()]
            text = {"size": rle["size"], "counts": rle["counts"].decode()}
            as_pixels = case.whole or crowd
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": label + 1,
                    "iscrowd": int(crowd),
                    "segmentation": text if as_pixels else [corners.ravel().tolist()],
                    "bbox": coco_mask.toBbox(rle).tolist() if as_pixels else box,
                    "area": float(coco_mask.area(rle)),
                }
            )
            predicted = _predictions(rng, case, corners, crowd, label)
            results += [{"image_id": image, **row} for row in predicted]
    categories = [{"id": key, "name": name} for key, name in enumerate(CLASSES, start=1)]
    truth = {"images": entries, "categories": categories, "annotations": annotations}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps(results))


def _predictions(
    rng: np.random.Generator, case: Case, corners: np.ndarray, crowd: bool, label: int
) -> Iterator[Row]:
    """What a model might make of one object: it, a part of a crowd, and now and then nothing."""
    from pycocotools import mask as coco_mask

    shapes = [corners] if case.jitter == 0 or rng.random() > 0.1 else []
    if case.jitter and rng.random() < 0.4:
        shapes.append(polygon(rng, case.sides))  # nothing at all
    if crowd:  # one prediction per member of the group
        centre = corners.mean(axis=0)
        shapes = [centre + (corners - centre) * 0.4 + rng.normal(0, 6, 2) for _ in range(3)]
    for shape in shapes:
        side = np.ptp(shape, axis=0).max()
        moved = shape + rng.normal(0, case.jitter * side, 2) * rng.random()
        rle = drawn(moved)
        if coco_mask.area(rle):
            score = round(float(rng.uniform(0.05, 1)), case.scores)
            counts = rle["counts"].decode()
            yield {
                "category_id": label + 1,
                "score": score,
                "segmentation": {"size": rle["size"], "counts": counts},
                "bbox": coco_mask.toBbox(rle).tolist(),
            }


def by_pycocotools(folder: Path, kind: str) -> float:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rows = json.loads((folder / "results.json").read_text())
    for row in rows:  # results with a box would be sized by it
        del row["bbox" if kind == "masks" else "segmentation"]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "truth.json"))
        found = COCOeval(truth, truth.loadRes(rows), "segm" if kind == "masks" else "bbox")
        found.evaluate()
        found.accumulate()
        found.summarize()
    return float(found.stats[0])


def add_predictions(dataset: Any, folder: Path) -> None:
    """The results as detections whose masks are those of the file."""
    import fiftyone as fo
    from pycocotools import mask as coco_mask

    groups: dict[str, list[Any]] = {}
    for row in json.loads((folder / "results.json").read_text()):
        mask = coco_mask.decode(row["segmentation"]).astype(bool)
        detection = fo.Detection.from_mask(
            mask, label=CLASSES[row["category_id"] - 1], confidence=row["score"]
        )
        groups.setdefault(str(folder / f"{row['image_id']}.png"), []).append(detection)
    for sample in dataset.iter_samples(autosave=True, progress=False):
        sample["predictions"] = fo.Detections(detections=groups.get(sample.filepath, []))


def by_fiftyone_ntt(folder: Path, name: str) -> dict[str, float]:
    import fiftyone_ntt as ntt

    dataset = ntt.import_coco(folder, folder / "truth.json", f"{name}-ntt", progress=False).dataset
    try:
        add_predictions(dataset, folder)
        found = ntt.evaluate(dataset, "predictions", "ground_truth", progress=False)
        return {"masks": found.mask_map or 0.0, "boxes": found.box_map or 0.0}
    finally:
        dataset.delete()


def by_fiftyone(folder: Path, name: str) -> dict[str, float]:
    import fiftyone as fo

    dataset = fo.Dataset.from_dir(
        dataset_type=fo.types.COCODetectionDataset,
        data_path=str(folder),
        labels_path=str(folder / "truth.json"),
        label_types=["segmentations"],
        label_field="ground_truth",
        name=f"{name}-fiftyone",
        progress=False,
    )
    try:
        add_predictions(dataset, folder)
        return {
            kind: float(
                dataset.evaluate_detections(
                    "predictions",
                    "ground_truth",
                    use_masks=kind == "masks",
                    compute_mAP=True,
                    progress=False,
                ).mAP()
            )
            for kind in ("masks", "boxes")
        }
    finally:
        dataset.delete()


def compare(case: Case, images: int) -> dict[str, dict[str, float]]:
    """AP by masks and boxes, by tool."""
    name = f"evaluation-bias-{time.time_ns()}"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        files(case, images, folder)
        return {
            "pycocotools": {kind: by_pycocotools(folder, kind) for kind in ("masks", "boxes")},
            "fiftyone-ntt": by_fiftyone_ntt(folder, name),
            "FiftyOne": by_fiftyone(folder, name),
        }


def main() -> None:
    options = argparse.ArgumentParser("benchmarks.evaluation_bias", description=__doc__)
    options.add_argument("--images", type=int, default=40)
    options.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = options.parse_args()
    if arguments.json:
        require_writable(arguments.json, REPORT_FILE)
    import fiftyone  # noqa: F401  # which sets its own level when it is imported

    logging.getLogger("fiftyone").setLevel(logging.WARNING)
    print("| AP of | | pycocotools | `fiftyone_ntt.evaluate` | FiftyOne | its bias |")
    print("|---|---|---|---|---|---|")
    written = {}
    for case in CASES:
        found = compare(case, arguments.images)
        written[case.name] = found
        for kind in ("masks", "boxes"):
            exact, ours, theirs = (found[tool][kind] for tool in found)
            print(
                f"| {case.name} | {kind} | {exact:.4f} | {ours:.4f} | {theirs:.4f} | "
                f"{theirs - exact:+.4f} |",
                flush=True,
            )
    if arguments.json:
        write_atomically(arguments.json, REPORT_FILE.content(written), REPORT_FILE)


if __name__ == "__main__":
    main()
