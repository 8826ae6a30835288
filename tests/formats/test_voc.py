"""PASCAL VOC folders, written to the published description of the devkit."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.comparing import number_map, require_same
from tests.formats.reading_back import part_sizes, read_back
from tests.formats.scenes import CLASSES, Scene, make_scenes

VOID = 255
NAMES = {"boat": "boat", "buoy": "bottle", "gull on a pole": "bird", "Möwe": "person"}
"""The scenes' classes as published ones, whose label images are numbered."""
NUMBERS = {"bird": 3, "boat": 4, "bottle": 5, "person": 15}


def palette() -> list[int]:
    """VOC's, as its devkit makes it (VOCcolormap.m)."""
    colours = []
    for index in range(256):
        red = green = blue = 0
        rest = index
        for shift in range(8):
            red |= (rest >> 0 & 1) << (7 - shift)
            green |= (rest >> 1 & 1) << (7 - shift)
            blue |= (rest >> 2 & 1) << (7 - shift)
            rest >>= 3
        colours += [red, green, blue]
    return colours


def published(scenes: list[Scene]) -> list[Scene]:
    return [
        replace(
            scene,
            name=scene.name.replace(".png", ".jpg"),
            objects=tuple(replace(item, label=NAMES[item.label]) for item in scene.objects),
        )
        for scene in scenes
    ]


def save_xml(path: Path, scene: Scene, first_pixel: int = 1) -> None:
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = scene.name
    size = ElementTree.SubElement(root, "size")
    for side, length in (("width", scene.size[1]), ("height", scene.size[0]), ("depth", 3)):
        ElementTree.SubElement(size, side).text = str(length)
    for item in scene.objects:
        node = ElementTree.SubElement(root, "object")
        for name, value in (
            ("name", item.label),
            ("pose", "Left"),
            ("truncated", "1"),
            ("occluded", str(int(item.attributes["occluded"]))),
            ("difficult", "0"),
        ):
            ElementTree.SubElement(node, name).text = value
        x, y, width, height = item.box
        box = ElementTree.SubElement(node, "bndbox")
        corners = (x + first_pixel, y + first_pixel, x + width, y + height)
        for side, number in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
            ElementTree.SubElement(box, side).text = str(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8")


def save_label_image(path: Path, values: np.ndarray, *, rgb: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values.astype(np.uint8), mode="P")
    image.putpalette(palette())
    (image.convert("RGB") if rgb else image).save(path)


def class_map(scene: Scene, numbers: dict[str, int]) -> np.ndarray:
    values = np.zeros(scene.size, dtype=np.int64)
    for item in scene.objects:
        values[item.mask] = numbers[item.label]
    return values


def save_voc(folder: Path, scenes: list[Scene], *, rgb: bool = False, void: bool = False) -> None:
    for scene in scenes:
        stem = scene.save_image(folder / "JPEGImages").stem
        save_xml(folder / "Annotations" / f"{stem}.xml", scene)
        objects, classes = number_map(scene), class_map(scene, NUMBERS)
        if void:
            objects[objects == 0], classes[classes == 0] = VOID, VOID
        save_label_image(folder / "SegmentationObject" / f"{stem}.png", objects, rgb=rgb)
        save_label_image(folder / "SegmentationClass" / f"{stem}.png", classes, rgb=rgb)


@pytest.mark.parametrize(("rgb", "void"), [(False, True), (True, False)])
def test_objects_with_their_pixels(tmp_path: Path, rgb: bool, void: bool) -> None:
    scenes = published(make_scenes())
    save_voc(tmp_path, scenes, rgb=rgb, void=void)
    found = read_back(tmp_path)
    require_same(found, scenes)
    for scene in scenes:
        for item, true in zip(found[scene.name], scene.objects, strict=True):
            assert item.box == true.box
            assert item.attributes == {
                "pose": "Left",
                "truncated": True,
                "occluded": true.attributes["occluded"],
                "difficult": False,
            }
    assert recognise(tmp_path)[0].name == "voc"


def test_pixels_are_matched_by_overlap_where_numbers_differ(tmp_path: Path) -> None:
    scenes = published(make_scenes(12))
    save_voc(tmp_path, scenes)
    for scene in scenes:
        count = len(scene.objects)
        values = number_map(scene)
        turned = np.where(values > 0, count + 1 - values, 0)
        name = scene.name.replace(".jpg", ".png")
        save_label_image(tmp_path / "SegmentationObject" / name, turned)
    require_same(read_back(tmp_path), scenes)


def test_label_images_without_xml(tmp_path: Path) -> None:
    """As CVAT writes its segmentation masks: colours of its own, and a list of them."""
    scenes = make_scenes(6)
    colours = {name: (40 * number, 9, 7) for number, name in enumerate(CLASSES, start=1)}
    for scene in scenes:
        stem = scene.save_image(tmp_path / "JPEGImages").stem
        save_label_image(tmp_path / f"SegmentationObject/{stem}.png", number_map(scene), rgb=True)
        pixels = np.zeros((*scene.size, 3), np.uint8)
        for item in scene.objects:
            pixels[item.mask] = colours[item.label]
        (tmp_path / "SegmentationClass").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "SegmentationClass" / f"{stem}.png")
    lines = [f"{name}:{','.join(map(str, colour))}::" for name, colour in colours.items()]
    (tmp_path / "labelmap.txt").write_text(
        "\n".join(["# label:color_rgb:parts:actions", "background:0,0,0::", *lines]), "utf-8"
    )
    require_same(read_back(tmp_path), scenes)
    assert open_labels(tmp_path).classes == CLASSES


