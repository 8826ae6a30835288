"""Semantic scores against a hand computation and a loop over pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.semantic import semantic_scores
from fiftyone_ntt.errors import InputError

CATEGORIES = [{"id": 7, "name": "bird"}, {"id": 3, "name": "boat"}, {"id": 9, "name": "cow"}]


def instance(image: int, category: int, mask: np.ndarray, **more: Any) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    rle["counts"] = rle["counts"].decode()
    return {"image_id": image, "category_id": category, "segmentation": rle, **more}


def columns(first: int, last: int, size: tuple[int, int] = (2, 10)) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[:, first:last] = True
    return mask


def truth(annotations: list[dict[str, Any]], images: int = 1, size: Any = (2, 10)) -> dict:
    return {
        "images": [{"id": i, "height": size[0], "width": size[1]} for i in range(1, images + 1)],
        "categories": CATEGORIES,
        "annotations": annotations,
    }


@pytest.mark.parametrize(
    ("options", "bird", "boat", "background"),
    [
        # True: bird in columns 0-3, boat in 4-7. Found: bird 0-5 at 0.9, boat 2-7 at 0.6.
        ({}, 4 / 6, 2 / 4, 1.0),
        ({"on_top": "later"}, 2 / 4, 4 / 6, 1.0),
        ({"confidence_threshold": 0.6}, 4 / 6, 2 / 4, 1.0),
        ({"confidence_threshold": 0.61}, 4 / 6, 0.0, 2 / 4),
        ({"confidence_threshold": 0.95}, 0.0, 0.0, 2 / 10),
    ],
)
def test_by_hand(options: dict[str, Any], bird: float, boat: float, background: float) -> None:
    true = [instance(1, 7, columns(0, 4)), instance(1, 3, columns(4, 8))]
    found = [
        instance(1, 7, columns(0, 6), score=0.9),
        instance(1, 3, columns(2, 8), score=0.6),
    ]
    scores = semantic_scores(truth(true), found, **options)
    assert scores.classes == pytest.approx({"bird": bird, "boat": boat})
    assert scores.mean == pytest.approx((bird + boat) / 2)
    assert scores.background == pytest.approx(background)
    assert str(scores) == f"mIoU {50 * (bird + boat):.1f} over 2 classes"


def by_pixel(content: dict, found: list[dict], threshold: float, on_top: str) -> dict[str, float]:
    """The same, one pixel at a time."""
    rows = [row for row in found if row["score"] >= threshold]
    if on_top == "confident":
        rows = sorted(rows, key=lambda row: row["score"])
    hits = {key["id"]: 0 for key in CATEGORIES}
    true_count, found_count = dict(hits), dict(hits)
    for image in content["images"]:
        layers = [
            [
                (r["category_id"], coco_mask.decode(r["segmentation"]))
                for r in part
                if r["image_id"] == image["id"]
            ]
            for part in (content["annotations"], rows)
        ]
        for y in range(image["height"]):
            for x in range(image["width"]):
                one, two = (
                    next((key for key, mask in reversed(part) if mask[y, x]), None)
                    for part in layers
                )
                if one is not None:
                    true_count[one] += 1
                if two is not None:
                    found_count[two] += 1
                if one == two and one is not None:
                    hits[one] += 1
    return {
        c["name"]: hits[c["id"]] / (true_count[c["id"]] + found_count[c["id"]] - hits[c["id"]])
        for c in CATEGORIES
        if true_count[c["id"]]
    }


@pytest.mark.parametrize("on_top", ["confident", "later"])
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_a_loop_over_pixels(seed: int, on_top: str) -> None:
    random = np.random.default_rng(seed)
    size = (9, 13)

    def draw(count: int, **more: Any) -> list[dict[str, Any]]:
        found = []
        for _ in range(count):
            mask = np.zeros(size, bool)
            top, left = random.integers(0, 8), random.integers(0, 12)
            mask[top : top + random.integers(1, 7), left : left + random.integers(1, 9)] = True
            score = round(float(random.random()), 1)
            row = instance(int(random.integers(1, 4)), int(random.choice([7, 3, 9])), mask)
            found.append({**row, "score": score} if more else row)
        return found

    content, found = truth(draw(8), 3, size), draw(15, score=True)
    scores = semantic_scores(content, found, confidence_threshold=0.3, on_top=on_top)
    assert scores.classes == pytest.approx(by_pixel(content, found, 0.3, on_top), abs=1e-12)
    assert 0 < scores.mean < 1


def test_nothing_true_and_nothing_found() -> None:
    scores = semantic_scores(truth([]), [])
    assert (scores.classes, scores.mean, scores.background) == ({}, -1.0, 1.0)


def test_a_polygon_and_a_crowd_count() -> None:
    polygon = {"image_id": 1, "category_id": 7, "segmentation": [[0, 0, 4, 0, 4, 2, 0, 2]]}
    crowd = {
        "image_id": 1,
        "category_id": 3,
        "iscrowd": 1,
        "segmentation": {"size": [2, 10], "counts": [8, 12]},
    }
    perfect = [
        instance(1, 7, columns(0, 4), score=0.5),
        instance(1, 3, columns(4, 10), score=0.5),
    ]
    assert semantic_scores(truth([polygon, crowd]), perfect).mean == 1.0


def test_refusals(unchecked: None) -> None:
    with pytest.raises(InputError, match="on_top is 'first'"):
        semantic_scores(truth([]), [], on_top="first")  # type: ignore[arg-type]
    box = {"id": 4, "image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1]}
    with pytest.raises(InputError, match="annotation 4 has no segmentation"):
        semantic_scores(truth([box]), [])
    with pytest.raises(InputError, match="image 1 lacks 'height'"):
        semantic_scores({**truth([]), "images": [{"id": 1}]}, [])
    other = instance(1, 7, columns(0, 4, (3, 10)), score=0.9)
    with pytest.raises(InputError, match="is 10 x 3 px but its image is 10 x 2 px"):
        semantic_scores(truth([]), [other])
