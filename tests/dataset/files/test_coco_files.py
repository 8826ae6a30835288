"""COCO in and out: nothing is lost on the way, and every mistake has a name."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any
from uuid import uuid4

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import fiftyone_ntt as ntt
from fiftyone_ntt.coco.findings import RecordError
from fiftyone_ntt.errors import InputError, StoreError
from tests.dataset.coco_files import CATEGORIES, generated
from tests.shapes import python_path, unchecked
from tests.store.test_bank_file import example as example_bank


@pytest.fixture
def name() -> Any:
    chosen = f"test-{uuid4().hex}"
    yield chosen
    if fo.dataset_exists(chosen):
        fo.delete_dataset(chosen)


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def coco(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def small(folder: Path) -> dict[str, Any]:
    """Two images of 60 x 40 px, one annotation each."""
    for key in (1, 2):
        Image.new("RGB", (60, 40)).save(folder / f"{key}.png")
    entries = [{"id": key, "file_name": f"{key}.png", "height": 40, "width": 60} for key in (1, 2)]
    rows = [
        {
            "id": 10 + key,
            "image_id": key,
            "category_id": 9,
            "bbox": [4.5, 5, 10, 10],
            "segmentation": [[4.5, 5, 14.5, 5, 14.5, 15, 4.5, 15]],
            "iscrowd": 0,
            "area": 100,
        }
        for key in (1, 2)
    ]
    return {"images": entries, "categories": copy.deepcopy(CATEGORIES), "annotations": rows}


def agrees(box: list[float], other: list[float]) -> bool:
    """Whether no edge of two boxes lies more than 2 px apart."""
    edges = [np.array([x, y, x + w, y + h]) for x, y, w, h in (box, other)]
    return bool(np.abs(edges[0] - edges[1]).max() <= 2)


def test_a_round_trip_of_1000_annotations_changes_nothing(tmp_path: Path, name: str) -> None:
    data = generated(tmp_path / "images")
    path = write(tmp_path / "in.json", data)
    report = ntt.import_coco(tmp_path / "images", path, name, progress=False)
    assert (report.images, report.annotations, report.skipped) == (40, 1000, ())
    report.dataset.reload()
    out = tmp_path / "out.json"
    exported = ntt.export_coco(report.dataset, "ground_truth", out, progress=False)
    assert (exported.images, exported.annotations) == (40, 1000)

    found, before, after = read(out), coco(path), coco(out)
    assert found["images"] == data["images"]
    assert found["categories"] == data["categories"]
    assert len(found["annotations"]) == 1000
    crowds = replaced = 0
    for old, new in zip(data["annotations"], found["annotations"], strict=True):
        for key in ("id", "image_id", "category_id", "iscrowd"):
            assert new[key] == old[key]
        crowds += new["iscrowd"]
        if old["segmentation"]:
            theirs = before.annToRLE(before.anns[old["id"]])
            canonical = coco_mask.encode(coco_mask.decode(theirs))
            assert new["segmentation"]["counts"].encode() == canonical["counts"]
            assert after.annToRLE(after.anns[old["id"]])["size"] == theirs["size"]
            box, area = coco_mask.toBbox(theirs).tolist(), float(coco_mask.area(theirs))
            # Of a sliver that has no pixel, the box of the polygons is not that of the mask.
            kept = "bbox" in old and agrees(old["bbox"], box)
            replaced += "bbox" in old and not kept
            assert new["bbox"] == (old["bbox"] if kept else box)
            assert new["area"] == old.get("area", area)
        else:
            assert "segmentation" not in new
            assert (new["bbox"], new["area"]) == (old["bbox"], old["area"])
    assert crowds > 100
    assert 0 < replaced < 150 and f"own boxes are used: {replaced} (" in str(report)

    again = tmp_path / "again.json"
    second = ntt.import_coco(tmp_path / "images", out, f"{name}-2", progress=False)
    ntt.export_coco(second.dataset, "ground_truth", again, progress=False)
    second.dataset.delete()
    assert again.read_bytes() == out.read_bytes()


def test_what_the_dataset_holds(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "in.json", small(tmp_path))
    dataset = ntt.import_coco(tmp_path, path, name, "truth", progress=False).dataset
    assert dataset.persistent
    assert dataset.classes["truth"] == ["zebra", "boat", "ant"]
    assert dataset.values("coco_id") == [1, 2]
    assert dataset.values("metadata.width") == [60, 60]
    [label] = dataset.first()["truth"].detections
    assert (label.label, label.iscrowd, label.coco_id) == ("zebra", False, 11)
    assert dataset.get_field("truth.detections.coco_id") is not None
    rle = coco_mask.merge(
        coco_mask.frPyObjects(small(tmp_path)["annotations"][0]["segmentation"], 40, 60)
    )
    whole = np.zeros((40, 60), bool)
    x, y, w, h = np.round(np.array(label.bounding_box) * (60, 40, 60, 40)).astype(int)
    whole[y : y + h, x : x + w] = label.mask
    np.testing.assert_array_equal(whole, coco_mask.decode(rle).astype(bool))


def test_images_without_annotations(tmp_path: Path, name: str) -> None:
    data = small(tmp_path)
    del data["annotations"]
    report = ntt.import_coco(tmp_path, write(tmp_path / "in.json", data), name, progress=False)
    assert (report.images, report.annotations) == (2, 0)
    out = tmp_path / "out.json"
    ntt.export_coco(report.dataset, "ground_truth", out, progress=False)
    assert read(out)["annotations"] == []
    assert read(out)["images"] == data["images"]


def test_a_second_file_joins_the_images_of_the_first(tmp_path: Path, name: str) -> None:
    data = small(tmp_path)
    path = write(tmp_path / "in.json", data)
    dataset = ntt.import_coco(tmp_path, path, name, "one", progress=False).dataset
    other = copy.deepcopy(data)
    other["annotations"] = other["annotations"][:1]
    other["categories"] = [{"id": 9, "name": "horse"}]
    second = write(tmp_path / "second.json", other)
    ntt.import_coco(tmp_path, second, dataset, "two", progress=False)
    assert len(dataset) == 2
    assert dataset.distinct("two.detections.label") == ["horse"]
    ntt.export_coco(dataset, "one", tmp_path / "one.json", progress=False)
    assert read(tmp_path / "one.json")["categories"] == CATEGORIES
    with pytest.raises(InputError, match=r"'one' of 2 of these 2 images .* already holds labels"):
        ntt.import_coco(tmp_path, path, dataset, "one")
    with pytest.raises(InputError, match=r"there already is a dataset"):
        ntt.import_coco(tmp_path, path, name)
    other["images"][0]["id"] = other["annotations"][0]["image_id"] = 77
    with pytest.raises(InputError, match=r"has the id 1 in .* but 77 in this file"):
        ntt.import_coco(tmp_path, write(second, other), dataset, "three")


KILLED = """
import os, signal, sys
import fiftyone as fo
import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.files import content_import
from fiftyone_ntt.dataset.files.import_target import ImportTarget

