"""LVIS's scores: COCO's where all is annotated, and its two rules where not."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.coco.federated import federated_scores

SIZE = (120, 160)
CATEGORIES = [{"id": key, "name": f"c{key}", "frequency": "rcf"[key % 3]} for key in range(1, 7)]


def rectangle(x: int, y: int, w: int, h: int) -> dict[str, Any]:
    mask = np.zeros(SIZE, np.uint8, order="F")
    mask[y : y + h, x : x + w] = 1
    rle = coco_mask.encode(mask)
    return {
        "bbox": [x, y, w, h],
        "segmentation": {"size": list(SIZE), "counts": rle["counts"].decode()},
    }


def world(seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Random objects and results, many of them near an object, with ties among the scores."""
    random = np.random.default_rng(seed)

    def somewhere() -> tuple[int, int, int, int]:
        w, h = (int(v) for v in random.integers(6, 110, 2))
        return int(random.integers(0, 160 - w + 1)), int(random.integers(0, 121 - h)), w, h

    images = [{"id": key, "height": SIZE[0], "width": SIZE[1]} for key in range(1, 9)]
    annotations, results = [], []
    for image in images:
        for _ in range(int(random.integers(0, 7))):
            x, y, w, h = somewhere()
            key = {"image_id": image["id"], "category_id": int(random.integers(1, 6))}
            shape = rectangle(x, y, w, h)
            annotations.append({"id": len(annotations) + 1, **key, **shape, "area": w * h})
            near = rectangle(x, y, max(w - int(random.integers(0, 9)), 1), h)
            results.append({**key, **near, "score": round(float(random.random()), 1)})
        for _ in range(12):
            key = {"image_id": image["id"], "category_id": int(random.integers(1, 7))}
            results.append({**key, **rectangle(*somewhere()), "score": float(random.random())})
        shown = {a["category_id"] for a in annotations if a["image_id"] == image["id"]}
        image["neg_category_ids"] = sorted({1, 2, 3, 4, 5, 6} - shown)
        image["not_exhaustive_category_ids"] = []
    return {"images": images, "categories": CATEGORIES, "annotations": annotations}, results


def pycocotools(truth: dict, results: list[dict], kind: str) -> COCOeval:
    """pycocotools on its own, with LVIS's limit of detections."""
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = copy.deepcopy(truth)
        for row in index.dataset["annotations"]:
            row["iscrowd"] = 0
        index.createIndex()
        rows = copy.deepcopy(results)
        if kind == "masks":
            for row in rows:
                del row["bbox"]
        evaluation = COCOeval(index, index.loadRes(rows), "segm" if kind == "masks" else "bbox")
        evaluation.params.maxDets = [300]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def mean(values: np.ndarray) -> float:
    defined = values[values > -1]
    return float(defined.mean()) if len(defined) else -1.0


@pytest.mark.parametrize("kind", ["masks", "boxes"])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_pycocotools_where_all_is_annotated(seed: int, kind: str) -> None:
    truth, results = world(seed)
    found = federated_scores(truth, results, kind)  # type: ignore[arg-type]
    precision = pycocotools(truth, results, kind).eval["precision"][..., 0]  # T, R, K, A
    recall = pycocotools(truth, results, kind).eval["recall"][..., 0]
    rare = [i for i, category in enumerate(CATEGORIES) if category["frequency"] == "r"]
    expected = {
        "AP": mean(precision[..., 0]),
        "AP50": mean(precision[0, ..., 0]),
        "AP75": mean(precision[5, ..., 0]),
        "APm": mean(precision[..., 2]),
        "APl": mean(precision[..., 3]),
        "APr": mean(precision[:, :, rare, 0]),
        "AR300": mean(recall[..., 0]),
    }
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert 0.05 < found.metrics["AP"] < 0.95
    assert found.classes["c1"] == pytest.approx(mean(precision[:, :, 0, 0]), abs=1e-12)
    assert "c6" not in found.classes


def one_object(**image: Any) -> dict[str, Any]:
    entry = {"id": 1, "height": SIZE[0], "width": SIZE[1], **image}
    row = {"id": 1, "image_id": 1, "category_id": 1, **rectangle(10, 10, 60, 60), "area": 3600}
    other = {"id": 2, "height": SIZE[0], "width": SIZE[1], "neg_category_ids": []}
    return {"images": [entry, other], "categories": CATEGORIES, "annotations": [row]}


HIT = {"image_id": 1, "category_id": 1, **rectangle(10, 10, 60, 60), "score": 0.5}
MISS = {"image_id": 1, "category_id": 1, **rectangle(90, 60, 60, 60), "score": 0.9}


@pytest.mark.parametrize(
    ("image", "wrong", "expected"),
    [
        ({}, MISS, 0.5),
        ({"not_exhaustive_category_ids": [1]}, MISS, 1.0),
        ({"not_exhaustive_category_ids": [2]}, MISS, 0.5),
        # On an image that nobody looked at for the category, and on one known not to show it.
        ({}, {**MISS, "image_id": 2}, 1.0),
        ({}, {**MISS, "image_id": 3}, 0.5),
    ],
)
def test_what_counts_as_wrong(image: dict, wrong: dict, expected: float) -> None:
    truth = one_object(**image)
    truth["images"].append({"id": 3, "neg_category_ids": [1]})
    found = federated_scores(truth, [HIT, wrong], "masks")
    assert found.metrics["AP"] == pytest.approx(expected)
    assert found.classes == {"c1": pytest.approx(expected)}


def test_the_limit_is_per_image_over_all_categories() -> None:
    others = [{**MISS, "category_id": 2, "score": 0.8} for _ in range(300)]
    for count, expected in ((299, 1), (300, 0)):
        found = federated_scores(one_object(), [HIT, *others[:count]], "boxes")
        assert found.metrics["AP"] == pytest.approx(expected)


def test_nothing_to_find() -> None:
    found = federated_scores({**one_object(), "annotations": []}, [HIT], "masks")
    assert set(found.metrics.values()) == {-1.0} and found.classes == {}
