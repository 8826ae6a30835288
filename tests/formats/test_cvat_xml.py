"""CVAT's XML: scenes written to its description, and what people draw besides."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from jaxtyping import Bool
from PIL import Image

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.core.foreign_masks import polygons_rle
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.cvat_xml import CVAT
from tests.formats.comparing import same_masks
from tests.formats.reading_back import read_back
from tests.formats.scenes import CLASSES, Scene, SceneObject, make_scenes

_META = (
    "<meta><task><size>3</size><original_size><width>40</width><height>30</height></original_size>"
    "<labels>{}</labels></task></meta>"
)


def _label(name: str) -> str:
    kinds = {"count": "number", "wet": "checkbox", "colour": "select", "code": "text"}
    attributes = "".join(
        f"<attribute><name>{key}</name><input_type>{kind}</input_type></attribute>"
        for key, kind in kinds.items()
    )
    return f"<label><name>{name}</name><attributes>{attributes}</attributes></label>"


def _write(folder: Path, body: str, classes: tuple[str, ...] = CLASSES) -> Path:
    meta = _META.format("".join(map(_label, classes)))
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}'
    folder.mkdir(exist_ok=True)
    (folder / "annotations.xml").write_text(f"{text}{body}</annotations>", encoding="utf-8")
    return folder / "annotations.xml"


def _rle(mask: Bool[np.ndarray, "H W"]) -> str:
    """As CVAT writes a mask: runs of off and on, row by row, in the mask's own window."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    flat = mask[top:bottom, left:right].ravel()
    runs = [len(list(group)) for _, group in groupby(flat)]
    written = ", ".join(map(str, ([0] if flat[0] else []) + runs))
    return (
        f'rle="{written}" left="{left}" top="{top}" width="{right - left}" height="{bottom - top}"'
    )


def _polygon(corners: tuple[tuple[int, int], ...]) -> str:
    return ";".join(f"{x:.2f},{y:.2f}" for x, y in corners)


def _has_holes(item: SceneObject) -> bool:
    return any(part.holes for part in item.parts)


def _written(number: int, item: SceneObject) -> str:
    """Objects with holes as masks, others as polygons, one of several parts in a group."""
    shared = (
        f"label={quoteattr(item.label)} source='manual' occluded='{int(number % 2)}' z_order='0'"
    )
    if _has_holes(item):
        return f"<mask {shared} {_rle(item.mask)}></mask>"
    group = f" group_id='{number + 1}'" if len(item.parts) > 1 else ""
    return "".join(
        f'<polygon {shared} points="{_polygon(part.outer)}"{group}></polygon>'
        for part in item.parts
    )


