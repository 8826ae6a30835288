"""A folder alone is enough, and pictures while it runs, with the toy models."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.drawing.picture_folder import PictureSettings
from fiftyone_ntt.errors import InputError, StoreError
from tests.coco.files import annotation, content, rectangle, write, write_images
from tests.coco.test_labelling import Folder, Killed, kill_after
from tests.core.toy_models import ToySegmenter, toy_models
from tests.turned import save_turned

SIDE = 480
"""Of a part of a picture: images are 60 px wide, which is too few for words."""
WORDS = 42
GAP = 8


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    rows = [
        annotation(1, 5, 7, **rectangle(5, 5, 20, 15)),
        annotation(2, 2, 3, bbox=[20, 10, 25, 20]),
        annotation(3, 2, 7, iscrowd=1, **rectangle(1, 1, 9, 9)),
    ]
    write(made.targets, content([5, 2, 9, 1], rows))
    return made


def pictures(folder: Folder, **options: Any) -> PictureSettings:
    values = {"folder": folder.root / "pictures", "threshold": 0.0}
    return PictureSettings(**(values | options))


def drawn(folder: Folder) -> dict[str, bytes]:
    """All files of the pictures, by their path."""
    root = folder.root / "pictures"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_a_folder_of_40_images_gives_what_its_list_gives(folder: Folder) -> None:
    write_images(folder.images / "more", list(range(10, 46)))
    names = sorted(
        path.relative_to(folder.images).as_posix() for path in folder.images.rglob("*.png")
    )
    assert len(names) == 40
    one = write(folder.root / "one.json", content([1], folder.annotations()[:1], {7: "bird"}))
    folder.references = one
    bank = folder.bank()
    listed = content([], None, {1: "bird"})
    listed["images"] = [
        {"id": key, "file_name": name, "width": 60, "height": 40}
        for key, name in enumerate(names, start=1)
    ]
    report = folder.segment(bank=bank, targets=write(folder.root / "all.json", listed))
    expected = folder.output.read_bytes()
    folder.output.unlink()

    alone = folder.segment(bank=bank, targets=None)

    assert folder.output.read_bytes() == expected
    assert alone == report and alone.images == 40 and alone.detections > 40
    companion = json.loads((folder.root / "out" / "results.images.json").read_text())
    assert companion == listed | {"annotations": []}


def test_a_folder_that_changes_between_two_calls(folder: Folder) -> None:
    """What stays is not done again and keeps its ids; what is damaged is told and done later."""
    bank = folder.bank()
    (folder.images / "image-2.png").write_bytes(b"no image")
    report = folder.segment(bank=bank, targets=None)
    assert list(report.failures) == ["image-2.png"]
    write_images(folder.images, [2])
    write_images(folder.images / "added", [7])
    (folder.images / "image-9.png").unlink()
    segmenter = ToySegmenter()
    report = folder.segment(bank=bank, targets=None, models=toy_models(segmenter=segmenter))
    assert (report.images, report.resumed, report.failures) == (4, 2, {})
    assert segmenter.embedded == 2
    companion = json.loads((folder.root / "out" / "results.images.json").read_text())
    ids = {record["file_name"]: record["id"] for record in companion["images"]}
    assert ids == {"image-1.png": 1, "image-2.png": 2, "image-5.png": 3, "added/image-7.png": 5}
    assert {row["image_id"] for row in folder.results()} == {1, 2, 3, 5}


def test_another_runs_journal_leaves_the_list_as_it_is(folder: Folder) -> None:
    with pytest.raises(Killed):
        folder.segment(targets=None, progress=kill_after(2))
    companion = folder.root / "out" / "results.images.json"
    before = companion.read_bytes()
    other = write_images(folder.root / "elsewhere", [3])
    with pytest.raises(StoreError, match="unfinished work of a run with other images"):
        folder.segment(images=other, targets=None)
    assert companion.read_bytes() == before


def test_turned_photos_of_a_folder_are_segmented_as_they_are_shown(folder: Folder) -> None:
    bank = folder.bank()
    shutil.rmtree(folder.images)
    folder.images.mkdir()
    for turn in (3, 6):
        save_turned(folder.images / f"{turn}.png", turn)
    report = folder.segment(bank=bank, targets=None, pictures=pictures(folder))
    assert report.failures == {}
    sizes = {row["image_id"]: row["segmentation"]["size"] for row in folder.results()}
    assert sizes == {1: [32, 64], 2: [64, 32]}


def test_truth_on_the_left_predictions_on_the_right(folder: Folder) -> None:
    folder.segment(pictures=pictures(folder))
    names = [f"image-{key}.png.png" for key in (1, 2, 5, 9)]
    assert set(drawn(folder)) == {
        "index.html",
        *names,
        *(f"thumbnails/{name}" for name in names),
    }
    height = round(40 * SIDE / 60)
    source = np.asarray(Image.open(folder.images / "image-9.png").resize((SIDE, height)))
    with Image.open(folder.root / "pictures" / "image-9.png.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (height + WORDS, 2 * SIDE + GAP, 3)
    truth, found = pixels[WORDS:, :SIDE], pixels[WORDS:, SIDE + GAP :]
    # Image 9 has no annotation, so its left is the image alone.
    assert np.abs(truth.astype(int) - source).mean() < 3
    assert not np.array_equal(found, truth)
    page = drawn(folder)["index.html"].decode()
    assert "image-2.png" in page and "2 in the ground truth" in page


def test_colours_are_the_classes_on_all_pictures(folder: Folder) -> None:
    """The bank has boat and bird: boats are red, birds cyan, on either side."""
    folder.segment(pictures=pictures(folder, threshold=1.0))
    left = np.asarray(Image.open(folder.root / "pictures" / "image-2.png.png"))[WORDS:, :SIDE]
    edge = left[10 * 8 : 30 * 8, 20 * 8].astype(int)  # of the boat's box
    assert np.abs(edge - (255, 38, 38)).max() <= 2
    assert b"background:#ff2626" not in drawn(folder)["index.html"]  # nothing reached 1.0


def test_without_truth_there_is_one_part(folder: Folder) -> None:
    folder.segment(targets=None, pictures=pictures(folder))
    with Image.open(folder.root / "pictures" / "image-1.png.png") as picture:
        assert picture.width == SIDE
    assert b"ground truth" not in drawn(folder)["index.html"]


def test_each_so_manyth_image(folder: Folder) -> None:
    folder.segment(pictures=pictures(folder, every=3))
    found = {name for name in drawn(folder) if name.startswith("image")}
    assert found == {"image-5.png.png", "image-1.png.png"}
    assert drawn(folder)["index.html"].count(b"<figure") == 2


def test_killed_at_any_write_and_resumed_the_pictures_are_the_same(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, sync = folder.bank(), os.fsync
    left = [10**6]

    def dying(number: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        sync(number)

    monkeypatch.setattr(os, "fsync", dying)
    options = {"bank": bank, "pictures": pictures(folder)}
    folder.segment(**options)
    writes, expected, results = 10**6 - left[0], drawn(folder), folder.output.read_bytes()
    assert writes >= 4 * 3
    for point in random.Random(5).sample(range(writes), 4):
        shutil.rmtree(folder.root / "pictures")
        folder.output.unlink(missing_ok=True)
        left[0] = point
        with pytest.raises(Killed):
            folder.segment(**options)
        left[0] = 10**6
        folder.segment(**options)
        assert drawn(folder) == expected
        assert folder.output.read_bytes() == results


def test_pictures_asked_for_after_all_are_drawn_of_what_is_done(folder: Folder) -> None:
    bank = folder.bank()
    folder.segment(bank=bank, pictures=pictures(folder))
    expected = drawn(folder)
    shutil.rmtree(folder.root / "pictures")
    with pytest.raises(Killed):
        folder.segment(bank=bank, progress=kill_after(3))
    segmenter = ToySegmenter()
    models = toy_models(segmenter=segmenter)
    folder.segment(bank=bank, models=models, pictures=pictures(folder))
    assert segmenter.embedded == 1
    assert drawn(folder) == expected


def test_a_damaged_picture_is_drawn_again_and_others_are_not(folder: Folder) -> None:
    bank = folder.bank()
    folder.segment(bank=bank, pictures=pictures(folder))
    expected, root = drawn(folder), folder.root / "pictures"
    (root / "image-1.png.png").write_bytes(expected["image-1.png.png"][:-400])
    before = (root / "image-2.png.png").stat().st_ino
    folder.segment(bank=bank, pictures=pictures(folder))
    assert drawn(folder) == expected
    assert (root / "image-2.png.png").stat().st_ino == before


def test_another_threshold_is_another_picture(folder: Folder) -> None:
    bank = folder.bank()
    folder.segment(bank=bank, pictures=pictures(folder))
    all_of_them = drawn(folder)
    folder.segment(bank=bank, pictures=pictures(folder, threshold=1.0))
    none = drawn(folder)
    assert set(none) == set(all_of_them)
    assert none["image-9.png.png"] != all_of_them["image-9.png.png"]
    assert b"0 predictions of at least 1 on 4 images" in none["index.html"]


@pytest.mark.parametrize("name", ["index.html", "image-1.png.png", "thumbnails/image-9.png.png"])
def test_files_of_others_are_not_replaced(folder: Folder, name: str) -> None:
    path = folder.root / "pictures" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(StoreError, match="that fiftyone-ntt wrote, so it is not replaced"):
        folder.segment(pictures=pictures(folder))
    assert path.read_bytes() == b"mine"
    assert not folder.output.exists()


def test_numbers_of_pictures_are_checked(folder: Folder) -> None:
    with pytest.raises(InputError, match=r"threshold of the pictures is 40, but .* Usual is 0.4"):
        pictures(folder, threshold=40)
    with pytest.raises(InputError, match="every is 0, but it counts images"):
        pictures(folder, every=0)


def test_a_file_listed_twice_has_two_pictures(folder: Folder) -> None:
    data = content([5, 2])
    data["images"][1]["file_name"] = "image-5.png"
    folder.segment(targets=write(folder.targets, data), pictures=pictures(folder))
    found = [name for name in drawn(folder) if name.startswith("image")]
    assert len(found) == 2
    assert b"image-5.png (2)" in drawn(folder)["index.html"]
