"""labelme's files: pixels as labelme draws them, groups as one object, and what is kept beside."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Bool
from PIL import Image, ImageDraw

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.reading_back import part_sizes, read_back
from tests.formats.scenes import CLASSES, Scene, make_scenes

SIZE = (40, 60)


def packed(mask: Bool[np.ndarray, "h w"]) -> str:
    """As labelme packs masks: `img_arr_to_b64(mask.astype(uint8))`."""
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def as_labelme(
    size: tuple[int, int], points: list[list[float]], kind: str
) -> Bool[np.ndarray, "H W"]:
    """`labelme.utils.shape_to_mask` of labelme 6.3.1, which is these calls on the whole image."""
    canvas = Image.new("L", (size[1], size[0]))
    draw, xy = ImageDraw.Draw(canvas), [(float(x), float(y)) for x, y in points]
    if kind == "circle":
        (cx, cy), (px, py) = xy
        d = math.sqrt((cx - px) ** 2 + (cy - py) ** 2)
        draw.ellipse(((cx - d, cy - d), (cx + d, cy + d)), outline=1, fill=1)
    elif kind == "rectangle":
        (x0, y0), (x1, y1) = xy
        corners = ((min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1)))
        draw.rectangle(corners, outline=1, fill=1)
    else:
        draw.polygon(xy, outline=1, fill=1)
    return np.asarray(canvas, dtype=bool)


def shape(label: str, points: Any, kind: str = "polygon", **more: Any) -> dict[str, Any]:
    """As labelme 6.3.1 writes one."""
    written = {"label": label, "points": points, "group_id": None, "description": ""}
    return {**written, "shape_type": kind, "flags": {}, "mask": None, **more}


def write(folder: Path, shapes: list[Any], name: str = "one", **more: Any) -> Path:
    """A JSON file beside its image."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1]).save(folder / f"{name}.png")
    content = {"version": "6.3.1", "flags": {}, "shapes": shapes, "imagePath": f"{name}.png"}
    size = {"imageData": None, "imageHeight": SIZE[0], "imageWidth": SIZE[1]}
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**content, **size, **more}))
    return path


def write_scenes(folder: Path, scenes: list[Scene]) -> None:
    """Objects as masks, each part one of the object's group: labelme's polygons have no holes."""
    for scene in scenes:
        scene.save_image(folder)
        shapes = []
        for number, item in enumerate(scene.objects):
            x, y, w, h = item.box
            if len(item.parts) == 1:
                whole = packed(item.mask[y : y + h, x : x + w])
                points = [[x, y], [x + w - 1, y + h - 1]]
                shapes.append(shape(item.label, points, "mask", mask=whole, flags=item.attributes))
                continue
            middle = x + w // 2
            for left, right in ((x, middle), (middle, x + w)):
                crop = packed(item.mask[y : y + h, left:right])
                points = [[left, y], [right - 1, y + h - 1]]
                more = {"group_id": number, "flags": item.attributes}
                shapes.append(shape(item.label, points, "mask", mask=crop, **more))
        content = {"version": "6.3.1", "flags": {}, "shapes": shapes, "imagePath": scene.name}
        size = {"imageData": None, "imageHeight": scene.size[0], "imageWidth": scene.size[1]}
        path = folder / f"{Path(scene.name).stem}.json"
        path.write_text(json.dumps({**content, **size}))


def test_scenes_come_back(tmp_path: Path) -> None:
    scenes = make_scenes()
    write_scenes(tmp_path, scenes)
    (tmp_path / "labels.txt").write_text("\n".join(["__ignore__", *CLASSES]), encoding="utf-8")
    found = read_back(tmp_path)
    assert sorted(found) == sorted(scene.name for scene in scenes)
    for scene in scenes:
        read = found[scene.name]
        assert [item.label for item in read] == [item.label for item in scene.objects]
        for item, true in zip(read, scene.objects, strict=True):
            np.testing.assert_array_equal(item.mask, true.mask)
            assert {"occluded", "track"} <= set(item.attributes)
            assert item.attributes["track"] == true.attributes["track"]
    assert max(part_sizes(tmp_path)) <= 200


