"""Labels that are pictures, and COCO's relatives, in a dataset: pixels, attributes, scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels.masks import detection_crop
from tests.formats import test_coco_results, test_lvis, test_panoptic, test_voc
from tests.formats.comparing import number_map
from tests.formats.scenes import Scene, make_scenes
from tests.formats.test_mask_images import one_class, save_png


@pytest.fixture
def name() -> Iterator[str]:
    before = set(fo.list_datasets())
    yield f"test-{uuid4().hex}"
    for made in set(fo.list_datasets()) - before:
        fo.delete_dataset(made)


def write_voc(folder: Path, scenes: list[Scene]) -> tuple[Path, list[Scene]]:
    scenes = test_voc.published(scenes)
    test_voc.save_voc(folder, scenes)
    return folder, scenes


def write_masks(folder: Path, scenes: list[Scene]) -> tuple[Path, list[Scene]]:
    for scene in scenes:
        image = scene.save_image(folder)
        save_png(folder / f"{image.stem}_cp_masks.png", number_map(scene))
    return folder, one_class(scenes)


def write_panoptic(folder: Path, scenes: list[Scene]) -> tuple[Path, list[Scene]]:
    return test_panoptic.save_panoptic(folder, scenes), scenes


def write_lvis(folder: Path, scenes: list[Scene]) -> tuple[Path, list[Scene]]:
    for scene in scenes:
        scene.save_image(folder / "val2017")
    (folder / "lvis.json").write_text(json.dumps(test_lvis.lvis_content(scenes)))
    return folder / "lvis.json", scenes


def write_results(folder: Path, scenes: list[Scene]) -> tuple[Path, list[Scene]]:
    results = test_coco_results.save(folder, scenes)
    (folder / "found.json").write_text(json.dumps(results))
    return folder / "found.json", scenes


@pytest.mark.parametrize(
    ("write", "format", "expected"),
    [
        (write_voc, "voc", {"pose": "Left", "truncated": True, "difficult": False}),
        (write_masks, "masks", {"source_id": 1}),
        (write_panoptic, "panoptic", {"source_id": test_panoptic.segment_id(1)}),
        (write_lvis, "lvis", {"coco_id": 2}),
        (write_results, "coco-results", {"coco_id": 1, "confidence": 1.0}),
    ],
)
def test_pixels_and_attributes(
    tmp_path: Path, name: str, write: Any, format: str, expected: dict[str, Any]
) -> None:
    path, scenes = write(tmp_path, make_scenes(4))
    report = ntt.import_labels(path, name, progress=False)
    assert (report.format, report.images) == (format, len(scenes))
    assert report.annotations == sum(len(scene.objects) for scene in scenes) > 3
    samples = list(report.dataset.sort_by("filepath"))
    for scene, sample in zip(scenes, samples, strict=True):
        assert Path(sample.filepath).name == scene.name
        for label, true in zip(sample.ground_truth.detections, scene.objects, strict=True):
            crop, (top, left) = detection_crop(label, scene.size)
            mask = np.zeros(scene.size, dtype=bool)
            mask[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
            np.testing.assert_array_equal(mask, true.mask)
            assert label.label == true.label
    first = samples[1].ground_truth.detections[0]
    assert {key: first[key] for key in expected} == expected


def test_references_in_a_folder_per_class(tmp_path: Path, name: str) -> None:
    for label in ("boat", "Möwe"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (30, 20)).save(tmp_path / label / "1.jpg")
    report = ntt.import_labels(tmp_path, name, progress=False)
    found = [sample.ground_truth.detections[0] for sample in report.dataset.sort_by("filepath")]
    assert [(item.label, item.bounding_box, item.mask) for item in found] == [
        ("Möwe", [0, 0, 1, 1], None),
        ("boat", [0, 0, 1, 1], None),
    ]
    assert report.dataset.classes["ground_truth"] == ["Möwe", "boat"]
