"""The streamed scores against pycocotools, called as its users call it."""

from __future__ import annotations

import contextlib
import io
from typing import Any, Literal

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.coco.scorer import METRICS, RECALLS, Candidate, Pair, Scorer
from fiftyone_ntt.errors import InputError

SIZE = (120, 160)
CLASSES = {"ant": 3, "boat": 1, "cow": 7, "dog": 2}
Case = list[tuple[list[Candidate], list[Candidate]]]


def drawn(mask: np.ndarray, label: str, **fields: Any) -> Candidate:
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    box = coco_mask.toBbox(rle).tolist()
    return Candidate(label, rle, box, float(coco_mask.area(rle)), **fields)


def random_mask(rng: np.random.Generator, tiny: bool) -> np.ndarray:
    side = (1, 5) if tiny else (4, 110)
    h, w = (int(rng.integers(side[0], min(side[1], limit))) for limit in SIZE)
    y, x = int(rng.integers(0, SIZE[0] - h + 1)), int(rng.integers(0, SIZE[1] - w + 1))
    mask = np.zeros(SIZE, bool)
    mask[y : y + h, x : x + w] = rng.random((h, w)) > 0.15
    mask[y, x] = True
    return mask


def shaken(rng: np.random.Generator, item: Candidate) -> np.ndarray:
    mask = coco_mask.decode(item.rle).astype(bool)
    moved = np.roll(mask, tuple(rng.integers(-2, 3, 2)), axis=(0, 1))
    return moved if rng.random() > 0.3 else mask


def generated(seed: int) -> Case:
    """Images with what evaluations stumble over; which of it depends on the seed."""
    rng = np.random.default_rng(seed)
    # No predictions of "dog", no true "cow" but crowds, and now and then an empty image.
    tiny, tied, flooded = seed % 4 == 0, seed % 3 == 0, seed % 10 == 0
    case: Case = []
    for _ in range(int(rng.integers(1, 4))):
        truth = [
            drawn(
                random_mask(rng, tiny and rng.random() < 0.7),
                label := str(rng.choice(list(CLASSES))),
                crowd=bool(label == "cow" or rng.random() < 0.15),
            )
            for _ in range(rng.integers(0, 8))
        ]
        masks = [(shaken(rng, item), item.label) for item in truth if rng.random() > 0.2]
        masks += [(random_mask(rng, tiny), str(rng.choice(["ant", "boat", "cow"])))] * int(
            rng.integers(0, 3)
        )
        if flooded:
            masks += [(random_mask(rng, True), "ant") for _ in range(130)]
        found = [
            drawn(
                mask,
                label if label != "dog" else "ant",
                score=float(rng.integers(1, 4) / 4 if tied else rng.random()),
            )
            for mask, label in masks
        ]
        order = rng.permutation(len(found) if rng.random() > 0.1 else 0)
        case.append((truth, [found[i] for i in order]))
    return case


