"""References as people keep them: a folder per class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.class_folders import CLASS_FOLDERS
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.comparing import number_map, require_same
from tests.formats.reading_back import part_sizes, read_back
from tests.formats.scenes import CLASSES, Scene, make_scenes


def of_one_class(scenes: list[Scene]) -> list[Scene]:
    """Each scene's first object as a scene of its own, those of no object left out."""
    return [replace(scene, objects=scene.objects[:1]) for scene in scenes if scene.objects]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "webp", "mask", "several"])
def test_pictures_with_alpha_or_masks(tmp_path: Path, mode: str) -> None:
    scenes = of_one_class(make_scenes())
    if mode == "webp":
        scenes = [replace(one, name=one.name.replace(".png", ".webp")) for one in scenes]
    for scene in scenes:
        (item,) = scene.objects
        folder = tmp_path / item.label
        path = scene.save_image(folder)
        with Image.open(path) as image:
            rgba = image.convert("RGB")
        rgba.putalpha(Image.fromarray(np.where(item.mask, 200, 100).astype(np.uint8)))
        if mode in ("RGBA", "LA"):
            rgba.convert(mode).save(path)
        elif mode == "webp":
            rgba.save(path, lossless=True)
        elif mode == "P":
            paletted = Image.fromarray(item.mask.astype(np.uint8), mode="P")
            paletted.putpalette([0, 0, 0, 90, 200, 30])
            paletted.save(path, transparency=0)
        else:
            values = number_map(scene, 255 if mode == "mask" else 1)
            Image.fromarray(values.astype(np.uint8)).save(folder / f"{path.stem}_mask.png")
    by_class = sorted(scenes, key=lambda scene: scene.objects[0].label)
    require_same(read_back(tmp_path), by_class)
    found, why = recognise(tmp_path)
    used = sorted({scene.objects[0].label for scene in scenes})
    assert found.name == "class-folders"
    assert why.startswith(f"it has folders of pictures alone, {len(used)} of them, as {used[0]}")
    assert open_labels(tmp_path).classes == tuple(used)


def test_an_opaque_picture_is_a_box(tmp_path: Path) -> None:
    for label, mode in zip(CLASSES, ("RGB", "RGBA", "L", "CMYK"), strict=True):
        (tmp_path / label).mkdir()
        ends = "jpg" if mode in ("CMYK", "RGB") else "png"
        colour = (9, 9, 9, 255) if mode == "RGBA" else 0
        Image.new(mode, (30, 20), colour).save(tmp_path / label / f"{mode}.{ends}")
    found = read_back(tmp_path)
    assert sorted((item.label, item.mask, item.box) for (item,) in found.values()) == [
        (label, None, (0, 0, 30, 20)) for label in sorted(CLASSES)
    ]


def test_a_mask_of_several_values_is_several_objects(tmp_path: Path) -> None:
    scenes = [scene for scene in make_scenes(8) if len(scene.objects) > 1]
    scenes = [
        replace(scene, objects=tuple(replace(item, label="boat") for item in scene.objects))
        for scene in scenes
    ]
    for scene in scenes:
        path = scene.save_image(tmp_path / "boat")
        Image.fromarray(number_map(scene).astype(np.uint16)).save(
            path.with_name(f"{path.stem}_masks.png")
        )
    require_same(read_back(tmp_path), scenes)


def test_transparent_and_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "boat").mkdir()
    Image.new("RGBA", (30, 20)).save(tmp_path / "boat" / "a.png")
    (tmp_path / "boat" / "b.png").write_bytes(b"\x89PNG")
    Image.new("RGB", (30, 20)).save(tmp_path / "boat" / "c.png")
    with pytest.raises(RecordError, match=r"a\.png is transparent all over"):
        read_back(tmp_path)
    findings = Findings("skip")
    found = read_back(tmp_path, findings=findings)
    assert {name: len(rows) for name, rows in found.items()} == {"c.png": 1}
    kinds = [error.kind for error in findings.skipped]
    assert kinds == ["empty segmentation", "unreadable segmentation"]


@pytest.mark.parametrize(
    "names",
    [
        ("images/a.png", "masks/a.png"),
        ("train/a.png", "val/a.png"),
        ("boat/a.png", "truth.json"),
        ("boat/a.png", "boat/a.txt"),
        ("boat/deep/a.png",),
        ("a.png",),
    ],
)
def test_other_folders_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2)).save(path) if path.suffix == ".png" else path.write_text("")
    assert CLASS_FOLDERS.recognise(tmp_path) is None
    with pytest.raises(InputError, match="no folders of pictures alone"):
        open_labels(tmp_path, "class-folders")


def test_parts(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(110):
            Image.new("L", (3, 2)).save(tmp_path / label / f"{number}.png")
    assert part_sizes(tmp_path) == [200, 20]
    with pytest.raises(InputError, match="Leave images= out"):
        open_labels(tmp_path, images=tmp_path.parent)
