"""COCO files: every kind of segmentation, and every kind of mistake with its message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.reading import read_coco
from fiftyone_ntt.coco.references import references_by_class
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.errors import InputError
from tests.coco.files import SIZE, annotation, content, rectangle, write, write_images


def drawn(x: int = 5, y: int = 6, width: int = 20, height: int = 9) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y : y + height, x : x + width] = True
    return mask


def compressed(mask: np.ndarray) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


def uncompressed(mask: np.ndarray) -> dict[str, Any]:
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


def references_of(folder: Path, annotations: list[dict[str, Any]]) -> dict[str, list[Reference]]:
    keys = sorted({entry["image_id"] for entry in annotations})
    path = write(folder / "refs.json", content(keys, annotations))
    groups = references_by_class(read_coco(path), write_images(folder / "images", keys))
    return {name: list(group) for name, group in groups.items()}


@pytest.mark.parametrize(
    "segmentation",
    [
        rectangle(5, 6, 20, 9)["segmentation"],
        [*rectangle(5, 6, 20, 4)["segmentation"], *rectangle(5, 10, 20, 5)["segmentation"]],
        compressed(drawn()),
        uncompressed(drawn()),
    ],
    ids=["polygon", "two polygons", "compressed", "uncompressed"],
)
@pytest.mark.parametrize("box", [[5, 6, 20, 9], None, [], [5, 6, 0, 0]], ids=str)
def test_masks_and_boxes(tmp_path: Path, segmentation: Any, box: Any) -> None:
    fields = {"segmentation": segmentation} | ({} if box is None else {"bbox": box})
    [found] = references_of(tmp_path, [annotation(1, 4, 7, **fields)])["bird"]
    assert found.mask is not None
    np.testing.assert_array_equal(found.mask, drawn())
    assert found.box == (5, 6, 20, 9)
    assert found.id == "1"
    assert found.image.shape == (*SIZE, 3)


@pytest.mark.parametrize("mask", [np.ones(SIZE, bool), drawn(0, 0, 1, 1), drawn(59, 39, 1, 1)])
def test_run_lengths_at_the_borders(tmp_path: Path, mask: np.ndarray) -> None:
    for segmentation in (compressed(mask), uncompressed(mask)):
        [found] = references_of(tmp_path, [annotation(1, 4, 7, segmentation=segmentation)])["bird"]
        np.testing.assert_array_equal(found.mask, mask)


@pytest.mark.parametrize("fields", [{}, {"segmentation": []}, {"segmentation": None}])
def test_a_box_alone_has_no_mask(tmp_path: Path, fields: dict[str, Any]) -> None:
    [found] = references_of(tmp_path, [annotation(1, 4, 7, bbox=[1.5, 2, 3, 4], **fields)])["bird"]
    assert found.mask is None
    assert found.box == (1.5, 2, 3, 4)


def test_classes_by_category_id_and_only_those_with_annotations(tmp_path: Path) -> None:
    names = {12: "bag", 7: "bird", 3: "boat", 5: "none"}
    rows = [
        annotation(key, 1, category, bbox=[1, 1, 5, 5])
        for key, category in enumerate([12, 3, 7, 3])
    ]
    file = read_coco(write(tmp_path / "refs.json", content([1], rows, names)))
    assert list(file.categories.items()) == [(3, "boat"), (5, "none"), (7, "bird"), (12, "bag")]
    groups = references_by_class(file, write_images(tmp_path / "images", [1]))
    assert {name: [item.id for item in group] for name, group in groups.items()} == {
        "boat": ["1", "3"],
        "bird": ["2"],
        "bag": ["0"],
    }
    assert list(groups) == ["boat", "bird", "bag"]


def test_a_file_that_only_lists_images(tmp_path: Path) -> None:
    file = read_coco(write(tmp_path / "targets.json", content([9, 2, 5])))
    assert list(file.images) == [9, 2, 5]
    assert file.annotations == []
    with pytest.raises(InputError, match=r"has no annotations, so there are no references"):
        references_by_class(file, tmp_path)
    null = {**content([1]), "annotations": None}
    assert read_coco(write(tmp_path / "null.json", null)).annotations == []


def test_image_ids_may_be_text(tmp_path: Path) -> None:
    data = content([1], [annotation(1, 1, 7, bbox=[1, 1, 5, 5])])
    data["images"][0]["id"] = data["annotations"][0]["image_id"] = "0001"
    file = read_coco(write(tmp_path / "refs.json", data))
    groups = references_by_class(file, write_images(tmp_path, [1]))
    assert [item.id for item in groups["bird"]] == ["1"]


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "windows.json"
    path.write_text(json.dumps(content([1])), encoding="utf-8-sig")
    assert list(read_coco(path).images) == [1]


BOX = {"bbox": [1, 1, 5, 5]}
GOOD = content([1], [annotation(1, 1, 7, **BOX)])
MISTAKES = [
    ("[1, 2]", r"holds a JSON list, not an object"),
    ("{", r"is not a JSON file"),
    ("", r"is not a JSON file"),
    ({}, r"lists no images"),
    ({**GOOD, "categories": {"7": "bird"}}, r"lists no categories"),
    ({**GOOD, "images": []}, r"lists no images"),
    ({**GOOD, "images": {"1": {}}}, r"lists no images"),
    ({**GOOD, "images": [{"id": 1}]}, r"an entry of 'images' lacks an 'id' or 'file_name'"),
    ({**GOOD, "images": [{"file_name": "a.png"}]}, r"an entry of 'images' lacks"),
    ({**GOOD, "images": [{"id": [1], "file_name": "a.png"}]}, r"an entry of 'images' lacks"),
    ({**GOOD, "images": [{"id": 1, "file_name": None}]}, r"an entry of 'images' lacks"),
    ({**GOOD, "images": ["a.png"]}, r"an entry of 'images' lacks"),
    (
        {**GOOD, "images": [GOOD["images"][0], {"id": 1, "file_name": "b.png"}]},
        r"id 1 occurs twice in 'images'",
    ),
    ({**GOOD, "categories": [{"id": "x", "name": "a"}]}, r"an entry of 'categories' lacks"),
    ({**GOOD, "annotations": {"1": 2}}, r"'annotations' is no list"),
    ({**GOOD, "annotations": ["x"]}, r"an annotation is no object"),
    ({**GOOD, "annotations": [annotation(4, 2, 7, **BOX)]}, r"annotation 4 is of image 2"),
    ({**GOOD, "annotations": [annotation(4, 1, 9, **BOX)]}, r"annotation 4 is of category 9"),
    ({**GOOD, "annotations": [{"id": 4, "image_id": [1]}]}, r"annotation 4 is of image \[1\]"),
    ({**GOOD, "annotations": [annotation(4, 1, 7)]}, r"neither a segmentation nor a bbox"),
    ({**GOOD, "annotations": [annotation(4, 1, 7, bbox=[1, 2, 3])]}, r"the bbox \[1, 2, 3\]"),
    ({**GOOD, "annotations": [annotation(4, 1, 7, bbox=["x"] * 4)]}, r"the bbox \['x'"),
    ({**GOOD, "annotations": [annotation(4, 1, 7, bbox=[float("nan")] * 4)]}, r"the bbox \[nan"),
    (
        {**GOOD, "annotations": [annotation(4, 1, 7, bbox="x", segmentation=[[1, 2, 3, 4, 5, 6]])]},
        r"the bbox 'x'",
    ),
]


@pytest.mark.parametrize("data, message", MISTAKES, ids=[message for _, message in MISTAKES])
def test_malformed_files(tmp_path: Path, data: Any, message: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    with pytest.raises(InputError, match=rf"file\.json.*{message}"):
        read_coco(path)


def test_missing_and_unreadable_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file"):
        read_coco(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"is not a JSON file"):
        read_coco(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InputError, match=r"is not a JSON file"):
        read_coco(tmp_path / "latin.json")


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3]],
        [1, 2, 3, 4, 5, 6, 7],
        [["a"] * 6],
        "text",
        {"counts": [3]},
        {"size": [40, 60]},
        {"size": [40, 60], "counts": [3, 4]},
        {"size": [40, 60], "counts": [1, 2400]},
        {"size": [40, 60], "counts": [-1, 2401]},
        {"size": [40, 60], "counts": ""},
        {"size": [40, 60], "counts": compressed(drawn())["counts"][:-2]},
        {"size": [40, 60], "counts": compressed(drawn())["counts"] + "11"},
        {"size": [40, 60], "counts": "é"},
        {"size": [40], "counts": "11"},
    ],
    ids=str,
)
def test_malformed_segmentations(tmp_path: Path, segmentation: Any) -> None:
    with pytest.raises(InputError, match=r"annotation 8: its segmentation cannot be read"):
        references_of(tmp_path, [annotation(8, 1, 7, segmentation=segmentation)])


def test_a_segmentation_of_another_size(tmp_path: Path) -> None:
    segmentation = compressed(np.ones((60, 40), bool))
    with pytest.raises(InputError, match=r"is 40 x 60 px but its image is 60 x 40 px"):
        references_of(tmp_path, [annotation(8, 1, 7, segmentation=segmentation)])


def test_a_missing_image_is_named_before_any_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "refs.json", GOOD)
    with pytest.raises(InputError, match=r"no such file as .*image-1.png"):
        references_by_class(read_coco(path), tmp_path)