def by_pycocotools(case: Case, kind: Literal["segm", "bbox"]) -> tuple[list[float], Any]:
    """The twelve figures and the curves from a COCO dataset and COCO results."""
    truth, results = [], []
    for image, (objects, predictions) in enumerate(case):
        for item in objects:
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image,
                    "category_id": CLASSES[item.label],
                    "segmentation": item.rle,
                    "bbox": list(item.box),
                    "area": item.area,
                    "iscrowd": int(item.crowd),
                }
            )
        for item in predictions:
            shape = {"segmentation": item.rle} if kind == "segm" else {"bbox": list(item.box)}
            row = {"image_id": image, "category_id": CLASSES[item.label], "score": item.score}
            results.append({**row, **shape})
    dataset = COCO()
    dataset.dataset = {
        "images": [{"id": i, "height": SIZE[0], "width": SIZE[1]} for i in range(len(case))],
        "categories": [{"id": key, "name": name} for name, key in CLASSES.items()],
        "annotations": truth,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        dataset.createIndex()
        found = dataset.loadRes(results) if results else COCO()
        evaluation = COCOeval(dataset, found, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats], evaluation


def as_boxes(case: Case) -> Case:
    """The same, predictions sized by their boxes as COCO does when it scores boxes."""
    return [
        (
            truth,
            [
                Candidate(p.label, p.rle, p.box, p.box[2] * p.box[3], score=p.score)
                for p in predictions
            ],
        )
        for truth, predictions in case
    ]


def matched_ids(case: Case, pairs: list[list[Pair]]) -> set[tuple[int, int, bool]]:
    """Of each match the ids in `by_pycocotools`, and whether it counts for nothing."""
    found, before = set(), (1, 1)
    for (truth, predictions), image in zip(case, pairs, strict=True):
        for pair in image:
            if pair.truth is not None and pair.prediction is not None:
                ids = before[0] + pair.truth, before[1] + pair.prediction
                found.add((*ids, pair.ignored))
        before = before[0] + len(truth), before[1] + len(predictions)
    return found


def ids_matched_by(evaluation: Any) -> set[tuple[int, int, bool]]:
    """At an IoU of 0.5 and all sizes."""
    return {
        (int(truth), prediction, bool(ignored))
        for cell in evaluation.evalImgs
        if cell is not None and cell["aRng"] == evaluation.params.areaRng[0]
        for prediction, truth, ignored in zip(
            cell["dtIds"], cell["dtMatches"][0], cell["dtIgnore"][0], strict=True
        )
        if truth
    }


@pytest.mark.parametrize("seed", range(200))
@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_equal_to_pycocotools(seed: int, kind: Literal["masks", "boxes"]) -> None:
    case = generated(seed)
    scorer = Scorer(kind)
    pairs = [scorer.add(*image) for image in (case if kind == "masks" else as_boxes(case))]
    classes = sorted(CLASSES, key=CLASSES.__getitem__)
    found = scorer.scores(classes)
    figures, evaluation = by_pycocotools(case, "segm" if kind == "masks" else "bbox")
    assert matched_ids(case, pairs) == ids_matched_by(evaluation)
    assert list(found.metrics) == [*METRICS, *RECALLS]
    assert list(found.metrics.values()) == pytest.approx(figures, abs=1e-9)
    precision = evaluation.eval["precision"][:, :, :, 0, 2].transpose(0, 2, 1)
    np.testing.assert_allclose(found.precision, precision, atol=1e-9)
    np.testing.assert_allclose(found.recall, evaluation.eval["recall"][:, :, 0, 2], atol=1e-9)
    np.testing.assert_array_equal(
        found.thresholds, evaluation.eval["scores"][:, :, :, 0, 2].transpose(0, 2, 1)
    )


def test_the_cases_hold_what_they_promise() -> None:
    cases = [generated(seed) for seed in range(200)]
    images = [image for case in cases for image in case]
    assert any(not truth and not found for truth, found in images)
    assert any(truth and not found for truth, found in images)
    assert sum(item.crowd for truth, _ in images for item in truth) > 100
    assert any(sum(item.label == "ant" for item in found) > 100 for _, found in images)
    assert any(item.area < 4 for truth, _ in images for item in truth)
    assert any(len({p.score for p in found}) < len(found) for _, found in images)
    figures = np.array([by_pycocotools(case, "segm")[0] for case in cases[:40]])
    assert all((column > 0).any() and (column < 1).any() for column in figures.T)


def box(x: int, y: int, side: int, label: str = "ant", **fields: Any) -> Candidate:
    return Candidate(label, None, (x, y, side, side), side * side, **fields)


def test_pairs() -> None:
    truth = [box(0, 0, 10), box(50, 50, 10), box(80, 0, 40, crowd=True), box(0, 80, 10, "boat")]
    found = [
        box(0, 5, 10, score=0.2),
        box(0, 1, 10, score=0.9),
        box(90, 5, 10, score=0.8),
        box(0, 80, 10, score=0.7),
    ]
    pairs = Scorer("boxes").add(truth, found)
    assert pairs == [
        Pair(0, 1, 90 / 110),
        Pair(2, 2, 1.0, ignored=True),
        Pair(None, 3, None),
        Pair(None, 0, None),
        Pair(1, None, None),
        Pair(3, None, None),
    ]
    assert Scorer("boxes", sweep=False).add(truth, found) == pairs
    assert Pair(0, 1, None) not in Scorer("boxes", 0.9).add(truth, found)


def test_the_order_of_images_decides_between_equal_scores() -> None:
    scorer = Scorer("boxes")
    scorer.add([], [box(0, 0, 10, score=0.5)])
    scorer.add([box(0, 0, 10)], [box(0, 0, 10, score=0.5)])
    assert scorer.scores().metrics["AP"] == pytest.approx(0.5)
    assert scorer.scores(order=[1, 0]).metrics["AP"] == pytest.approx(1)


def test_nothing_to_score() -> None:
    scorer = Scorer("masks")
    assert set(scorer.scores().metrics.values()) == {-1}
    assert scorer.add([], []) == []
    assert set(scorer.scores(["ant"]).metrics.values()) == {-1}
    with pytest.raises(InputError, match=r"iou is 0.52, which is not one of COCO's thresholds"):
        Scorer("boxes", 0.52)
