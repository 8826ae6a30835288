"""A protocol chooses the annotations that `sample_references` chooses of the same file."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import fiftyone as fo

from fiftyone_ntt import import_coco, sample_references
from fiftyone_ntt.coco.reading import read_coco
from fiftyone_ntt.protocols.choosing import sampled_references
from tests.protocols import miniature


def test_the_same_choice_as_on_a_fiftyone_dataset(tmp_path: Path) -> None:
    data = miniature.coco_20i(tmp_path)
    annotations = data / "annotations/instances_train2017.json"
    name = f"test-{uuid4().hex}"
    import_coco(data / "train2017", annotations, name, "truth")
    dataset = fo.load_dataset(name)
    try:
        sample_references(dataset, "truth", shots=2, seed=7)
        tagged = dataset.select_labels(tags="reference", fields="truth")
        found = {
            (Path(sample.filepath).name, label.label)
            for sample in tagged
            for label in sample.truth.detections
        }
        assert len(found) == 16
        areas = sorted(
            int(label.mask.sum()) for sample in tagged for label in sample.truth.detections
        )
    finally:
        dataset.delete()
    content = sampled_references(read_coco(annotations), shots=2, seed=7)
    names = {image["id"]: image["file_name"] for image in content["images"]}
    labels = {category["id"]: category["name"] for category in content["categories"]}
    rows = content["annotations"]
    assert {(names[r["image_id"]], labels[r["category_id"]]) for r in rows} == found
    assert sorted(row["area"] for row in rows) == areas