def test_a_list_of_classes_without_colours(tmp_path: Path) -> None:
    """As datumaro writes it: a class has the colour of VOC's palette that is its line's."""
    scenes = make_scenes(6)
    numbers = {name: number for number, name in enumerate(CLASSES, start=1)}
    for scene in scenes:
        stem = scene.save_image(tmp_path / "JPEGImages").stem
        for kind, values in (("Object", number_map(scene)), ("Class", class_map(scene, numbers))):
            save_label_image(tmp_path / f"Segmentation{kind}" / f"{stem}.png", values, rgb=True)
    lines = ["# label:color_rgb:parts:actions", "background:::", *(f"{n}:::" for n in CLASSES)]
    (tmp_path / "labelmap.txt").write_text("\n".join(lines), encoding="utf-8")
    require_same(read_back(tmp_path), scenes)
    assert open_labels(tmp_path).classes == CLASSES


def test_boxes_alone(tmp_path: Path) -> None:
    scenes = make_scenes(8)
    for scene in scenes:
        scene.save_image(tmp_path)
        save_xml(tmp_path / scene.name.replace(".png", ".xml"), scene)
    found = read_back(tmp_path)
    for scene in scenes:
        assert [(item.label, item.mask, item.box) for item in found[scene.name]] == [
            (item.label, None, tuple(map(float, item.box))) for item in scene.objects
        ]
    assert open_labels(tmp_path).classes == tuple(sorted(CLASSES))


def test_folders_as_fiftyone_names_them(tmp_path: Path) -> None:
    scenes = make_scenes(4)
    for scene in scenes:
        scene.save_image(tmp_path / "data")
        save_xml(tmp_path / "labels" / scene.name.replace(".png", ".xml"), scene)
    one = tmp_path / "labels" / scenes[1].name.replace(".png", ".xml")
    for given, expected in ((tmp_path, scenes), (one, scenes[1:2])):
        assert recognise(given)[0].name == "voc"
        found = read_back(given)
        assert {name: [item.label for item in items] for name, items in found.items()} == {
            scene.name: [item.label for item in scene.objects] for scene in expected
        }


def test_files_that_count_from_0(tmp_path: Path) -> None:
    scenes = make_scenes(12)
    assert any(0 in item.box[:2] for scene in scenes for item in scene.objects)
    for scene in scenes:
        scene.save_image(tmp_path / "images")
        save_xml(tmp_path / "Annotations" / scene.name.replace(".png", ".xml"), scene, 0)
    found = read_back(tmp_path)
    for scene in scenes:
        assert [item.box for item in found[scene.name]] == [item.box for item in scene.objects]
    assert "count from 0" in "; ".join(open_labels(tmp_path).lost)


X_ANYLABELING = "https://github.com/CVHub520/X-AnyLabeling"
UNKNOWN = "<database>Unknown</database><annotation>Unknown</annotation><image>Unknown</image>"