DRAWN: list[tuple[str, list[list[float]], int]] = [
    ("polygon", [[5, 5], [15, 5], [15, 15], [5, 15]], 121),
    ("polygon", [[5.4, 5.6], [15.5, 5.2], [10.9, 19.7]], 89),
    ("circle", [[20, 20], [26, 20]], 129),
    ("polygon", [[-3.5, -2.5], [8.2, 1.3], [4.4, 45.0]], 256),
]
"""With the number of pixels that labelme 6.3.1 draws, under Pillow 13.0.0: of the square of 10 px
pycocotools draws 100, without the right and bottom edge."""


@pytest.mark.parametrize(("kind", "points", "pixels"), DRAWN)
def test_shapes_have_the_pixels_that_labelme_draws(
    tmp_path: Path, kind: str, points: list[list[float]], pixels: int
) -> None:
    path = write(tmp_path, [shape("boat", points, kind)])
    [found] = read_back(path)["one.png"]
    np.testing.assert_array_equal(found.mask, as_labelme(SIZE, points, kind))
    assert found.mask is not None and np.count_nonzero(found.mask) == pixels


def test_hundreds_of_shapes_with_corners_anywhere(tmp_path: Path) -> None:
    """Drawn in a window around them, and over the borders, as on the whole image."""
    random = np.random.default_rng(3)
    shapes, drawn = [], []
    while len(shapes) < 300:
        kind = ("polygon", "circle", "rectangle")[len(shapes) % 3]
        corners = 2 if kind != "polygon" else int(random.integers(3, 9))
        points = random.uniform(-12, (SIZE[1] + 12, SIZE[0] + 12), (corners, 2))
        if random.random() < 0.5:
            points = points.round(0 if random.random() < 0.5 else 1)
        mask = as_labelme(SIZE, points.tolist(), kind)
        if mask.any():
            drawn.append(mask)
            shapes.append(shape("boat", points.tolist(), kind, group_id=len(shapes)))
            if kind == "rectangle":  # alone it would be a box
                drawn.append(mask)
                shapes.append(shapes[-1])
    found = read_back(write(tmp_path, shapes))["one.png"]
    masks = {item.attributes["group_id"]: item.mask for item in found}
    for own, mask in zip(shapes, drawn, strict=True):
        np.testing.assert_array_equal(masks[own["group_id"]], mask)


def test_a_rectangle_is_a_box(tmp_path: Path) -> None:
    shapes = [
        shape("boat", [[12.5, 9.5], [4.5, 3.5]], "rectangle"),
        # X-AnyLabeling writes four corners.
        shape("boat", [[4, 3], [12, 3], [12, 9], [4, 9]], "rectangle", score=0.75, difficult=True),
    ]
    first, second = read_back(write(tmp_path, shapes))["one.png"]
    assert first.mask is None and first.box == (4.5, 3.5, 8, 6)
    assert second.mask is None and second.box == (4, 3, 8, 6)
    assert second.score == 0.75 and second.attributes == {"difficult": True}


def test_what_is_kept_of_a_group(tmp_path: Path) -> None:
    """Parts of a group and class are one object; of another class, another."""
    left, right = [[2, 2], [8, 2], [8, 8]], [[20, 2], [28, 2], [28, 8]]
    shapes = [
        shape("boat", left, group_id=7, flags={"wet": True}, description="bow"),
        shape("buoy", right, group_id=7),
        shape("boat", right, group_id=7, attributes={"colour": "red"}, kie_linking=[]),
        shape("boat", [[1, 1], [3, 3]], "line"),
        shape("boat", [[1, 1]], "point"),
    ]
    findings = Findings()
    boat, buoy = read_back(write(tmp_path, shapes), findings=findings)["one.png"]
    np.testing.assert_array_equal(
        boat.mask, as_labelme(SIZE, left, "polygon") | as_labelme(SIZE, right, "polygon")
    )
    assert boat.attributes == {"wet": True, "description": "bow", "group_id": 7, "colour": "red"}
    assert (boat.label, buoy.label) == ("boat", "buoy")
    assert findings.notes == (
        "points and lines, which have no area, left out: 2 (one.json shape 4, ...)",
    )


