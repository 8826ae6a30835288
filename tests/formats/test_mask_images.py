"""Masks as pictures, written by the libraries that cell segmentation writes them with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import open_labels, read_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.comparing import number_map, require_same
from tests.formats.reading_back import part_sizes, read_back
from tests.formats.scenes import Scene, make_scenes


def one_class(scenes: list[Scene], label: str = "object") -> list[Scene]:
    return [
        replace(scene, objects=tuple(replace(item, label=label) for item in scene.objects))
        for scene in scenes
    ]


def save_png(path: Path, values: np.ndarray) -> None:
    """As Cellpose does: 16 bits where they are enough."""
    Image.fromarray(values.astype(np.uint16)).save(path)


def save_palette(path: Path, values: np.ndarray) -> None:
    image = Image.fromarray(values.astype(np.uint8), mode="P")
    image.putpalette([channel for index in range(256) for channel in (index, 255 - index, 7)])
    image.save(path)


def tiff(dtype: Any, **more: Any) -> Any:
    return lambda path, values: tifffile.imwrite(path, values.astype(dtype), **more)


@pytest.mark.parametrize(
    ("name", "step", "save"),
    [
        ("{}_cp_masks.png", 300, save_png),
        ("{}_mask.png", 1, save_palette),
        ("{}_masks.tif", 9_000, tiff(np.uint16)),
        ("{}_label.tif", 1, tiff(np.uint8, compression="zlib")),
        ("{}-labels.tiff", 70_000, tiff(np.int32, compression="zlib", predictor=True)),
        ("{}_masks.tif", 70_000, tiff(np.uint32, byteorder=">")),
        ("{}_masks.tif", 700, tiff(np.float32, imagej=True)),
        ("{}_masks.tif", 70_000, tiff(np.int32, byteorder=">", compression="zlib")),
        ("{}_masks.tif", 700, tiff(np.float32, byteorder=">", compression="zlib")),
        ("{}_masks.tif", 1, tiff(np.int64)),
    ],
)
def test_masks_beside_their_images(tmp_path: Path, name: str, step: int, save: Any) -> None:
    scenes = one_class(make_scenes())
    for scene in scenes:
        image = scene.save_image(tmp_path)
        save(tmp_path / name.format(image.stem), number_map(scene, step))
    found = read_back(tmp_path)
    require_same(found, scenes)
    numbers = [[item.attributes["source_id"] for item in found[scene.name]] for scene in scenes]
    assert numbers == [
        [step * number for number in range(1, len(scene.objects) + 1)] for scene in scenes
    ]
    assert recognise(tmp_path)[0].name == "masks"


@pytest.mark.parametrize("folders", [("images", "masks"), ("train/images", "train/labels")])
def test_masks_in_a_folder_of_their_own(tmp_path: Path, folders: tuple[str, str]) -> None:
    scenes = one_class(make_scenes(6))
    (tmp_path / folders[1]).mkdir(parents=True)
    for scene in scenes:
        image = scene.save_image(tmp_path / folders[0])
        tifffile.imwrite(
            tmp_path / folders[1] / f"{image.stem}.tif", number_map(scene).astype("u2")
        )
    require_same(read_back(tmp_path), scenes)


def test_folders_in_the_masks_folder_are_classes(tmp_path: Path) -> None:
    scene = make_scenes(5)[3]
    assert len({item.label for item in scene.objects}) > 1
    image = scene.save_image(tmp_path / "images")
    for label in {item.label for item in scene.objects}:
        values = number_map(scene)
        kept = [number for number, o in enumerate(scene.objects, start=1) if o.label == label]
        (tmp_path / "masks" / label).mkdir(parents=True)
        save_png(tmp_path / "masks" / label / image.name, values * np.isin(values, kept))
    in_order = tuple(sorted(scene.objects, key=lambda item: item.label))
    require_same(read_back(tmp_path), [replace(scene, objects=in_order)])


def test_the_images_may_be_elsewhere(tmp_path: Path) -> None:
    scenes = one_class(make_scenes(3))
    (tmp_path / "cells").mkdir()
    for scene in scenes:
        image = scene.save_image(tmp_path / "photos")
        save_png(tmp_path / "cells" / f"{image.stem}.png", number_map(scene))
    found = read_back(tmp_path / "cells", images=tmp_path / "photos", format="masks")
    require_same(found, scenes)


def test_a_mask_of_one_object_in_white(tmp_path: Path) -> None:
    scene = one_class(make_scenes(2))[1]
    image = scene.save_image(tmp_path)
    white = (number_map(scene) == 1).astype(np.uint8) * 255
    Image.fromarray(white).convert("RGB").save(tmp_path / f"{image.stem}_mask.png")
    require_same(read_back(tmp_path), [replace(scene, objects=scene.objects[:1])])


def unusable(tmp_path: Path, values: Any, kind: str, reason: str) -> None:
    Image.new("RGB", (9, 7)).save(tmp_path / "a.png")
    Image.new("RGB", (9, 7)).save(tmp_path / "b.png")
    Image.fromarray(np.ones((7, 9), np.uint8)).save(tmp_path / "b_mask.png")
    values(tmp_path / "a_mask.tif")
    findings = Findings("skip")
    found = read_back(tmp_path, findings=findings)
    assert len(found["b.png"]) == 1
    assert [error.kind for error in findings.skipped] == [kind]
    with pytest.raises(RecordError, match=reason):
        read_back(tmp_path)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((7, 9), -1, np.int32), r"a_mask\.tif.*negative"),
        (np.full((7, 9), 2**63 + 5, np.uint64), r"a_mask\.tif.*above"),
        (np.full((7, 9), 0.5, np.float32), "no whole numbers"),
        (np.full((7, 9), np.nan, np.float32), "no whole numbers"),
        (np.full((7, 9), 1e30, np.float32), "no whole numbers"),
        (np.ones((2, 7, 9), np.uint16), "stack of 2 pages"),
        (np.full((7, 9, 3), (9, 0, 0), np.uint8), "colours.*palette PNG or in gray"),
        (np.ones((7, 9), np.complex64), "a_mask"),
    ],
)
def test_pixels_that_are_no_numbers_of_objects(
    tmp_path: Path, values: np.ndarray, reason: str
) -> None:
    unusable(
        tmp_path,
        lambda path: tifffile.imwrite(path, values, photometric=None),
        "unreadable segmentation",
        reason,
    )


def test_damaged_and_foreign_sizes(tmp_path: Path) -> None:
    for name, write, kind, reason in (
        ("a", lambda path: path.write_bytes(b"II*\0"), "unreadable segmentation", "a_mask.tif"),
        ("b", lambda path: tifffile.imwrite(path, np.ones((4, 9), "u1")), "mask size", "9 x 4 px"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        unusable(folder, write, kind, reason)


def test_parts_and_images_without_masks(tmp_path: Path) -> None:
    picture = Image.new("L", (3, 2), 1)
    for number in range(403):
        picture.save(tmp_path / f"{number}.png")
    picture.save(tmp_path / "7_mask.png")
    assert part_sizes(tmp_path) == [200, 200, 3]
    found = read_back(tmp_path)
    assert sorted(map(len, found.values()))[-2:] == [0, 1]


def test_the_class_of_masks_whose_folder_names_none(tmp_path: Path) -> None:
    picture = Image.new("L", (3, 2), 1)
    for name in ("images/1.png", "masks/1.png", "masks/boat/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / name)
    assert open_labels(tmp_path).classes == ("boat", "object")
    assert open_labels(tmp_path, class_name="cell").classes == ("boat", "cell")
    file, _ = read_labels(tmp_path, class_name="cell")
    assert [file.categories[row["category_id"]] for row in file.annotations] == ["cell", "boat"]
    (tmp_path / "masks" / "1.png").unlink()
    with pytest.raises(InputError, match="class_name is 'cell', but all masks lie in folders"):
        open_labels(tmp_path, class_name="cell")


def test_an_option_of_another_format_is_refused(tmp_path: Path) -> None:
    for name in ("1.png", "1_mask.png"):
        Image.new("L", (3, 2), 1).save(tmp_path / name)
    message = r"class_attribute= \(--class-attribute\) means nothing to .*read as masks.* for via\."
    with pytest.raises(InputError, match=message):
        open_labels(tmp_path, class_attribute="kind")
    (tmp_path / "1.json").write_text('{"images": [{"id": 1, "file_name": "1.png"}]}')
    with pytest.raises(InputError, match=r"read as coco .* it is for via and masks\."):
        open_labels(tmp_path / "1.json", class_name="cell")


def test_a_folder_of_images_alone(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 1).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"no picture has a mask.*x_mask\.png"):
        open_labels(tmp_path, "masks")
    with pytest.raises(InputError, match="and no labels"):
        open_labels(tmp_path)
