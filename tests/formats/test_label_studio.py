"""Label Studio's JSON: scenes written as its export has them, and what people label besides."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Bool
from PIL import Image

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.core.foreign_masks import polygons_rle
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.label_studio import LABEL_STUDIO
from tests.formats.brush_writer import brush_runs
from tests.formats.comparing import same_masks
from tests.formats.reading_back import Found, read_back
from tests.formats.scenes import CLASSES, Part, Scene, SceneObject, make_scenes

_SIDES = {"original_width": 40, "original_height": 30, "image_rotation": 0}


def _percent(part: Part, size: tuple[int, int]) -> list[list[float]]:
    return [[100 * x / size[1], 100 * y / size[0]] for x, y in part.outer]


def _has_holes(item: SceneObject) -> bool:
    return any(part.holes for part in item.parts)


def _results(number: int, item: SceneObject, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Objects with holes as brushes; others as polygons, the parts filed under the first."""
    sides = {"original_height": size[0], "original_width": size[1], "image_rotation": 0}
    shared = {**sides, "from_name": "label", "to_name": "image", "origin": "manual"}
    if _has_holes(item):
        rle = brush_runs((item.mask * 255).astype(np.uint8))
        value: dict[str, Any] = {"format": "rle", "rle": rle, "brushlabels": [item.label]}
        return [{**shared, "id": f"b{number}", "type": "brushlabels", "value": value}]
    rows = []
    for place, part in enumerate(item.parts):
        points = _percent(part, size)
        value = {"points": points, "closed": True, "polygonlabels": [item.label]}
        parent = {"parentID": f"p{number}-0"} if place else {}
        key = f"p{number}-{place}"
        rows.append({**shared, "id": key, "type": "polygonlabels", "value": value, **parent})
    return rows


def _task(number: int, scene: Scene) -> dict[str, Any]:
    results = [row for n, item in enumerate(scene.objects) for row in _results(n, item, scene.size)]
    return {
        "id": number,
        "annotations": [{"id": number, "result": results, "was_cancelled": False}],
        "file_upload": f"0a1b2c3d-{scene.name.replace(' ', '_')}",
        "predictions": [],
        "data": {"image": f"/data/upload/1/0a1b2c3d-{scene.name.replace(' ', '_')}"},
    }