def _expected(item: SceneObject, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """A mask's pixels; of polygons those of pycocotools, with which CVAT draws."""
    if _has_holes(item):
        return item.mask
    parts = [[float(n) for corner in part.outer for n in corner] for part in item.parts]
    return decode_mask(polygons_rle(parts, size))


def _element(number: int, scene: Scene) -> str:
    height, width = scene.size
    shapes = "".join(_written(n, item) for n, item in enumerate(scene.objects))
    return (
        f'<image id="{number}" name="{scene.name}" width="{width}" '
        f'height="{height}">{shapes}</image>'
    )


def test_scenes_come_back(tmp_path: Path) -> None:
    scenes = make_scenes()
    for scene in scenes:
        scene.save_image(tmp_path / "images")
    path = _write(tmp_path, "".join(_element(n, scene) for n, scene in enumerate(scenes)))
    files = CVAT.read(path, None)
    assert files.classes == CLASSES and files.lost == ()
    found = read_back(path)
    assert list(found) == [scene.name for scene in scenes]
    for scene in scenes:
        expected = [(item.label, _expected(item, scene.size)) for item in scene.objects]
        assert same_masks(found[scene.name], expected), scene.name
    assert sum(len(item.parts) > 1 for scene in scenes for item in scene.objects) > 3
    assert sum(_has_holes(item) for scene in scenes for item in scene.objects) > 3


def test_a_mask_as_the_tools_own_library_encodes_it(tmp_path: Path) -> None:
    pixels = ["......", ".####.", ".#..#.", ".####.", "......"]
    expected = np.array([[pixel == "#" for pixel in row] for row in pixels])
    # encode_mask of cvat-sdk 2.80.0 gives [0, 5, 2, 5, 1, 1, 4, 3]: runs, and the window's corners.
    written = 'rle="0, 5, 2, 5" left="1" top="1" width="4" height="3"'
    assert _rle(expected) == written
    shape = f'<mask label="boat" {written}></mask>'
    [item] = read_back(_one_image(tmp_path, shape, (5, 6)))["a.png"]
    assert item.mask is not None and np.array_equal(item.mask, expected)


def _one_image(folder: Path, shapes: str, size: tuple[int, int] = (30, 40)) -> Path:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", size[::-1]).save(folder / "a.png")
    height, width = size
    return _write(
        folder, f'<image id="0" name="a.png" width="{width}" height="{height}">{shapes}</image>'
    )


def test_attributes_keep_their_types(tmp_path: Path) -> None:
    attributes = {"count": "3", "wet": "true", "colour": "true", "code": "007", "new": "x"}
    inside = "".join(f'<attribute name="{k}">{v}</attribute>' for k, v in attributes.items())
    box = (
        '<box label="boat" source="semi-auto" occluded="1" z_order="4" group_id="9" '
        f'xtl="1.5" ytl="2" xbr="11.5" ybr="22">{inside}</box>'
    )
    [item] = read_back(_one_image(tmp_path, box))["a.png"]
    assert item.attributes == {
        "occluded": True,
        "z_order": 4,
        "group_id": 9,
        "source": "semi-auto",
        "count": 3,
        "wet": True,
        "colour": "true",  # a choice of that name, no flag
        "code": "007",
        "new": "x",
    }
    assert item.mask is None and item.box == (1.5, 2, 10, 20)


def test_groups_of_several_classes_stay_apart_and_boxes_stay_boxes(tmp_path: Path) -> None:
    square = 'points="1,1;5,1;5,5;1,5"'
    other = 'points="11,11;15,11;15,15;11,15"'
    shapes = (
        f'<polygon label="boat" group_id="1" {square}/><polygon label="buoy" group_id="1" {other}/>'
        '<box label="boat" group_id="1" xtl="1" ytl="1" xbr="9" ybr="9"/>'
        f'<polygon label="boat" group_id="0" {square}/><polygon label="boat" group_id="0" {other}/>'
        '<mask label="boat" group_id="1" rle="1, 2, 1" left="20" top="20" width="2" height="2"/>'
    )
    found = read_back(_one_image(tmp_path, shapes))["a.png"]
    counted = [(item.label, None if item.mask is None else int(item.mask.sum())) for item in found]
    assert counted == [("boat", 18), ("buoy", 16), ("boat", None), ("boat", 16), ("boat", 16)]


def test_a_turned_box_is_a_polygon_and_an_ellipse_is_drawn_by_opencv(tmp_path: Path) -> None:
    shapes = (
        '<box label="boat" rotation="90" xtl="10" ytl="5" xbr="30" ybr="15"/>'
        '<ellipse label="boat" cx="20" cy="15" rx="6" ry="3" rotation="90"/>'
    )
    box, ellipse = read_back(_one_image(tmp_path, shapes))["a.png"]
    assert box.box == (15, 0, 10, 20) and box.attributes["rotation"] == 90
    assert ellipse.box == (17, 9, 7, 13)  # OpenCV's outermost pixels belong to it


def test_what_cannot_be_kept_is_counted(tmp_path: Path) -> None:
    shapes = (
        '<polyline label="boat" points="1,1;2,2"/><points label="boat" points="1,1"/>'
        '<tag label="buoy"/><tag label="buoy"/><cuboid label="boat" xtl1="1"/>'
        '<skeleton label="boat"><points label="bow" points="1,1"/></skeleton>'
    )
    path = _one_image(tmp_path, shapes)
    files = CVAT.read(path, None)
    assert set(files.lost) == {
        "polylines: 1",
        "points: 1",
        "cuboids: 1",
        "skeletons: 1",
        "tags of whole images: 2",
    }
    assert read_back(path) == {"a.png": []}


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (
            '<mask label="boat" rle="1,2" left="0" top="0" width="2" height="2"/>',
            "cover 3 of 2 x 2",
        ),
        ('<mask label="boat" rle="1,-2,5" left="0" top="0" width="2" height="2"/>', "negative"),
        ('<mask label="boat" rle="a" left="0" top="0" width="2" height="2"/>', "whole numbers"),
        ('<mask label="boat" rle="4" left="39" top="0" width="2" height="2"/>', "out of the image"),
        ('<mask label="boat" rle="4" left="-1" top="0" width="2" height="2"/>', "not in the image"),
        ('<mask label="boat" rle="4" left="0" top="0" width="2"/>', "height is None"),
        ('<polygon label="boat" points="1,1;2,x;3,3"/>', "no numbers"),
        ('<polygon label="boat" points="1,1;2,nan;3,3"/>', "cannot be read"),
        ('<polygon label="boat" points="1,1;2,1e9;3,3"/>', "far from"),
        ('<box label="boat" xtl="1" ytl="1" xbr="9"/>', "ybr is None"),
        ('<box label="boat" rotation="1" xtl="1" ytl="1" xbr="1e12" ybr="2"/>', "far from"),
        ('<ellipse label="boat" cx="1" cy="1" rx="1e8" ry="2"/>', "far from"),
        ('<box xtl="1" ytl="1" xbr="9" ybr="9"/>', "no label"),
    ],
)
def test_faulty_shapes_are_told_and_left_out(tmp_path: Path, shape: str, reason: str) -> None:
    good = '<box label="boat" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    findings = Findings("skip")
    found = read_back(_one_image(tmp_path, shape + good), findings=findings)
    assert len(found["a.png"]) == 1
    [error] = findings.skipped
    assert reason in str(error)


