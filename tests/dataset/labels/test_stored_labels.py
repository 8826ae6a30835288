"""Labels read from the database's documents, against FiftyOne's own reading of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.utils as fou
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.dataset.labels.stored_labels import (
    StoredLabel,
    label_paths,
    stored_labels,
    unpack_array,
)
from tests import shapes

NAMES = ("id", "label", "confidence", "bounding_box", "mask_path", "has_mask")


def same_mask(found: Any, expected: Any) -> bool:
    return (found is None) == (expected is None) and np.array_equal(found, expected)


def test_reads_what_fiftyone_reads(dataset: fo.Dataset, tmp_path: Path) -> None:
    mask = np.zeros((5, 7), dtype=bool)
    mask[1:, 2:6] = True
    colours = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colours.png")
    Image.fromarray(mask).save(tmp_path / "plain.png")
    box = [0.25, 0.5, 0.1, 0.2]
    labels = [
        fo.Detection(label="a", bounding_box=box, mask=mask, confidence=0.25, iscrowd=True),
        fo.Detection(label="b", bounding_box=box, mask=mask.astype(np.uint8) * 255),
        fo.Detection(label="c", bounding_box=box, mask_path=str(tmp_path / "colours.png")),
        fo.Detection(label="d", bounding_box=box, mask_path=str(tmp_path / "plain.png")),
        fo.Detection(
            bounding_box=box, attributes={"iscrowd": fo.BooleanAttribute(value=True)}, index=3
        ),
    ]
    sample = fo.Sample(filepath="/nowhere.png", found=fo.Detections(detections=labels))
    dataset.add_sample(sample, dynamic=True)
    dataset.add_sample(fo.Sample(filepath="/none.png"))

    paths = label_paths("found", ("iscrowd",))
    documents = list(dataset._aggregate([{"$project": dict.fromkeys(paths, 1)}]))
    read = stored_labels(documents[0], "found")
    dataset.reload()
    kept = dataset.first().found.detections
    assert len(read) == len(kept) == len(labels)
    for ours, theirs in zip(read, kept, strict=True):
        assert [getattr(ours, name) for name in NAMES] == [getattr(theirs, name) for name in NAMES]
        assert same_mask(ours.get_mask(), theirs.get_mask())
    assert [label.get_attribute_value("iscrowd", False) for label in read[:1]] == [True]
    assert read[4].get_attribute_value("iscrowd", False) is True
    assert read[0].get_attribute_value("nothing", "default") == "default"
    assert stored_labels(documents[1], "found") == []
    assert StoredLabel({"_id": 1}).get_mask() is None


@pytest.mark.parametrize(
    "array",
    [
        np.array([[True, False, True]]),
        np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(3, 4)),
        np.arange(12, dtype=np.float64).reshape(3, 4),
        np.zeros((0, 3), dtype=bool),
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    ],
)
def test_unpacks_what_fiftyone_packs(array: np.ndarray) -> None:
    found = unpack_array(fou.serialize_numpy_array(array))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_a_worker_needs_neither_fiftyone_nor_torch() -> None:
    script = (
        "import sys, fiftyone_ntt.dataset.evaluation.evaluation_work as work;"
        "print({'fiftyone', 'torch', 'transformers'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path.cwd(),
        env=shapes.plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "set()"