content_import._CHUNK = 4
write, written = ImportTarget.write, []


def kill(*arguments):
    write(*arguments)
    written.append(1)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)


ImportTarget.write = kill
folder, path, name, field, existing = sys.argv[1:]
target = fo.load_dataset(name) if existing else name
ntt.import_coco(folder, path, target, field, progress=False)
"""


@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_import_goes_on_where_it_was(tmp_path: Path, name: str, existing: bool) -> None:
    path = write(tmp_path / "in.json", generated(tmp_path / "images", 30, 200))
    first, field = tmp_path / "first.json", "second" if existing else "ground_truth"
    if existing:
        whole = ntt.import_coco(tmp_path / "images", path, name, progress=False).dataset
        ntt.export_coco(whole, "ground_truth", first, progress=False)
    arguments = [str(tmp_path / "images"), str(path), name, field, "yes" if existing else ""]
    run = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": python_path(Path.cwd())},
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    dataset = fo.load_dataset(name)
    dataset.reload()
    assert len(dataset.exists(field)) == 12
    kept = dataset.values("id")
    labels = dataset.values(f"{field}.detections.id", unwind=True)

    other = write(tmp_path / "other.json", small(tmp_path / "images"))
    with pytest.raises(InputError, match="there already is a dataset"):
        ntt.import_coco(tmp_path / "images", other, name, field)  # not what was interrupted
    target = dataset if existing else name
    report = ntt.import_coco(tmp_path / "images", path, target, field, progress=False)
    assert (report.images, report.annotations) == (30, 200)
    assert len(dataset) == 30 and dataset.values("id")[: len(kept)] == kept
    found = dataset.values(f"{field}.detections.id", unwind=True)
    assert len(found) == 200 and [key for key in found if key in set(labels)] == [
        key for key in labels if key is not None
    ]
    ntt.export_coco(dataset, field, tmp_path / "out.json", progress=False)
    if not existing:
        fresh = ntt.import_coco(tmp_path / "images", path, f"{name}-2", progress=False).dataset
        ntt.export_coco(fresh, field, first, progress=False)
        fresh.delete()
    assert (tmp_path / "out.json").read_bytes() == first.read_bytes()
    with pytest.raises(InputError, match="already"):  # it is complete now
        ntt.import_coco(tmp_path / "images", path, target, field)


def test_an_edited_label_is_exported_as_it_is_drawn(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "in.json", small(tmp_path))
    dataset = ntt.import_coco(tmp_path, path, name, progress=False).dataset
    sample = dataset.first()
    sample.ground_truth.detections[0].mask[2:5, 2:5] = False
    sample.ground_truth.detections.append(fo.Detection(label="new", bounding_box=[0, 0, 0.5, 0.5]))
    sample.save()
    ntt.export_coco(dataset, "ground_truth", tmp_path / "out.json", progress=False)
    edited, untouched, new = read(tmp_path / "out.json")["annotations"]
    rle = edited["segmentation"]
    assert edited["area"] == coco_mask.area({**rle, "counts": rle["counts"].encode()}) == 91
    assert edited["bbox"] == [5, 5, 10, 10]
    assert untouched["area"] == 100 and untouched["bbox"] == [4.5, 5, 10, 10]
    assert new == {
        "id": 13,
        "image_id": 1,
        "category_id": 45,
        "bbox": [0, 0, 30, 20],
        "area": 600,
        "iscrowd": 0,
    }
    assert read(tmp_path / "out.json")["categories"][-1] == {"id": 45, "name": "new"}


def with_predictions(dataset: fo.Dataset) -> None:
    """A field `predictions`: the true masks, with confidences."""
    for number, sample in enumerate(dataset.iter_samples(autosave=True, progress=False)):
        sample["predictions"] = fo.Detections(
            detections=[
                fo.Detection(
                    label=label.label,
                    bounding_box=label.bounding_box,
                    mask=label.mask,
                    confidence=0.5 + number / 10,
                )
                for label in sample.ground_truth.detections
            ]
        )


def test_results_have_the_ids_of_the_imported_categories(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "in.json", small(tmp_path))
    dataset = ntt.import_coco(tmp_path, path, name, progress=False).dataset
    with_predictions(dataset)
    out = tmp_path / "results.json"
    report = ntt.export_coco(dataset, "predictions", out, results=True, progress=False)
    assert str(report) == f"{out}: 2 instances of 2 images"
    first, second = read(out)
    assert (first["image_id"], first["category_id"], first["score"]) == (1, 9, 0.5)
    assert (second["image_id"], second["category_id"], second["score"]) == (2, 9, 0.6)
    assert first["bbox"] == [5, 5, 10, 10]
    assert set(first) == {"image_id", "category_id", "score", "bbox", "segmentation"}
    truth = coco(path)
    assert first["segmentation"]["counts"].encode() == truth.annToRLE(truth.anns[11])["counts"]


def test_an_export_replaces_exports_and_nothing_of_others(
    tmp_path: Path, name: str, device: Path
) -> None:
    annotations = write(tmp_path / "in.json", small(tmp_path))
    before = annotations.read_bytes()
    dataset = ntt.import_coco(tmp_path, annotations, name, progress=False).dataset
    for path, message in (
        (annotations, "in.json is no COCO file that fiftyone-ntt wrote, so it is not replaced"),
        (tmp_path / "typo" / "out.json", "there is no folder .*typo"),
        (device, "is a device, a pipe or a socket"),
    ):
        with pytest.raises(StoreError, match=message):
            ntt.export_coco(dataset, "ground_truth", path, progress=False)
    assert annotations.read_bytes() == before
    for _ in range(2):
        ntt.export_coco(dataset, "ground_truth", tmp_path / "out.json", progress=False)
    with pytest.raises(StoreError, match="is no memory bank"):
        example_bank().save(tmp_path / "out.json")
    assert read(tmp_path / "out.json")["annotations"]


def test_export_of_what_was_never_imported(dataset: fo.Dataset, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
    box = fo.Detection(label="b", bounding_box=[0, 0, 0.5, 0.5], iscrowd=True)
    mask = fo.Detection.from_mask(np.eye(40, 60, dtype=bool), label="a")
    sample = fo.Sample(
        filepath=str(tmp_path / "a.png"), truth=fo.Detections(detections=[box, mask])
    )
    dataset.add_sample(sample)
    ntt.export_coco(dataset, "truth", tmp_path / "out.json", progress=False)
    found = read(tmp_path / "out.json")
    assert found["images"] == [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}]
    assert found["categories"] == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert [row["id"] for row in found["annotations"]] == [1, 2]
    assert [row["iscrowd"] for row in found["annotations"]] == [1, 0]
    with pytest.raises(InputError, match=r"2 of 2 detections in field 'truth' have no confidence"):
        ntt.export_coco(dataset, "truth", tmp_path / "out.json", results=True)
    with pytest.raises(InputError, match=r"'other' was not imported.*none was"):
        ntt.export_coco(dataset, "truth", tmp_path / "out.json", categories="other")


def change(section: str, index: int = 0, **fields: Any) -> Any:
    def apply(data: dict[str, Any]) -> None:
        data[section][index].update(fields)

    return apply


def alone(box: list[float]) -> Any:
    """The first annotation is a box without a mask."""
    return change("annotations", segmentation=[], bbox=box)


RLE = {"size": [40, 61], "counts": [0, 40 * 61]}
SHORT = {"size": [30, 60], "counts": coco_mask.encode(np.ones((30, 60), np.uint8, "F"))["counts"]}
SHORT["counts"] = SHORT["counts"].decode()
MISTAKES = [
    ("missing image", change("images", file_name="none.png"), r"no such file as .*none.png"),
    ("unknown image", change("annotations", image_id=8), r"of image 8, which the file does not"),
    ("empty segmentation", change("annotations", segmentation=[[]]), r"has no pixel at 60 x 40"),
    (
        "empty segmentation",
        change("annotations", segmentation=[[1, 1, 1.1, 1, 1.1, 1.1]]),
        r"annotation 11: its segmentation has no pixel",
    ),
    ("empty segmentation", change("annotations", segmentation=[], bbox=[1, 1, 0, 4]), r"no area"),
    ("box outside the image", alone([50, 5, 12, 9]), r"reaches outside"),
    ("box outside the image", alone([-3, 5, 12, 9]), r"reaches outside"),
    ("box outside the image", alone([5, 5, 12, 999]), r"reaches outside"),
    ("unknown category", change("annotations", category_id=5), r"of category 5, which the file"),
    ("mask size", change("annotations", segmentation=RLE), r"is 61 x 40 px but its image is 60"),
    (
        "mask size",
        change("annotations", segmentation=SHORT),
        r"is 60 x 30 px but its image is 60 x 40",
    ),
    ("duplicate id", change("images", 1, id=1), r"id 1 occurs twice in 'images'"),
    ("duplicate id", change("categories", 1, id=9), r"id 9 occurs twice in 'categories'"),
    ("duplicate file", change("images", 1, file_name="1.png"), r"images 1 and 2 are both 1.png"),
    ("image size", change("images", width=61), r"states 61 x 40 px, but .*1.png shows 60 x 40"),
    ("empty segmentation", change("annotations", segmentation=[[1, 2]]), r"11: .* has no pixel"),
    ("unreadable segmentation", change("annotations", segmentation=[[1] * 7]), r"cannot be read"),
    ("malformed entry", change("annotations", id=[1]), r"has the id \[1\]"),
    ("malformed entry", change("annotations", bbox=[1, 2]), r"has the bbox \[1, 2\]"),
]


@pytest.mark.parametrize(("kind", "mistake", "message"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_mistakes_are_named_or_skipped(
    tmp_path: Path, name: str, kind: str, mistake: Any, message: str
) -> None:
    data = small(tmp_path)
    mistake(data)
    path = write(tmp_path / "in.json", data)
    with pytest.raises(RecordError, match=message) as caught:
        ntt.import_coco(tmp_path, path, name, progress=False)
    assert caught.value.kind == kind
    assert not fo.dataset_exists(name)

    report = ntt.import_coco(tmp_path, path, name, on_error="skip", progress=False)
    assert report.counts[kind] >= 1
    assert str(report.skipped[0]) == str(caught.value)
    assert f"left out {len(report.skipped)}: {kind}" in str(report)
    total = len(data["annotations"])
    lost = [error for error in report.skipped if "annotation" in str(error)]
    assert report.annotations == total - len(lost)
    assert report.dataset.count("ground_truth.detections") == report.annotations
    out = tmp_path / "out.json"
    ntt.export_coco(report.dataset, "ground_truth", out, progress=False)
    assert len(read(out)["annotations"]) == report.annotations


def turn(path: Path, orientation: int, size: tuple[int, int] = (60, 40)) -> None:
    picture = Image.new("RGB", size)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif)


@pytest.mark.parametrize(("orientation", "size"), [(3, (60, 40)), (2, (60, 40)), (6, (40, 40))])
def test_a_turned_image_is_not_guessed_about(
    tmp_path: Path, name: str, orientation: int, size: tuple[int, int]
) -> None:
    """Upside down or square, its size does not tell which way its masks lie."""
    data = small(tmp_path)
    turn(tmp_path / "1.png", orientation, size)
    data["images"][0]["width"] = size[0]
    path = write(tmp_path / "in.json", data)
    with pytest.raises(RecordError, match=r"where its masks lie is ambiguous") as caught:
        ntt.import_coco(tmp_path, path, name, progress=False)
    assert caught.value.kind == "image size"


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("as_shown", [True, False])
def test_a_photo_on_its_side_is_annotated_as_shown_or_as_stored(
    tmp_path: Path, name: str, orientation: int, as_shown: bool
) -> None:
    """The stated size tells which; FiftyOne shows the photo upright, so labels are turned with
    it."""
    data = small(tmp_path)
    turn(tmp_path / "1.png", orientation)  # stored 60 x 40, shown 40 x 60
    stored = np.zeros((40, 60), np.uint8)
    stored[3:13, 5:35] = 1
    stored[13:18, 5:10] = 1
    picture = Image.fromarray(stored)
    picture.getexif()[0x0112] = orientation
    shown = np.asarray(ImageOps.exif_transpose(picture))
    drawn = shown if as_shown else stored
    rle = coco_mask.encode(np.asfortranarray(drawn))
    size = {"height": drawn.shape[0], "width": drawn.shape[1]}
    data["images"][0].update(size)
    counts = rle["counts"].decode()
    segmentation = {"size": list(drawn.shape), "counts": counts}
    box = coco_mask.toBbox(rle).tolist()
    data["annotations"][0].update(segmentation=segmentation, bbox=box)
    data["annotations"].append({**data["annotations"][0], "id": 70, "segmentation": []})
    path = write(tmp_path / "in.json", data)
    report = ntt.import_coco(tmp_path, path, name, progress=False)
    [note] = report.notes
    assert ("as they are shown" if as_shown else "as they are stored") in note
    out = tmp_path / "out.json"
    ntt.export_coco(report.dataset, "ground_truth", out, progress=False)
    found = coco(out)
    assert (found.imgs[1]["height"], found.imgs[1]["width"]) == (60, 40)
    np.testing.assert_array_equal(found.annToMask(found.anns[11]), shown)
    assert found.anns[70]["bbox"] == pytest.approx(found.anns[11]["bbox"])


def test_a_file_of_which_nothing_can_be_used_makes_no_dataset(tmp_path: Path, name: str) -> None:
    data = small(tmp_path)
    for record in data["images"]:
        record["file_name"] = f"gone-{record['id']}.png"
    path = write(tmp_path / "in.json", data)
    with pytest.raises(InputError, match=r"none of its images can be used.*\nleft out 4: missing"):
        ntt.import_coco(tmp_path, path, name, on_error="skip", progress=False)
    assert not fo.dataset_exists(name)


def test_annotations_that_are_all_crowds(tmp_path: Path, name: str) -> None:
    data = small(tmp_path)
    for row in data["annotations"]:
        row["iscrowd"] = "1"
    path = write(tmp_path / "in.json", data)
    report = ntt.import_coco(tmp_path, path, name, progress=False)
    assert "numbers written as text, read: 2" in report.notes[0]
    assert "all 2 annotations are crowds" in report.notes[1] and report.notes[1] in str(report)
    assert report.dataset.values("ground_truth.detections.iscrowd", unwind=True) == [True] * 2
    again = ntt.import_coco(
        tmp_path, path, report.dataset, "objects", crowds="objects", progress=False
    )
    assert again.notes[-1] == "crowds taken as objects: 2 (annotation 11, ...)"
    assert report.dataset.values("objects.detections.iscrowd", unwind=True) == [False] * 2


def test_ids_of_two_types_and_entries_that_no_database_holds(tmp_path: Path, name: str) -> None:
    data = small(tmp_path)
    data["images"][1]["id"] = "2"
    data["annotations"][1].update(id="12", image_id=2, category_id="9")
    data["categories"][0]["colour"] = 2**70
    report = ntt.import_coco(tmp_path, write(tmp_path / "in.json", data), name, progress=False)
    assert report.dataset.values("coco_id") == [1, 2]
    assert report.dataset.values("ground_truth.detections.coco_id", unwind=True) == [11, 12]
    assert report.dataset.info["coco"]["ground_truth"]["categories"][0] == {
        "id": 9,
        "name": "zebra",
    }
    for sample in report.dataset.iter_samples(autosave=True):
        sample.tags.append("saved")  # what FiftyOne validates


def test_many_masks_of_a_large_image_are_never_all_pixels_at_once(
    tmp_path: Path, name: str
) -> None:
    side, count = 2000, 60
    Image.new("1", (side, side)).save(tmp_path / "1.png")
    data: dict[str, Any] = {"categories": CATEGORIES}
    data["images"] = [{"id": 1, "file_name": "1.png", "height": side, "width": side}]
    data["annotations"] = [
        {
            "id": key,
            "image_id": 1,
            "category_id": 9,
            "segmentation": [[key, key, key + 40, key, key + 40, key + 30, key, key + 30]],
        }
        for key in range(count)
    ]
    path = write(tmp_path / "in.json", data)
    tracemalloc.start()
    report = ntt.import_coco(tmp_path, path, name, progress=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.annotations == count
    assert peak < 5 * side * side  # of 60


def test_wrong_arguments(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "in.json", small(tmp_path))
    with (
        unchecked(),
        pytest.raises(InputError, match=r"on_error is 'ignore'. Pass 'raise' or 'skip'"),
    ):
        ntt.import_coco(tmp_path, path, name, on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"'a b' cannot name a field"):
        ntt.import_coco(tmp_path, path, name, "a b")
    with pytest.raises(InputError, match=r"none.json: no such file"):
        ntt.import_coco(tmp_path, tmp_path / "none.json", name)
