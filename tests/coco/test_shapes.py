"""Planted errors: what the annotations around COCO's figures and files keep out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from fiftyone_ntt.coco import semantic
from fiftyone_ntt.coco.average_precision import score
from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.instances import drawn, read_instance
from fiftyone_ntt.coco.library import Matches, Objects
from fiftyone_ntt.coco.reading import CocoFile
from fiftyone_ntt.coco.scorer import Candidate, Scorer, Scores, _Columns
from tests import shapes
from tests.coco.files import rectangle

pytestmark = pytest.mark.skipif(
    bool(os.environ.get(shapes.OFF)), reason=f"nothing is checked under {shapes.OFF}"
)

zeros = np.zeros
SCORES = {
    "metrics": {"AP": 1.0},
    "classes": ("a", "b"),
    "precision": zeros((10, 2, 101)),
    "thresholds": zeros((10, 2, 101)),
    "recall": zeros((10, 2)),
}
COLUMNS = {
    **{name: zeros(6, np.int64) for name in ("image", "label", "rank")},
    "score": zeros(6),
    **{name: zeros((4, 10, 6), bool) for name in ("matched", "ignored")},
}
FILE = {
    "path": Path("file.json"),
    "images": {1: {}, "0002": {}},
    "categories": {7: "bird"},
    "annotations": [],
    "category_records": [],
}
OBJECTS = {
    "image": zeros(3, np.int64),
    "category": zeros(3, np.int64),
    "box": zeros((3, 4)),
    "area": zeros(3),
    "masks": None,
    "crowd": zeros(3, bool),
    "score": zeros(3),
}
MATCHES = {"partner": zeros((4, 10, 3), np.int64), "ignored": zeros((4, 10, 3), bool)}
INSTANCE = {"annotation": rectangle(1, 1, 4, 3), "size": (40, 60)}
MEASURED = {"truth": [Candidate("bird", None, (0, 0, 4, 3), 12.0)], "predictions": []}
TRUTH = {"images": [], "categories": [], "annotations": []}
POLYGON = {
    "name": "annotation 1",
    "segmentation": rectangle(1, 1, 4, 3)["segmentation"],
    "size": (40, 60),
    "findings": Findings(),
}


@pytest.mark.parametrize(
    "call, right, name, wrong",
    [
        (Scores, SCORES, "recall", zeros((2, 10))),
        (Scores, SCORES, "thresholds", zeros((10, 3, 101))),
        (Scores, SCORES, "precision", zeros((10, 2, 100))),
        (_Columns, COLUMNS, "score", zeros(6, np.float32)),
        (_Columns, COLUMNS, "score", zeros(5)),
        (_Columns, COLUMNS, "ignored", zeros((10, 4, 6), bool)),
        (_Columns, COLUMNS, "matched", zeros((4, 10, 6))),
        (CocoFile, FILE, "images", {1.5: {}}),
        (CocoFile, FILE, "annotations", {}),
        (Objects, OBJECTS, "box", zeros((2, 4))),
        (Objects, OBJECTS, "area", zeros(3, np.float32)),
        (Matches, MATCHES, "ignored", zeros((4, 10, 2), bool)),
        (read_instance, INSTANCE, "size", (40.0, 60.0)),
        (drawn, POLYGON, "size", [40, 60]),
        (Scorer("boxes").add, MEASURED, "predictions", [{"label": "bird"}]),
        (Scorer, {"kind": "masks"}, "kind", "segm"),
        (score, {"truth": TRUTH, "predictions": []}, "predictions", {}),
    ],
)
def test_a_wrong_argument_is_caught(
    call: Callable[..., Any], right: dict[str, Any], name: str, wrong: Any
) -> None:
    call(**right)
    with pytest.raises(TypeCheckError, match=f"parameter '{name}'"):
        call(**{**right, name: wrong})


def test_a_map_of_another_size_than_its_image_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert semantic._class_map([], {}, (2, 10)).shape == (2, 10)
    monkeypatch.setattr(np, "full", lambda size, value, dtype: zeros(size[::-1], dtype))
    with pytest.raises(TypeCheckError, match="the return value"):
        semantic._class_map([], {}, (2, 10))
