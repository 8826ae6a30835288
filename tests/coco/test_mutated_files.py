"""Damaged COCO files: an error of ours or a result, soon, and in little memory."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.average_precision import evaluate_results
from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.reading import read_coco
from fiftyone_ntt.coco.references import references_by_class
from tests.coco.files import SIZE, annotation, content, rectangle, write_images
from tests.mutations import each_mutation, mutated_bytes, mutated_json


def truth() -> dict[str, Any]:
    """A polygon, run lengths of both kinds, a crowd, and a box alone."""
    mask = np.zeros(SIZE, np.uint8)
    mask[4:20, 5:30] = 1
    rle = coco_mask.encode(np.asfortranarray(mask))
    text = {"size": list(SIZE), "counts": rle["counts"].decode()}
    runs = {"size": list(SIZE), "counts": [204, 16, 24, 16, 2140]}
    return content(
        [1, 2],
        [
            annotation(1, 1, 7, **rectangle(2.5, 3, 20, 30.25), area=605, iscrowd=0),
            annotation(2, 1, 3, segmentation=text, bbox=[5, 4, 25, 16]),
            annotation(3, 2, 7, segmentation=runs, iscrowd=1),
            annotation(4, 2, 3, bbox=[1.5, 2, 30, 20], segmentation=[]),
        ],
    )


def results() -> list[dict[str, Any]]:
    rows = copy.deepcopy(truth()["annotations"])
    return [
        {key: row[key] for key in row if key not in ("id", "area", "iscrowd")} | {"score": 0.5}
        for row in rows
    ]


def damaged(data: Any, seed: int) -> bytes:
    """The file's values damaged, or its bytes."""
    if seed % 4 == 0:
        return mutated_bytes(json.dumps(data).encode(), seed)
    return json.dumps(mutated_json(data, seed)).encode()


@pytest.mark.parametrize("skip", [False, True])
def test_damaged_references(tmp_path: Path, skip: bool) -> None:
    images, path = write_images(tmp_path / "images", [1, 2]), tmp_path / "refs.json"

    def read(seed: int) -> None:
        path.write_bytes(damaged(truth(), seed))
        findings = Findings("skip" if skip else "raise")
        for group in references_by_class(read_coco(path, findings), images, findings).values():
            for reference in group:
                assert reference.mask is None or reference.mask.any()
        assert all(isinstance(line, str) for line in findings.lines())

    each_mutation(read, "references")


def test_damaged_truth(tmp_path: Path) -> None:
    targets, found = tmp_path / "truth.json", tmp_path / "results.json"
    found.write_text(json.dumps(results()))

    def read(seed: int) -> None:
        targets.write_bytes(damaged(truth(), seed))
        scores = evaluate_results(found, targets, on_error="skip" if seed % 2 else "raise")
        assert all(-1 <= value <= 1 for value in scores.boxes.values())

    each_mutation(read, "truth")


def test_damaged_results(tmp_path: Path) -> None:
    targets, found = tmp_path / "truth.json", tmp_path / "results.json"
    targets.write_text(json.dumps(truth()))

    def read(seed: int) -> None:
        found.write_bytes(damaged(results(), seed))
        scores = evaluate_results(found, targets, on_error="skip" if seed % 2 else "raise")
        assert all(-1 <= value <= 1 for value in scores.boxes.values())

    each_mutation(read, "results")
