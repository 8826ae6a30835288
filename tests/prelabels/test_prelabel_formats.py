"""Every format that is written is read again, pixel for pixel, by what reads everybody's files."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.prelabels.prelabel import Prelabel, PrelabelFormat, PrelabelledImage, Writing
from fiftyone_ntt.prelabels.prelabel_formats import PRELABEL_FORMATS, find_prelabel_format
from fiftyone_ntt.prelabels.returned_labels import Returned, returned_images
from tests.formats.scenes import CLASSES
from tests.prelabels.prelabelled import all_prelabelled, mask_prelabel, shown, written

FORMATS = pytest.mark.parametrize("known", PRELABEL_FORMATS, ids=lambda known: known.name)
WITH_IDS = {"cvat", "label-studio", "labelme", "coco", "voc"}


def read(folder: Path, photos: Path) -> dict[str, tuple[bool, list[Returned]]]:
    files = open_labels(folder, None, photos)
    found = returned_images(folder, files, Findings())
    return {path.name: (reviewed, objects) for path, reviewed, objects in found}


@FORMATS
def test_every_pixel_class_and_id_comes_back(known: PrelabelFormat, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    images = all_prelabelled(photos)
    writing = written(known, images, photos, tmp_path / "out")
    found = read(tmp_path / "out", photos)
    pixels = 0
    assert set(found) == {image.name for image in images}
    for image in images:
        labels, (reviewed, objects) = shown(image, writing), found[image.name]
        assert reviewed is (known.name != "label-studio")  # which has predictions alone
        if known.name == "cvat":  # where the best is drawn last, over the others
            objects = objects[::-1]
        assert [item.label for item in objects] == [item.label for item in labels]
        ids = [item.id for item in labels] if known.name in WITH_IDS else [None] * len(labels)
        assert [item.id for item in objects] == ids
        for back, item in zip(objects, labels, strict=True):
            assert (back.rle is None) == (item.rle is None)
            if back.rle is None or item.rle is None:
                assert list(back.box) == list(item.box)
            else:
                np.testing.assert_array_equal(decode_mask(back.rle), decode_mask(item.rle))
                pixels += int(decode_mask(back.rle).sum())
    assert pixels > 10_000


@FORMATS
def test_what_is_lost_is_counted(known: PrelabelFormat, tmp_path: Path) -> None:
    images = all_prelabelled(tmp_path / "photos")
    writing = written(known, images, tmp_path / "photos", tmp_path / "out")
    lost = {what: count for what, count in writing.lost.items() if count}
    labels = [item for image in images for item in image.labels]
    if known.name == "yolo":
        assert lost.pop("scores, for which lines have no place") == len(labels)
        assert len(lost) == 2 and all("seams" in what for what in lost)
        assert not writing.shown  # seams and all, no pixel is another
    elif known.name == "voc":
        covered = lost.pop("masks of which others cover a part")
        whole = lost.pop("masks that others cover whole, written as boxes alone", 0)
        assert covered + whole == len(writing.shown) > 10
    assert lost == ({} if known.name not in ("yolo",) else lost)


@FORMATS
def test_boxes_alone_stay_boxes(known: PrelabelFormat, tmp_path: Path) -> None:
    [image] = all_prelabelled(tmp_path / "photos", 1)
    box = Prelabel("1" * 24, "boat", None, (3, 5, 10, 12), None)
    boxed = PrelabelledImage(image.name, image.path, image.size, [box], "1" * 24)
    writing = written(known, [boxed], tmp_path / "photos", tmp_path / "out")
    [(_, [back])] = read(tmp_path / "out", tmp_path / "photos").values()
    assert (back.label, back.rle) == ("boat", None)
    np.testing.assert_allclose(back.box, box.box, atol=1e-4)
    assert not any(writing.lost.values())


def test_yolo_has_outlines_alone_where_it_has_one(tmp_path: Path) -> None:
    [image] = all_prelabelled(tmp_path / "photos", 1)
    square = np.zeros(image.size, dtype=bool)
    square[2:8, 3:9] = True
    labels = [mask_prelabel(1, "boat", square, 0.5), Prelabel("2" * 24, "buoy", None, (1, 1, 5, 6))]
    mixed = PrelabelledImage(image.name, image.path, image.size, labels, "1" * 24)
    writing = written(find_prelabel_format("yolo"), [mixed], tmp_path / "photos", tmp_path / "out")
    assert writing.lost["boxes among masks, written as outlines of four corners"] == 1
    lines = (tmp_path / "out/labels" / f"{image.name[:-4]}.txt").read_text().splitlines()
    assert [len(line.split()) for line in lines] == [9, 9]
    seen = writing.shown["2" * 24].rle
    assert seen is not None and decode_mask(seen)[1:7, 1:6].all() and decode_mask(seen).sum() == 30


def test_names_that_a_format_cannot_tell_apart(tmp_path: Path) -> None:
    [image] = all_prelabelled(tmp_path / "photos", 1)
    twice = [
        PrelabelledImage(name, image.path, image.size, [], "1" * 24)
        for name in ("a/scene.png", "b/scene.png")
    ]
    for name in ("yolo", "voc"):
        with pytest.raises(InputError, match=r"both a/scene.png and b/scene.png are called"):
            written(find_prelabel_format(name), twice, tmp_path, tmp_path / name)
        assert not (tmp_path / name).exists()
    written(find_prelabel_format("labelme"), twice, tmp_path, tmp_path / "labelme")
    assert {file.name for file in (tmp_path / "labelme/b").iterdir()} == {"scene.json"}
    with pytest.raises(InputError, match=r"to is 'CVAT'.*'CVAT' looks like 'cvat'"):
        find_prelabel_format("CVAT")


def test_what_the_tools_need_besides(tmp_path: Path) -> None:
    images = all_prelabelled(tmp_path / "photos", 3)
    for known in PRELABEL_FORMATS:
        written(known, images, tmp_path / "photos", tmp_path / known.name)
    declared = json.loads((tmp_path / "cvat/labels.json").read_text())
    assert [label["name"] for label in declared] == list(CLASSES)
    assert {spec["name"] for spec in declared[0]["attributes"]} == {"ntt_id", "score"}
    setup = ElementTree.parse(tmp_path / "label-studio/labeling_setup.xml")
    values = [label.get("value") for label in setup.findall("BrushLabels/Label")]
    assert values == list(CLASSES)
    tasks = json.loads((tmp_path / "label-studio/tasks.json").read_text())
    [prediction] = tasks[1]["predictions"]
    scores = [row["score"] for row in prediction["result"]]
    assert scores == [item.score for item in images[1].labels]
    assert tasks[1]["data"]["image"] == "/data/local-files/?d=scene%20001.png"
    shapes = json.loads((tmp_path / "labelme/scene 001.json").read_text())
    assert shapes["imagePath"] == "../photos/scene 001.png"


ODD = ("no", 'a "b" & <c>', "colon: #", "Möwe 🦆", "1")


@FORMATS
def test_classes_with_odd_names(known: PrelabelFormat, tmp_path: Path) -> None:
    objects = read_back_spots(known, tmp_path, 5)[1]
    assert {item.label for item in objects} == set(ODD)


def test_more_objects_than_voc_can_number(tmp_path: Path) -> None:
    writing, objects = read_back_spots(find_prelabel_format("voc"), tmp_path, 256)
    assert (len(objects), len(writing.left)) == (254, 2)
    assert writing.lost["labels beyond the 254 that an image can number, left out"] == 2


def read_back_spots(
    known: PrelabelFormat, folder: Path, count: int
) -> tuple[Writing, list[Returned]]:
    """An image of many objects of a pixel each, checked to come back as those they were."""
    [image] = all_prelabelled(folder / "photos", 1)
    masks = np.zeros((count, *image.size), dtype=bool)
    for number in range(count):
        masks[number, number // 20 * 2, number % 20 * 2] = True
    labels = [
        mask_prelabel(number + 1, ODD[number % 5], masks[number], 0.5) for number in range(count)
    ]
    many = PrelabelledImage(image.name, image.path, image.size, labels, "1" * 24)
    writing = written(known, [many], folder / "photos", folder / "out")
    [(_, objects)] = read(folder / "out", folder / "photos").values()
    kept = [item for item in labels if item.id not in writing.left]
    assert sorted(map(spot, objects)) == sorted(map(spot, kept))
    return writing, objects


def spot(item: Returned | Prelabel) -> tuple[str, bytes]:
    assert item.rle is not None
    return item.label, item.rle["counts"]