@pytest.mark.parametrize(
    ("mark", "corners", "box"),
    [
        (f"<source>{UNKNOWN}</source>", ("3.0", "5.0", "13.0", "9.5"), (3, 5, 10, 4.5)),
        (f"<source>{UNKNOWN}</source>", ("3", "5", "13", "9"), (2, 4, 11, 5)),
        (
            "<source><database></database></source><segmented></segmented>",
            "3 5 13 9",
            (3, 5, 10, 4),
        ),
        (f"<source><database>{X_ANYLABELING}</database></source>", "3 5 13 9", (3, 5, 10, 4)),
        ("<owner><name>Label Studio</name></owner>", "3 5 13 9", (3, 5, 10, 4)),
        ("<source><database>Unknown</database></source>", "3 5 13 9", (2, 4, 11, 5)),
        ("", ("3.0", "5.0", "13.0", "9.0"), (2, 4, 11, 5)),
    ],
)
def test_files_of_tools_that_count_from_0(
    tmp_path: Path, mark: str, corners: tuple[str, ...] | str, box: tuple[float, ...]
) -> None:
    """As datumaro 1.13.12, told to count from 1 or not, FiftyOne 1.22.1, X-AnyLabeling 4.2.1 and
    label-studio-sdk 2.1.2 write them."""
    scene = make_scenes(2)[1]
    scene.save_image(tmp_path)
    path = tmp_path / scene.name.replace(".png", ".xml")
    save_xml(path, replace(scene, objects=scene.objects[:1]))
    node = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    node.extend(ElementTree.fromstring(f"<a>{mark}</a>"))
    texts = corners.split() if isinstance(corners, str) else corners
    for side, text in zip(node.find("object/bndbox") or (), texts, strict=True):
        side.text = text
    ElementTree.ElementTree(node).write(path, encoding="utf-8")
    [item] = read_back(tmp_path)[scene.name]
    assert item.box == box
    assert ("the tool that wrote them" in "".join(open_labels(tmp_path).lost)) == (box[0] == 3)


def test_several_years_and_one_file(tmp_path: Path) -> None:
    scenes = published(make_scenes(4))
    save_voc(tmp_path / "VOCdevkit/VOC2007", scenes[:2])
    save_voc(tmp_path / "VOCdevkit/VOC2012", scenes[2:])
    require_same(read_back(tmp_path), scenes)
    assert part_sizes(tmp_path) == [4]
    one = tmp_path / "VOCdevkit/VOC2012/Annotations" / scenes[3].name.replace(".jpg", ".xml")
    images = tmp_path / "VOCdevkit/VOC2012/JPEGImages"
    assert {name: len(rows) for name, rows in read_back(one, images).items()} == {
        scenes[3].name: len(scenes[3].objects)
    }


def test_what_does_not_fit_is_left_out(tmp_path: Path) -> None:
    scenes = published(make_scenes(4))
    save_voc(tmp_path, scenes)
    stems = [scene.name.replace(".jpg", "") for scene in scenes]
    (tmp_path / f"Annotations/{stems[1]}.xml").write_text("<annotation><object/></annotation>")
    values = number_map(scenes[2])
    values[:2, :2] = 77
    save_label_image(tmp_path / f"SegmentationObject/{stems[2]}.png", values)
    colours = np.full((*scenes[3].size, 3), (1, 2, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / f"SegmentationObject/{stems[3]}.png")
    findings = Findings("skip")
    found = read_back(tmp_path, findings=findings)
    assert [error.kind for error in findings.skipped] == [
        "malformed entry",
        "unknown category",
        "unreadable segmentation",
    ]
    assert scenes[1].name not in found
    assert len(found[scenes[2].name]) == len(scenes[2].objects)
    assert [item.mask for item in found[scenes[3].name]] == [None] * len(scenes[3].objects)
    with pytest.raises(RecordError, match=rf"{stems[1]}\.xml is no annotation.*no bndbox/xmin"):
        read_back(tmp_path)


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    scenes = published(make_scenes(3))
    save_voc(tmp_path, scenes)
    path = tmp_path / "Annotations" / scenes[1].name.replace(".jpg", ".xml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("</object>", "<part><name>head</name></part></object>", 1))
    assert open_labels(tmp_path).lost == (
        "<part> of 1 objects in the XML files",
        "void pixels (255) of the label images, which are part of no object",
    )


def test_other_xml_is_not_voc_s(tmp_path: Path) -> None:
    from fiftyone_ntt.formats.voc import VOC

    for name, text in (
        ("cvat.xml", "<annotations><version>1.1</version></annotations>"),
        ("labelme.xml", "<annotation><object><polygon><pt/></polygon></object></annotation>"),
    ):
        (tmp_path / name).write_text(text)
        assert VOC.recognise(tmp_path / name) is None