BAD: list[tuple[Any, str]] = [
    ({"label": 5, "points": [[1, 1]]}, "malformed entry"),
    ("text", "malformed entry"),
    (shape("boat", [[1, 1], [2, "x"], [5, 5]]), "malformed entry"),
    (shape("boat", "text"), "malformed entry"),
    (shape("boat", [[1, 1], [5, 5]]), "unreadable segmentation"),
    (shape("boat", [[1, 1], [5, 5], [float("nan"), 2]]), "malformed entry"),
    (shape("boat", [[1, 1], [5, 5], [1e9, 2]]), "unreadable segmentation"),
    (shape("boat", [[1, 1], [5, 5], [7, 2]], "star"), "unreadable segmentation"),
    (shape("boat", [[1, 1], [5, 5]], "mask", mask="?"), "unreadable segmentation"),
    (shape("boat", [[1, 1], [5, 5]], "mask", mask=packed(np.ones((2, 2), bool))), "mask size"),
    (shape("boat", [[56, 1], [60, 5]], "mask", mask=packed(np.ones((5, 5), bool))), "mask size"),
    (shape("boat", [[1, 1]], "mask", mask=packed(np.ones((5, 5), bool))), "malformed entry"),
    (shape("boat", [[-9, -9], [-5, -9], [-5, -5]]), "empty segmentation"),
]


@pytest.mark.parametrize(("bad", "kind"), BAD)
def test_a_shape_that_cannot_be_used_is_named(tmp_path: Path, bad: Any, kind: str) -> None:
    good = shape("boat", [[2, 2], [8, 2], [8, 8]])
    path = write(tmp_path, [good, bad])
    with pytest.raises(RecordError, match=r"one\.json shape 2") as caught:
        read_back(path)
    assert caught.value.kind == kind
    findings = Findings("skip")
    assert len(read_back(path, findings=findings)["one.png"]) == 1
    assert findings.counts == {kind: 1}


def test_images_that_are_elsewhere_or_inside_the_file(tmp_path: Path) -> None:
    good = shape("boat", [[2, 2], [8, 2], [8, 8]])
    path = write(tmp_path / "labels", [good], imagePath="..\\photos\\one.png", imageData="iVBO")
    (tmp_path / "photos").mkdir()
    (tmp_path / "labels" / "one.png").rename(tmp_path / "photos" / "one.png")
    assert len(read_back(path)["one.png"]) == 1
    (tmp_path / "photos").rename(tmp_path / "pictures")
    with pytest.raises(RecordError, match="inside the JSON file: save them as an image") as caught:
        read_back(path)
    assert caught.value.kind == "missing image"
    assert len(read_back(path, images=tmp_path / "pictures")["one.png"]) == 1


def test_a_file_of_another_size_and_one_that_is_broken(tmp_path: Path) -> None:
    good = shape("boat", [[2, 2], [8, 2], [8, 8]])
    write(tmp_path, [good])
    write(tmp_path, [good], "two", imageHeight=41)
    (tmp_path / "three.json").write_text('{"shapes": [')
    findings = Findings("skip")
    assert list(read_back(tmp_path, findings=findings)) == ["one.png"]
    assert findings.counts["image size"] == 1 and findings.counts["malformed entry"] == 1


def test_it_is_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, [])
    for given in (path, tmp_path):
        known, why = recognise(given)
        assert known.name == "labelme"
        assert why == "one.json lists shapes with labels and points as labelme does"
