"""COCO results as predictions of the images of a COCO file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.coco_writing import coco_content
from tests.formats.comparing import require_same
from tests.formats.reading_back import read_back
from tests.formats.scenes import Scene, make_scenes


def save(folder: Path, scenes: list[Scene]) -> list[dict[str, Any]]:
    """The truth, its images, and results that find everything with some score."""
    for scene in scenes:
        scene.save_image(folder / "images")
    content = coco_content(scenes)
    (folder / "truth.json").write_text(json.dumps(content))
    results = [
        {
            **{key: row[key] for key in ("image_id", "category_id", "segmentation", "bbox")},
            "score": 1 - number / 1000,
        }
        for number, row in enumerate(content["annotations"])
    ]
    (folder / "results").mkdir()
    (folder / "results" / "found.json").write_text(json.dumps(results))
    return results


def test_the_truth_may_be_given_or_lie_beside(tmp_path: Path) -> None:
    scenes = make_scenes()
    results = save(tmp_path, scenes)
    path = tmp_path / "results" / "found.json"
    beside = tmp_path / "found.json"
    beside.write_bytes(path.read_bytes())
    for given, images in (
        (path, tmp_path / "truth.json"),
        (path, tmp_path),
        (path, tmp_path / "images"),
        (beside, None),
    ):
        found = read_back(given, images)
        require_same(found, scenes)
        scores = [item.score for scene in scenes for item in found[scene.name]]
        assert scores == [row["score"] for row in results]
        assert recognise(given)[0].name == "coco-results"


def test_the_list_that_was_written_with_the_results_comes_first(tmp_path: Path) -> None:
    """References beside it may have the same ids, as all count from 1."""
    save(tmp_path, make_scenes(3))
    path = tmp_path / "results" / "found.json"
    truth = tmp_path / "truth.json"
    for name in ("found.images.json", "refs.json"):
        (tmp_path / "results" / name).write_bytes(truth.read_bytes())
    assert open_labels(path, images=tmp_path / "images").format == "coco-results"
    (tmp_path / "results" / "found.images.json").write_text('{"images": [], "categories": []}')
    with pytest.raises(InputError, match="2 COCO files near it list them"):
        open_labels(path, images=tmp_path / "images")


def test_no_truth_or_several(tmp_path: Path) -> None:
    scenes = make_scenes(3)
    results = save(tmp_path, scenes)
    path = tmp_path / "found.json"
    path.write_text(json.dumps([{**results[0], "image_id": 9}]))
    with pytest.raises(InputError, match=r"no COCO file beside it lists them.*images="):
        open_labels(path)
    path.write_text(json.dumps(results))
    (tmp_path / "copy.json").write_bytes((tmp_path / "truth.json").read_bytes())
    with pytest.raises(InputError, match=r"2 COCO files near it list them: .*copy\.json"):
        open_labels(path)


def test_results_that_cannot_be_used(tmp_path: Path) -> None:
    scenes = make_scenes(3)
    results = save(tmp_path, scenes)
    path = tmp_path / "found.json"
    rows = [results[0], {**results[1], "score": None}, {**results[1], "image_id": 9}, 7]
    path.write_text(json.dumps(rows))
    findings = Findings("skip")
    found = read_back(path, tmp_path / "truth.json", findings=findings)
    assert sum(map(len, found.values())) == 1
    assert [error.kind for error in findings.skipped] == [
        "score",
        "unknown image",
        "malformed entry",
    ]
