"""VGG Image Annotator: scenes written as each of its versions has them, and its shapes."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.core.foreign_masks import polygons_rle
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.formats.via import VIA
from tests.formats.comparing import same_masks
from tests.formats.reading_back import Found, read_back
from tests.formats.scenes import CLASSES, Scene, make_scenes

Row = dict[str, Any]


def _rows(scene: Scene) -> list[Row]:
    """One polygon for each part: the tool knows neither parts nor holes."""
    return [
        {
            "shape_attributes": {
                "name": "polygon",
                "all_points_x": [x for x, _ in part.outer],
                "all_points_y": [y for _, y in part.outer],
            },
            "region_attributes": {"kind": item.label, "note": "as seen"},
        }
        for item in scene.objects
        for part in item.parts
    ]


def _metadata(scenes: list[Scene]) -> Row:
    return {
        f"{scene.name}{number}": {
            "filename": scene.name,
            "size": number,
            "regions": _rows(scene),
            "file_attributes": {},
        }
        for number, scene in enumerate(scenes)
    }


def _project(folder: Path, scenes: list[Scene]) -> Path:
    definition = {"type": "dropdown", "options": dict.fromkeys(CLASSES, ""), "default_options": {}}
    attributes = {"region": {"note": {"type": "text"}, "kind": definition}, "file": {}}
    return _save(
        folder,
        {
            "_via_settings": {},
            "_via_img_metadata": _metadata(scenes),
            "_via_attributes": attributes,
            "_via_data_format_version": "2.0.10",
            "_via_image_id_list": [],
        },
    )


def _table(folder: Path, scenes: list[Scene]) -> Path:
    names = "filename,file_size,file_attributes,region_count,region_id"
    with (folder / "via.csv").open("w", newline="", encoding="utf-8") as file:
        file.write(f"{names},region_shape_attributes,region_attributes\n")
        writer = csv.writer(file)
        for scene in scenes:
            rows = _rows(scene)
            for number, row in enumerate(
                rows or [{"shape_attributes": {}, "region_attributes": {}}]
            ):
                texts = [json.dumps(row["shape_attributes"]), json.dumps(row["region_attributes"])]
                writer.writerow([scene.name, 9, "{}", len(rows), number, *texts])
    text = (
        (folder / "via.csv").read_text(encoding="utf-8").replace("note", "").replace("kind", "type")
    )
    (folder / "via.csv").write_text(text, encoding="utf-8")
    return folder / "via.csv"


def _version_3(folder: Path, scenes: list[Scene]) -> Path:
    files, views, metadata = {}, {}, {}
    for number, scene in enumerate(scenes, 1):
        files[f"{number}"] = {
            "fid": f"{number}",
            "fname": scene.name,
            "type": 2,
            "loc": 1,
            "src": "",
        }
        views[f"{number}"] = {"fid_list": [f"{number}"]}
        for place, row in enumerate(_rows(scene)):
            shape = row["shape_attributes"]
            pairs = zip(shape["all_points_x"], shape["all_points_y"], strict=True)
            metadata[f"{number}_{place}"] = {
                "vid": f"{number}",
                "flg": 0,
                "z": [],
                "xy": [7, *(value for pair in pairs for value in pair)],
                "av": {"1": f"{CLASSES.index(row['region_attributes']['kind'])}"},
            }
    options = {f"{n}": name for n, name in enumerate(CLASSES)}
    return _save(
        folder,
        {
            "project": {"pid": "__VIA_PROJECT_ID__", "pname": "few"},
            "config": {},
            "attribute": {"1": {"aname": "kind", "type": 4, "options": options}},
            "file": files,
            "metadata": metadata,
            "view": views,
        },
    )


def _save(folder: Path, content: Any) -> Path:
    (folder / "via.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "via.json"


@pytest.mark.parametrize("write", [_project, _table, _version_3])
def test_scenes_come_back(tmp_path: Path, write: Callable[[Path, list[Scene]], Path]) -> None:
    scenes = make_scenes()
    for scene in scenes:
        scene.save_image(tmp_path / "images")
    path = write(tmp_path, scenes)
    assert VIA.recognise(path) and VIA.recognise(tmp_path)
    files = VIA.read(path)
    assert files.lost == () and set(files.classes) == set(CLASSES)
    if write is not _table:  # which holds no options
        assert files.classes == CLASSES
    found = read_back(path)
    assert list(found) == [scene.name for scene in scenes]
    for scene in scenes:
        expected = [
            (item.label, decode_mask(polygons_rle([np.ravel(part.outer).tolist()], scene.size)))
            for item in scene.objects
            for part in item.parts
        ]
        assert same_masks(found[scene.name], expected), scene.name


def _regions(folder: Path, shapes: list[Row], labels: list[Row] | None = None) -> Path:
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    labels = labels or [{"label": "boat"}] * len(shapes)
    rows = [
        {"shape_attributes": shape, "region_attributes": label}
        for shape, label in zip(shapes, labels, strict=True)
    ]
    return _save(
        folder,
        {"a.png9": {"filename": "a.png", "size": 9, "regions": rows, "file_attributes": {}}},
    )


def _read(folder: Path, shapes: list[Row], labels: list[Row] | None = None) -> list[Found]:
    return read_back(_regions(folder, shapes, labels))["a.png"]


_RECT = {"name": "rect", "x": 4, "y": 5, "width": 20, "height": 10}


def test_its_shapes(tmp_path: Path) -> None:
    rect, circle, upright, turned = _read(
        tmp_path,
        [
            _RECT,
            {"name": "circle", "cx": 20, "cy": 15, "r": 8},
            {"name": "ellipse", "cx": 20, "cy": 15, "rx": 10, "ry": 4},
            {"name": "ellipse", "cx": 20, "cy": 15, "rx": 10, "ry": 4, "theta": math.pi / 2},
        ],
    )
    assert rect.mask is None and rect.box == (4, 5, 20, 10)
    assert circle.box == (12, 7, 16, 16) and upright.box == (10, 11, 20, 8)
    assert turned.box == (16, 5, 8, 20)  # in its own COCO export the turn is forgotten
    for item, area in ((circle, 64), (upright, 40), (turned, 40)):
        assert item.mask is not None
        assert abs(item.mask.sum() / (math.pi * area) - 1) < 0.05


def test_a_circle_is_the_polygon_of_its_own_coco_export(tmp_path: Path) -> None:
    [circle] = _read(tmp_path, [{"name": "circle", "cx": 20.5, "cy": 15, "r": 9}])
    corners = [
        value
        for angle in range(0, 360, 5)
        for value in (
            round(20.5 + 9 * math.cos(math.radians(angle)), 3),
            round(15 + 9 * math.sin(math.radians(angle)), 3),
        )
    ]
    assert circle.mask is not None
    assert np.array_equal(circle.mask, decode_mask(polygons_rle([corners], (30, 40))))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"Label": "boat", "colour": "red"}, "boat"),
        ({"species": "gull", "colour": "red"}, "gull"),
        ({"whatever": "boat"}, "boat"),
        ({"type": {"buoy": False, "boat": True}}, "boat"),
        ({"class": " boat ", "name": "Mary"}, "boat"),
        ({"class": 3}, "3"),
        ({}, "object"),
    ],
)
def test_which_attribute_is_the_class(tmp_path: Path, attributes: Row, expected: str) -> None:
    [item] = _read(tmp_path, [_RECT], [attributes])
    assert item.label == expected
    assert len(item.attributes) == max(0, len(attributes) - 1)


def test_an_open_choice_of_the_class_is_asked(tmp_path: Path) -> None:
    path = _regions(tmp_path, [_RECT], [{"hull": "wood", "colour": "red"}])
    with pytest.raises(InputError, match=r"colour, hull.*class_attribute= \(--class-attribute\)"):
        VIA.read(path)
    files = open_labels(path, class_attribute="hull")
    assert files.classes == ("wood",)
    [row] = [row for part in files.parts(Findings()) for row in part["annotations"]]
    assert row["attributes"] == {"colour": "red"}
    with pytest.raises(InputError, match=r"no shape has an attribute 'keel'.*colour, hull"):
        open_labels(path, class_attribute="keel")
    with pytest.raises(InputError, match=r"class_name is 'boat', but .*attribute 'hull'"):
        open_labels(path, class_attribute="hull", class_name="boat")


def test_shapes_without_attributes_are_of_the_class_that_is_said(tmp_path: Path) -> None:
    path = _regions(tmp_path, [_RECT], [{}])
    files = open_labels(path, class_name="boat")
    assert (files.classes, files.lost[0][-9:]) == (("boat",), "'boat': 1")


def test_old_files_number_their_regions_and_shapes_without_class_are_counted(
    tmp_path: Path,
) -> None:
    path = _regions(
        tmp_path,
        [_RECT, _RECT, {"name": "point", "cx": 1, "cy": 1}, {"name": "polyline"}],
        [{"label": "boat"}, {"label": ""}, {"label": "bow"}, {"label": "wake"}],
    )
    content = json.loads(path.read_text())
    image = content["a.png9"]
    image["regions"] = {f"{n}": row for n, row in enumerate(image["regions"])}
    image["file_attributes"] = {"weather": "calm", "caption": ""}
    path = _save(tmp_path, content)
    files = VIA.read(path)
    assert [item.label for item in read_back(path)["a.png"]] == ["boat"]
    assert files.classes == ("boat",)
    assert set(files.lost) == {
        "shapes without a value of 'label', which is the class: 1",
        "points: 1",
        "polylines: 1",
        "attributes of whole images: 1",
    }


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]}, "of one length"),
        ({"name": "polygon", "all_points_x": [1, 2, "a"], "all_points_y": [1, 2, 3]}, "'a'"),
        ({"name": "polygon", "all_points_x": [0, 1e9, 3], "all_points_y": [1, 2, 3]}, "far from"),
        ({"name": "rect", "x": 1, "y": 2, "width": None, "height": 3}, "width is None"),
        ({"name": "circle", "cx": 1, "cy": 2}, "r is None"),
        ({"name": "ellipse", "cx": 1, "cy": 2, "rx": 2, "ry": 3, "theta": "a"}, "theta is 'a'"),
        ({"name": "blob"}, "'blob'"),
        ({}, "'nothing'"),
        ({"name": ["rect"]}, "which no version"),
    ],
)
def test_faulty_shapes_are_told_and_left_out(tmp_path: Path, shape: Row, reason: str) -> None:
    findings = Findings("skip")
    found = read_back(_regions(tmp_path, [shape, _RECT]), findings=findings)
    assert len(found["a.png"]) == 1
    [error] = findings.skipped
    assert reason in str(error)


def test_faulty_rows_of_a_table_are_told(tmp_path: Path) -> None:
    path = _table(tmp_path, make_scenes(3))
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, "b.png,9,{,1,0,{},{}", ",9,{},1,0,{},{}"]), encoding="utf-8")
    findings = Findings("skip")
    list(VIA.read(path).parts(findings))
    assert [str(error).split(": ")[1].split(" does")[0] for error in findings.skipped] == [
        f"row {len(lines) + 1}",
        f"row {len(lines) + 2}",
    ]


def test_only_files_of_the_tool_are_recognised(tmp_path: Path) -> None:
    for name, text in {
        "a.json": '{"images": [], "annotations": [], "categories": []}',
        "b.json": '[{"filename": "a"}]',
        "c.csv": "filename,class,xmin\n",
        "d.csv": "",
    }.items():
        (tmp_path / name).write_text(text)
        assert VIA.recognise(tmp_path / name) is None
    assert VIA.recognise(tmp_path) is None
    with pytest.raises(InputError, match="Export Annotations"):
        VIA.read(tmp_path / "c.csv")
