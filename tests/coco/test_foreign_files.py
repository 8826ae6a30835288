"""COCO files as other tools write them: what is read otherwise than it stands, and said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.coco.image_files import ImageFolder, image_files
from fiftyone_ntt.coco.instances import read_instance
from fiftyone_ntt.coco.json_files import as_flag, as_id, as_number, is_text, read_json
from fiftyone_ntt.coco.reading import CocoFile, read_coco
from fiftyone_ntt.coco.references import references_by_class
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError
from tests.coco.files import SIZE, annotation, content, rectangle, write, write_images
from tests.shapes import unchecked

BOX = {"bbox": [1, 1, 5, 5]}
SQUARE = rectangle(5, 6, 20, 9)


def read(folder: Path, data: Any) -> tuple[CocoFile, tuple[str, ...]]:
    """A file, and what was noted on reading it."""
    findings = Findings()
    return read_coco(write(folder / "file.json", data), findings), findings.notes


def one_class(*annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**content([1], list(annotations), {7: "bird"}), **changes}


def test_an_unused_category_named_like_another_is_left_out(tmp_path: Path) -> None:
    """Roboflow writes a placeholder of the project's name first."""
    records = [
        {"id": 0, "name": "fish", "supercategory": "none"},
        {"id": 1, "name": "fish", "supercategory": "fish"},
    ]
    file, notes = read(tmp_path, one_class(annotation(0, 1, 1, **BOX), categories=records))
    assert file.categories == {1: "fish"}
    assert file.category_records == records[1:]
    assert notes == ("unused categories named like others, left out: 1 ('fish', ids 0, 1)",)


def test_used_categories_of_one_name_are_one(tmp_path: Path) -> None:
    records = [{"id": 3, "name": "cat"}, {"id": 8, "name": "cat"}, {"id": 3, "name": "cat"}]
    rows = [annotation(1, 1, 8, **BOX), annotation(2, 1, 3, **BOX)]
    file, notes = read(tmp_path, one_class(*rows, categories=records))
    assert file.categories == {3: "cat"}
    assert [row["category_id"] for row in file.annotations] == [3, 3]
    assert notes[-1].startswith("categories of one name, taken as one: 2 (")


def test_ids_as_text_beside_numbers(tmp_path: Path) -> None:
    """VIA writes them so."""
    data = content([1, 2], None, {7: "bird"})
    data["images"][1]["id"] = "2"
    data["annotations"] = [
        annotation("1", "1", "7", **BOX),  # type: ignore[arg-type]
        annotation(2, 2, 7, **BOX),
    ]
    file, notes = read(tmp_path, data)
    assert list(file.images) == [1, 2]
    assert [(r["id"], r["image_id"], r["category_id"]) for r in file.annotations] == [
        (1, 1, 7),
        (2, 2, 7),
    ]
    assert any("ids written as text beside numbers" in note for note in notes)


def test_a_file_without_categories_names_them_by_their_ids(tmp_path: Path) -> None:
    data = one_class(annotation(1, 1, 4, **BOX), annotation(2, 1, 2, **BOX))
    del data["categories"]
    file, notes = read(tmp_path, data)
    assert file.categories == {2: "2", 4: "4"}
    assert notes == ("categories without an entry, named by their ids: 2 (category 2, ...)",)


def test_objects_of_one_id_are_numbered_anew(tmp_path: Path) -> None:
    rows = [annotation(0, 1, 7, **BOX), annotation(0, 1, 7, **SQUARE), annotation(1, 1, 7, **BOX)]
    file, notes = read(tmp_path, one_class(*rows))
    assert [row["id"] for row in file.annotations] == [0, 2, 1]
    assert notes == ("annotation ids that other annotations have, numbered anew: 1 (annotation 0)",)
    again, notes = read(tmp_path, one_class(rows[0], rows[0]))
    assert [row["id"] for row in again.annotations] == [0, 0]  # a reference, repeated
    assert notes == ("annotations listed twice, kept twice: 1 (annotation 0)",)


def test_numbers_written_as_text(tmp_path: Path) -> None:
    row = annotation(1, 1, 7, bbox=["1", "1", "5.5", "5"], iscrowd="0", area="27.5")
    data = one_class(row)
    data["images"][0].update(height="40", width=60.0)
    file, notes = read(tmp_path, data)
    [found] = file.annotations
    assert (found["bbox"], found["iscrowd"], found["area"]) == ([1, 1, 5.5, 5], 0, 27.5)
    assert (file.images[1]["height"], file.images[1]["width"]) == SIZE
    assert notes == ("numbers written as text, read: 4 (the height of image 1, ...)",)


