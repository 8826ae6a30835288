"""Boxes of a label file become masks with the toy models: kept, listed, resumed, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.box_labelling import BoxFileReport, boxes_to_masks_in_file
from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.reading import coco_file
from fiftyone_ntt.core.box_masks import masks_from_boxes
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError, StoreError
from tests.coco.files import annotation, content, rectangle, write_images
from tests.core.toy_models import BlindSegmenter, ToySegmenter

IMAGES = [5, 2, 9, 1]


class Folder:
    """Images, and labels of which some are boxes alone."""

    def __init__(self, root: Path) -> None:
        self.images = write_images(root / "images", IMAGES)
        self.output = root / "masks.json"
        self.journal = root / "masks.json.journal"
        self.content: dict[str, Any] = {
            "info": {"year": 2020},
            "licenses": [{"id": 1}],
            **content(IMAGES, self.rows()),
        }

    @staticmethod
    def rows() -> list[dict[str, Any]]:
        return [
            annotation(31, 9, 7, bbox=[20, 10, 25, 20], area=500.0, iscrowd=0, by="ann"),
            annotation(7, 1, 3, **rectangle(5, 5, 20, 15)),
            annotation(12, 1, 3, bbox=[30.5, 10, 20, 20], segmentation=[]),
            annotation(8, 2, 7, bbox=[5, 5, 20, 15]),
        ]

    def run(self, segmenter: Any = None, **options: Any) -> BoxFileReport:
        file = coco_file(Path("labels.json"), self.content, options.get("findings"))
        return boxes_to_masks_in_file(
            self.images, file, self.content, segmenter or ToySegmenter(), self.output, **options
        )

    def written(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.output.read_text())
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_masks_come_and_all_else_stays(folder: Folder) -> None:
    report = folder.run()
    written, rows = folder.written(), folder.rows()
    assert (report.images, report.annotations, report.made, report.failures) == (4, 4, 3, {})
    assert list(report.agreement) == ["bird", "boat"]
    plain = [{k: v for k, v in row.items() if k != "segmentation"} for row in rows]
    assert [
        {k: v for k, v in row.items() if k != "segmentation"} for row in written["annotations"]
    ] == plain
    assert {k: v for k, v in written.items() if k != "annotations"} == {
        k: v for k, v in folder.content.items() if k != "annotations"
    }
    assert written["annotations"][1] == rows[1], "a mask that is there stays"
    image = read_image(folder.images / "image-9.png", oriented=False)
    [made] = masks_from_boxes(image, [(20, 10, 25, 20)], ToySegmenter())
    found = coco_mask.decode(written["annotations"][0]["segmentation"])
    np.testing.assert_array_equal(found, decode_mask(made.rle))
    assert not folder.journal.exists()


def test_masks_that_do_not_fit_are_listed(folder: Folder) -> None:
    report = folder.run(BlindSegmenter())
    assert report.agreement == {"bird": 0.0, "boat": 0.0}
    assert report.low == {"31": 0.0, "12": 0.0, "8": 0.0}
    found = coco_mask.decode(folder.written()["annotations"][3]["segmentation"])
    assert found[5:20, 5:25].all() and found.sum() == 300, "the box itself"


class Killed(Exception):
    """Stands for the death of the process."""


@pytest.mark.parametrize("count", [1, 3])
def test_a_killed_run_is_continued_to_the_same_file(folder: Folder, count: int) -> None:
    def kill(done: int, total: int) -> None:
        if done == count:
            raise Killed

    whole_report = folder.run()
    whole = folder.output.read_bytes()
    with pytest.raises(Killed):
        folder.run(progress=kill)
    segmenter, drawn = ToySegmenter(), []
    report = folder.run(segmenter, on_image=lambda record, *_: drawn.append(record["id"]))
    assert report.resumed == count
    assert folder.output.read_bytes() == whole
    assert (report.agreement, report.low) == (whole_report.agreement, whole_report.low)
    assert len(drawn) == segmenter.embedded == len({2, 9, 1} & set(IMAGES[count:]))


def test_boxes_that_were_moved_meanwhile_are_done_again(folder: Folder) -> None:
    (folder.images / "image-2.png").write_bytes(b"no image")
    assert list(folder.run().failures) == ["image-2.png"]
    folder.content["annotations"][0] = annotation(31, 9, 7, bbox=[10, 10, 25, 20])
    segmenter = ToySegmenter()
    assert folder.run(segmenter).resumed == 2, "one has no boxes"
    assert segmenter.embedded == 1


def test_the_second_call_does_unreadable_images_alone(folder: Folder) -> None:
    folder.run()
    whole = folder.output.read_bytes()
    pixels = {key: (folder.images / f"image-{key}.png").read_bytes() for key in (2, 9)}
    for key in pixels:
        (folder.images / f"image-{key}.png").write_bytes(b"no image")
    report = folder.run()
    assert list(report.failures) == ["image-2.png", "image-9.png"]
    assert report.made == 1
    rows = folder.written()["annotations"]
    assert [bool(row.get("segmentation")) for row in rows] == [False, True, True, False]
    for key, found in pixels.items():
        (folder.images / f"image-{key}.png").write_bytes(found)
    segmenter = ToySegmenter()
    assert folder.run(segmenter).failures == {}
    assert segmenter.embedded == 2
    assert folder.output.read_bytes() == whole


def test_a_box_that_cannot_be_used(folder: Folder) -> None:
    folder.content["annotations"][3]["bbox"] = [50, 5, 40, 15]
    report = folder.run()
    assert (
        "annotation 8: its bbox [50, 5, 40, 15] reaches outside" in report.failures["image-2.png"]
    )
    findings = Findings("skip")
    report = folder.run(findings=findings)
    assert (report.failures, report.made, findings.counts) == ({}, 2, {"box outside the image": 1})
    assert folder.written()["annotations"][3] == folder.content["annotations"][3]


def test_what_is_refused(folder: Folder) -> None:
    folder.output.write_text("mine")
    with pytest.raises(StoreError, match="no COCO file that fiftyone-ntt wrote"):
        folder.run()
    assert folder.output.read_text() == "mine"
    folder.output.unlink()
    folder.content["annotations"] = []
    with pytest.raises(InputError, match="no annotations, so there are no boxes"):
        folder.run()


def test_another_segmenters_journal_is_refused(folder: Folder) -> None:
    Image.new("RGB", (9, 9)).save(folder.images / "image-2.png")  # of another size than stated
    assert "image-2.png" in folder.run().failures
    assert folder.run(ToySegmenter("toy-segmenter:2")).resumed == 0, "what it holds was delivered"