def test_images_of_parts_of_a_project_are_found(tmp_path: Path) -> None:
    for part in ("train", "val"):
        (tmp_path / "images" / part).mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(tmp_path / "images" / part / "a.png")
    path = _write(
        tmp_path,
        "".join(
            f'<image id="{n}" name="a.png" subset="{part}" width="40" height="30"/>'
            for n, part in enumerate(("train", "val"))
        ),
    )
    files = CVAT.read(path, None)
    [content] = files.parts(Findings())
    assert [row["file_name"] for row in content["images"]] == ["train/a.png", "val/a.png"]


_TRACKS = (
    '<track id="0" label="boat" source="manual" group_id="0">'
    '<box frame="0" keyframe="1" outside="0" occluded="0" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    '<box frame="1" keyframe="0" outside="0" occluded="1" xtl="2" ytl="1" xbr="10" ybr="9"/>'
    '<box frame="2" keyframe="1" outside="1" occluded="0" xtl="2" ytl="1" xbr="10" ybr="9"/>'
    "</track>"
    '<track id="5" label="buoy"><polygon frame="0" keyframe="1" outside="0" '
    'points="1,1;5,1;5,5;1,5"><attribute name="count">2</attribute></polygon>'
    '<polygon frame="2" keyframe="1" outside="0" points="1,1;5,1;5,5;1,5"/></track>'
)


def test_tracks_are_kept_where_they_are_shown(tmp_path: Path) -> None:
    path = _write(tmp_path, _TRACKS)
    for frame in range(3):
        Image.new("RGB", (40, 30)).save(tmp_path / f"frame_{frame:06d}.png")
    files = CVAT.read(path, None)
    found = read_back(path)
    shown = [
        [(item.label, item.attributes["track_id"], item.attributes["keyframe"]) for item in items]
        for items in found.values()
    ]
    assert shown == [
        [("boat", 0, True), ("buoy", 5, True)],
        [("boat", 0, False)],
        [("buoy", 5, True)],
    ]
    assert found["frame_000000.png"][1].attributes["count"] == 2
    assert files.lost == ("places of tracks between keyframes, not in the file: 1",)


def test_frames_of_other_names_are_taken_in_order_or_asked_for(tmp_path: Path) -> None:
    path = _write(tmp_path, _TRACKS)
    with pytest.raises(InputError, match="ffmpeg"):
        CVAT.read(path, None)
    for name in "cab":
        Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.png")
    found = read_back(path)
    assert [(name, len(items)) for name, items in found.items()] == [
        ("a.png", 2),
        ("b.png", 1),
        ("c.png", 1),
    ]


def test_only_files_of_the_tool_are_recognised(tmp_path: Path) -> None:
    path = _one_image(tmp_path, "")
    assert CVAT.recognise(path) and CVAT.recognise(tmp_path)
    path.write_text("<annotation><folder>VOC</folder></annotation>")
    assert CVAT.recognise(path) is None and CVAT.recognise(tmp_path / "none") is None
    with pytest.raises(InputError, match="CVAT for images"):
        CVAT.read(path, None)