@pytest.mark.parametrize("area", [None, "wide", float("nan"), -4, 10**400])
def test_an_area_that_is_none_is_that_of_the_mask(tmp_path: Path, area: Any) -> None:
    file, _ = read(tmp_path, one_class(annotation(1, 1, 7, area=area, **SQUARE)))
    assert read_instance(file.annotations[0], SIZE).area == 180


def test_sizes_not_given(tmp_path: Path) -> None:
    data = one_class(annotation(1, 1, 7, **BOX))
    data["images"][0].update(height=None, width=None)
    file, notes = read(tmp_path, data)
    assert file.images[1] == {"id": 1, "file_name": "image-1.png"}
    assert notes == ("values that are no numbers, taken as not given: 2 (image 1, ...)",)


@pytest.mark.parametrize("height", [0, -40, "tall", float("nan"), 2**17 + 1, 10**400, True, [40]])
def test_sizes_that_no_image_has(tmp_path: Path, height: Any) -> None:
    data = one_class(annotation(1, 1, 7, **BOX))
    data["images"][0]["height"] = height
    with pytest.raises(RecordError, match=r"image 1 states the height .*, which no image has"):
        read(tmp_path, data)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 2**63},
        {"id": 1.5},
        {"id": [1]},
        {"iscrowd": "perhaps"},
        {"iscrowd": [1]},
        {"bbox": [1, 1, 5, 10**400]},
        {"bbox": [1, 1, True, 5]},
        {"bbox": {"x": 1}},
    ],
    ids=str,
)
def test_values_that_mean_nothing_are_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(RecordError) as caught:
        read(tmp_path, one_class({**annotation(1, 1, 7, **BOX), **changes}))
    assert caught.value.kind == "malformed entry"


@pytest.mark.parametrize("key", [2**63, True, None, 1.5, "\ud800", [1]], ids=repr)
def test_ids_that_are_none(tmp_path: Path, key: Any) -> None:
    data = one_class()
    data["images"].append({"id": key, "file_name": "b.png"})
    with pytest.raises(RecordError, match=r"an entry of 'images' lacks an 'id'"):
        read(tmp_path, data)


@pytest.mark.parametrize("name", ["", "a\0.png", "\ud800.png", 7])
def test_names_that_no_file_has(tmp_path: Path, name: Any) -> None:
    data = one_class()
    data["images"][0]["file_name"] = name
    with pytest.raises(RecordError, match=r"lacks an 'id' or 'file_name'"):
        read(tmp_path, data)


def drawn_by_coco(parts: list[list[float]]) -> np.ndarray:
    rles = coco_mask.frPyObjects(parts, *SIZE)
    return coco_mask.decode(coco_mask.merge(rles)).astype(bool)


GOOD_PART = SQUARE["segmentation"][0]
OTHER_PART = rectangle(30, 20, 9, 9)["segmentation"][0]


@pytest.mark.parametrize("bare", [[], [1, 2], [1, 2, 3, 4], [3, 3] * 3, [1, 1, 5, 1, 9, 1]])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_parts_without_area_are_left_out_wherever_they_stand(bare: list[float], place: int) -> None:
    parts = [GOOD_PART, OTHER_PART]
    parts.insert(place, bare)
    findings = Findings()
    found = read_instance({"id": 1, "segmentation": parts}, SIZE, findings)
    np.testing.assert_array_equal(decode_mask(found.rle), drawn_by_coco([GOOD_PART, OTHER_PART]))
    assert findings.notes == ("parts of segmentations without area, left out: 1 (annotation 1)",)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("bad", [[1, 2, 3, 4, 5, 6, 7], "text", {"x": 1}, 7, [[1, 2], [3, 4]]])
def test_parts_that_cannot_be_drawn_are_named_wherever_they_stand(place: int, bad: Any) -> None:
    parts: list[Any] = [GOOD_PART, OTHER_PART]
    parts.insert(place, bad)
    with pytest.raises(
        RecordError, match=r"annotation 1: its segmentation cannot be read"
    ) as fault:
        read_instance({"id": 1, "segmentation": parts}, SIZE)
    assert fault.value.kind == "unreadable segmentation"