def _expected(item: SceneObject, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    if _has_holes(item):
        return item.mask
    parts = [
        [n / 100 * s for p in _percent(part, size) for n, s in zip(p, size[::-1], strict=True)]
        for part in item.parts
    ]
    return decode_mask(polygons_rle(parts, size))


def _save(folder: Path, tasks: list[dict[str, Any]]) -> Path:
    (folder / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    return folder / "export.json"


def test_scenes_come_back(tmp_path: Path) -> None:
    scenes = make_scenes()
    for scene in scenes:
        scene.save_image(tmp_path / "images")
    path = _save(tmp_path, [_task(n, scene) for n, scene in enumerate(scenes)])
    files = LABEL_STUDIO.read(path, None)
    assert files.classes == tuple(sorted(CLASSES)) and files.lost == ()
    found = read_back(path)
    assert list(found) == [scene.name for scene in scenes]
    for scene in scenes:
        expected = [(item.label, _expected(item, scene.size)) for item in scene.objects]
        assert same_masks(found[scene.name], expected), scene.name


def _result(key: str, kind: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**_SIDES, "id": key, "type": kind, "from_name": "label", "value": value, **more}


def _box(key: str, label: str, x: float = 10, **more: Any) -> dict[str, Any]:
    value = {"x": x, "y": 20, "width": 50, "height": 10, "rectanglelabels": [label]}
    return _result(key, "rectanglelabels", value, **more)


def _one_task(folder: Path, results: list[dict[str, Any]], **more: Any) -> Path:
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    annotations = [{"id": 1, "result": results}]
    return _save(
        folder, [{"id": 7, "annotations": annotations, "data": {"image": "a.png"}, **more}]
    )


def _read_one(folder: Path, results: list[dict[str, Any]], **more: Any) -> list[Found]:
    return read_back(_one_task(folder, results, **more))["a.png"]


def test_boxes_and_what_is_asked_of_them(tmp_path: Path) -> None:
    [item] = _read_one(
        tmp_path,
        [
            _box("k", "boat", meta={"text": ["look"]}, origin="manual"),
            _result("k", "choices", {"choices": ["wet"]}, from_name="state"),
            _result("k", "number", {"number": 4}, from_name="crew"),
            _result("whole", "choices", {"choices": ["night"]}, from_name="light"),
        ],
    )
    assert item.mask is None and item.box == (4, 6, 20, 3)
    assert item.attributes == {
        "source_id": "k",
        "text": "look",
        "origin": "manual",
        "state": "wet",
        "crew": 4,
    }


def test_a_turned_box_turns_about_its_corner_and_in_pixels(tmp_path: Path) -> None:
    value = {"x": 50, "y": 20, "width": 50, "height": 10, "rotation": 90}
    row = _result("k", "rectanglelabels", {**value, "rectanglelabels": ["boat"]})
    [item] = _read_one(tmp_path, [row])
    assert item.box == (17, 6, 3, 20)  # 20 x 3 px, turned down from (20, 6)
    assert item.attributes["rotation"] == 90


def test_an_ellipse_lies_about_its_centre(tmp_path: Path) -> None:
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 90}
    row = _result("k", "ellipselabels", {**value, "ellipselabels": ["boat"]})
    [item] = _read_one(tmp_path, [row])
    assert item.box == (17, 7, 6, 16) and item.mask is not None
    assert abs(int(item.mask.sum()) / (np.pi * 8 * 3) - 1) < 0.06


def test_labels_of_a_control_of_their_own_and_several_of_one_shape(tmp_path: Path) -> None:
    points = {"points": [[0, 0], [50, 0], [50, 50], [0, 50]]}
    [item] = _read_one(
        tmp_path,
        [
            _result("k", "polygon", points),
            _result("k", "labels", {**points, "labels": ["boat", "wreck"]}),
        ],
    )
    assert item.label == "boat" and item.attributes["labels"] == ["boat", "wreck"]
    assert item.mask is not None and item.mask.sum() == 20 * 15


def test_a_part_is_of_its_own_class_alone(tmp_path: Path) -> None:
    def square(key: str, x: int, label: str, parent: str | None = None) -> dict[str, Any]:
        points = [[x, 0], [x + 10, 0], [x + 10, 10], [x, 10]]
        value = {"points": points, "polygonlabels": [label]}
        return _result(key, "polygonlabels", value, parentID=parent)

    found = _read_one(
        tmp_path,
        [
            square("c", 40, "boat", "b"),
            square("a", 0, "boat"),
            square("b", 20, "boat", "a"),
            square("d", 60, "buoy", "a"),
            square("e", 80, "boat", "e"),
        ],
    )
    assert [(item.label, int(item.mask.sum())) for item in found if item.mask is not None] == [
        ("boat", 36),
        ("buoy", 12),
        ("boat", 12),
    ]


def test_which_annotation_is_taken(tmp_path: Path) -> None:
    annotations = [
        {"result": [_box("a", "first")], "created_at": "2024-01-01"},
        {"result": [_box("b", "last")], "created_at": "2024-03-01"},
        {"result": [_box("c", "skipped")], "created_at": "2024-04-01", "was_cancelled": True},
    ]
    predictions = [{"result": [_box("d", "guess")], "score": 0.5}]
    path = _one_task(tmp_path, [], annotations=annotations, predictions=predictions)
    files = LABEL_STUDIO.read(path, None)
    assert [item.label for item in read_back(path)["a.png"]] == ["last"]
    assert files.classes == ("last",)
    assert set(files.lost) == {
        "other annotations of the same task: 1",
        "predictions of tasks that are annotated: 1",
    }
    annotations[0]["ground_truth"] = True
    assert [i.label for i in _read_one(tmp_path, [], annotations=annotations)] == ["first"]


def test_predictions_count_where_nobody_annotated(tmp_path: Path) -> None:
    predictions = [
        {"result": [_box("a", "boat"), _box("b", "boat", score=0.25)], "score": 0.5},
    ]
    found = _read_one(tmp_path, [], annotations=[], predictions=predictions)
    assert [item.score for item in found] == [0.5, 0.25]


def test_skipped_tasks_are_left_out_and_untouched_ones_have_no_objects(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "b.png")
    path = _one_task(tmp_path, [_box("a", "boat")], annotations=[{"was_cancelled": True}])
    tasks = json.loads(path.read_text())
    tasks.append({"id": 8, "annotations": [], "data": {"image": "b.png"}})
    path = _save(tmp_path, tasks)
    files = LABEL_STUDIO.read(path, None)
    assert read_back(path) == {"b.png": []}
    assert files.lost == ("skipped tasks, left out: 1",)


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("/data/local-files/?d=photos/day%201/a%20b.png", "photos/day 1/a b.png"),
        ("/data/local-files/?d=photos/a.png", "a.png"),
        ("/data/upload/3/1a2b3c4d-a.png", "a.png"),
        ("/data/upload/3/1a2b3c4d-a.png", "1a2b3c4d-a.png"),
        ("/data/upload/3/1a2b3c4d-a_b_1.png", "a b (1).png"),
        ("https://host.example/x/a%20b.png?token=1", "a b.png"),
        ("s3://bucket/key/a.png", "key/a.png"),
        ("/tasks/4/presign/?fileuri=" + base64.b64encode(b"s3://bucket/a.png").decode(), "a.png"),
        ("C:\\photos\\a.png", "a.png"),
    ],
)
def test_images_are_found_by_what_the_tool_calls_them(
    tmp_path: Path, address: str, stored: str
) -> None:
    (tmp_path / "images" / stored).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30)).save(tmp_path / "images" / stored)
    tasks = [{"id": 1, "annotations": [{"result": [_box("k", "boat")]}], "data": {"pic": address}}]
    found = read_back(_save(tmp_path, tasks))
    assert [(name, len(items)) for name, items in found.items()] == [(Path(stored).name, 1)]