def test_a_flat_list_is_one_polygon() -> None:
    findings = Findings()
    found = read_instance({"id": 1, "segmentation": GOOD_PART}, SIZE, findings)
    np.testing.assert_array_equal(decode_mask(found.rle), drawn_by_coco([GOOD_PART]))
    [note] = findings.notes
    assert note.startswith("segmentations that are one flat list, read as one polygon: 1")


@pytest.mark.parametrize("shift", [(0, 0), (1.5, -0.9), (0.4, 0.3)])
def test_a_box_that_agrees_with_its_mask_stays_as_it_is(shift: tuple[float, float]) -> None:
    box = [5.25 + shift[0], 6.5 + shift[1], 19.5, 8.25]
    findings = Findings()
    assert read_instance({**SQUARE, "id": 1, "bbox": box}, SIZE, findings).box == box
    assert findings.notes == ()


@pytest.mark.parametrize("box", [[7.2, 6, 20, 9], [5, 6, 20, 12], [0, 0, 9, 9], [900, -5, 2, 2]])
def test_a_box_that_does_not_gives_way(box: list[float]) -> None:
    findings = Findings()
    assert read_instance({**SQUARE, "id": 1, "bbox": box}, SIZE, findings).box == [5, 6, 20, 9]
    [note] = findings.notes
    assert note.startswith("boxes more than 2 px off their masks, whose own boxes are used: 1")
    published = Findings(published=True)  # scored as everybody scores it
    assert read_instance({**SQUARE, "id": 1, "bbox": box}, SIZE, published).box == box


def test_references_are_cut_from_the_box_of_the_mask_where_the_annotated_one_is_wrong(
    tmp_path: Path,
) -> None:
    rows = [annotation(1, 1, 7, **{**SQUARE, "bbox": [40, 30, 5, 5]}), annotation(2, 1, 7, **BOX)]
    file, _ = read(tmp_path, one_class(*rows))
    found = references_by_class(file, write_images(tmp_path, [1]))["bird"]
    assert [item.box for item in found] == [(5, 6, 20, 9), (1, 1, 5, 5)]


def test_a_polygon_over_the_border_is_clipped_as_pycocotools_does() -> None:
    polygon = [-7.5, -3, 20, -3, 20, 9, -7.5, 9]
    found = read_instance({"id": 1, "segmentation": [polygon], "bbox": [-7.5, -3, 27.5, 12]}, SIZE)
    np.testing.assert_array_equal(decode_mask(found.rle), drawn_by_coco([polygon]))
    assert found.box == [0, 0, 20, 9]


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([[1, 1, 121, 1, 5, 5]], r"the coordinate 121, far from its image of 60 x 40 px"),
        ([[1, 1, 9, -61, 5, 5]], r"the coordinate -61, far from"),
        ([[1, 1, float("nan"), 1, 5, 5]], r"no finite numbers"),
        ([[1, 1, 10**400, 1, 5, 5]], r"no numbers"),
        ([[-59, 1, 119, 1] * 60], r"outlines are 21360 px long, more than"),
        ({"size": [40, 2**17 + 1], "counts": "0"}, r"more than any image"),
        ({"size": [2**16, 2**15], "counts": "0"}, r"more than any image"),
        ({"size": [40, 60], "counts": [0, 0] * 2500 + [2400]}, r"more runs than pixels"),
        ({"size": [40, 60], "counts": [2400, 2**40]}, r"no whole numbers of 32 bits"),
        ({"size": "40x60", "counts": [2400]}, r"states the size '40x60'"),
    ],
)
def test_numbers_just_past_the_bounds(segmentation: Any, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        read_instance({"id": 1, "segmentation": segmentation}, SIZE)


def test_outlines_as_long_as_the_image_can_need_are_drawn() -> None:
    comb = [value for x in range(0, 60, 2) for value in (x, 1, x, 39, x + 1, 39, x + 1, 1)]
    found = read_instance({"id": 1, "segmentation": [[*comb, 59, 0, 0, 0]]}, SIZE)
    np.testing.assert_array_equal(decode_mask(found.rle), drawn_by_coco([[*comb, 59, 0, 0, 0]]))


def placed(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("record", "file"),
    [
        ({"file_name": "images\\a.png"}, "images/a.png"),
        ({"file_name": "images\\a.png"}, "a.png"),
        ({"file_name": "images/a.png"}, "a.png"),
        ({"file_name": "a.png"}, "train/a.png"),
        ({"file_name": "/home/somebody/data/a.png"}, "a.png"),
        ({"file_name": "C:\\data\\a.png"}, "sub/a.png"),
        ({"file_name": "a.png?d=4711"}, "a.png"),
        ({"file_name": "https://host/img/my%20a.png?d=1"}, "my a.png"),
        ({"coco_url": "http://images.cocodataset.org/val2017/a.png"}, "val2017/a.png"),
        ({"coco_url": "http://images.cocodataset.org/val2017/a.png"}, "a.png"),
    ],
    ids=str,
)
def test_images_are_found_by_their_names(tmp_path: Path, record: Any, file: str) -> None:
    findings = Findings()
    data = {**one_class(), "images": [{"id": 1, **record}]}
    folder = placed(tmp_path / "images-here", file)
    listed = read_coco(write(tmp_path / "file.json", data))
    found = image_files(listed, folder, findings)
    assert found[1].path == folder / file
    direct = listed.images[1]["file_name"] == file
    assert len(findings.notes) == (not direct)
    assert direct or "found in the folder by their names: 1 (" in findings.notes[0]


def test_a_name_that_several_files_have_is_not_guessed(tmp_path: Path) -> None:
    folder = placed(tmp_path, "x/a.png", "y/a.png")
    with pytest.raises(RecordError, match=r"2 files in .* are named a.png") as caught:
        ImageFolder(folder).open({"id": 1, "file_name": "elsewhere/a.png"})
    assert caught.value.kind == "missing image"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_paths_that_are_no_regular_files(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a.png")
    reason = r"Is a directory|It is a pipe or a device"
    with pytest.raises(RecordError, match=reason):
        ImageFolder(tmp_path).open({"id": 1, "file_name": "a.png"})
    with pytest.raises(InputError, match=reason):
        read_json(tmp_path / "a.png")


def test_a_file_that_no_tool_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 200_000)
    with pytest.raises(InputError, match=r"nested too deeply"):
        read_json(deep)
    monkeypatch.setattr("fiftyone_ntt.coco.json_files._MOST_BYTES", 100)
    with pytest.raises(InputError, match=r"more than the 0.0 of any"):
        read_json(deep)


def test_all_that_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [
        annotation(1, 1, 7, **BOX),
        annotation(2, 9, 7, **BOX),
        annotation(3, 1, 8, **BOX),
        annotation(4, 1, 7, segmentation=[[1, 2]]),
        annotation(5, 2, 7, **BOX),
    ]
    data = one_class(*rows)
    data["images"].append({"id": 2, "file_name": "none.png"})
    findings = Findings("skip")
    file = read_coco(write(tmp_path / "file.json", data), findings)
    groups = references_by_class(file, write_images(tmp_path, [1]), findings)
    assert [item.id for item in groups["bird"]] == ["1"]
    assert findings.counts == {
        "unknown image": 2,
        "unknown category": 1,
        "missing image": 1,
        "empty segmentation": 1,
    }
    assert findings.lines()[0].startswith("left out 5: unknown image 2, unknown category 1")
    assert "which was left out. Mend the image first" in findings.lines()[-1]
    with pytest.raises(InputError, match=r"none of its 1 annotations can be used"):
        data["annotations"] = rows[3:4]
        file = read_coco(write(tmp_path / "file.json", data), findings)
        references_by_class(file, tmp_path, findings)


def test_a_reader_that_is_neither_strict_nor_skips() -> None:
    with (
        unchecked(),
        pytest.raises(InputError, match=r"on_error is 'ignore'. Pass 'raise' or 'skip'"),
    ):
        Findings("ignore")  # type: ignore[arg-type]


def test_numbers_texts_flags_and_ids() -> None:
    assert [as_number(v) for v in ("1e3", " 7 ", "1.5", "x", "9" * 50, "nan", None)] == [
        1000,
        7,
        1.5,
        *[None] * 4,
    ]
    assert [as_flag(v) for v in (None, True, 0, "1", "false", "no", [])] == [
        False,
        True,
        False,
        True,
        False,
        None,
        None,
    ]
    assert [as_id(v) for v in (3.0, "003", 2**63, -(2**62), "")] == [
        3,
        "003",
        None,
        -(2**62),
        None,
    ]
    assert is_text("ä") and not is_text("\udc80")