def test_the_short_export_is_read_the_same(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    box = {**_box("k", "boat")["value"], **_SIDES}
    brush = {"format": "rle", "rle": brush_runs(np.eye(30, 40, dtype=np.uint8))}
    entry = {
        "image": "/data/upload/1/1a2b3c4d-a.png",
        "id": 1,
        "label": [box, {**brush, **_SIDES, "brushlabels": ["buoy"]}],
        "annotator": 1,
        "annotation_id": 3,
        "created_at": "2024-02-01",
    }
    older = {**entry, "label": [box], "created_at": "2024-01-01"}
    path = _save(tmp_path, [entry, older])
    files = LABEL_STUDIO.read(path, None)
    found = read_back(path)["a.png"]
    assert [(item.label, item.mask is None) for item in found] == [("boat", True), ("buoy", False)]
    assert found[1].mask is not None and np.array_equal(found[1].mask, np.eye(30, 40, dtype=bool))
    assert files.lost == ("other annotations of the same task: 1",)


def test_what_cannot_be_kept_is_counted(tmp_path: Path) -> None:
    point = {"x": 1, "y": 1, "width": 0.5, "keypointlabels": ["bow"]}
    unnamed = {"x": 10, "y": 20, "width": 50, "height": 10}
    rows = [
        _result("a", "keypointlabels", point),
        {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
        _result("c", "rectangle", unnamed),
        _result("d", "choices", {"choices": ["night"]}),
    ]
    path = _one_task(tmp_path, rows, drafts=[{"id": 1}])
    files = LABEL_STUDIO.read(path, None)
    assert set(files.lost) == {
        "key points: 1",
        "relations: 1",
        "shapes without a label: 1",
        "answers about whole images: 1",
        "drafts: 1",
    }


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("polygonlabels", {"points": [[1, 1], [2]]}, "not pairs"),
        ("polygonlabels", {"points": [[1, 1], [2, float("nan")], [3, 3]]}, "not pairs"),
        ("polygonlabels", {"points": {}}, "not pairs"),
        ("polygonlabels", {"points": [[0, 0], [1e9, 0], [5, 5]]}, "far from"),
        ("brushlabels", {"rle": [0, 0, 0, 9] + [1] * 20}, "9 values"),
        ("rectanglelabels", {"x": 1, "y": 1, "width": "a", "height": 2}, "width is 'a'"),
        ("rectanglelabels", {"x": 1, "y": 1, "width": 3, "height": 2, "rotation": "a"}, "rotation"),
        ("ellipselabels", {"x": 1, "y": 1, "radiusX": 3}, "radiusY is None"),
    ],
)
def test_faulty_shapes_are_told_and_left_out(
    tmp_path: Path, kind: str, value: dict[str, Any], reason: str
) -> None:
    rows = [_result("k", kind, {**value, kind: ["boat"]}), _box("good", "boat")]
    findings = Findings("skip")
    found = read_back(_one_task(tmp_path, rows), findings=findings)
    assert len(found["a.png"]) == 1
    [error] = findings.skipped
    assert reason in str(error)


def test_shapes_on_turned_images_are_refused(tmp_path: Path) -> None:
    findings = Findings("skip")
    path = _one_task(tmp_path, [_box("k", "boat", image_rotation=90)])
    assert read_back(path, findings=findings) == {"a.png": []}
    assert "turned by 90 degrees" in str(findings.skipped[0])


def test_only_files_of_the_tool_are_recognised(tmp_path: Path) -> None:
    path = _one_task(tmp_path, [_box("k", "boat")])
    assert LABEL_STUDIO.recognise(path) and LABEL_STUDIO.recognise(tmp_path)
    (tmp_path / "again.json").write_text(path.read_text())
    with pytest.raises(InputError, match=r"2 JSON exports .*: again.json, export.json"):
        LABEL_STUDIO.read(tmp_path, None)
    (tmp_path / "again.json").unlink()
    for text in ('[{"image_id": 1, "score": 0.5, "segmentation": {}}]', '{"annotations": []}', "["):
        path.write_text(text)
        assert LABEL_STUDIO.recognise(path) is None
    with pytest.raises(InputError, match="Export as 'JSON'"):
        LABEL_STUDIO.read(path, None)
