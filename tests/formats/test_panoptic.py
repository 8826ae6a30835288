"""COCO's panoptic files, written to its published description: id = R + 256 G + 65536 B."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import open_labels, read_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.coco_writing import CATEGORIES, NUMBERS
from tests.formats.comparing import require_same
from tests.formats.reading_back import part_sizes, read_back
from tests.formats.scenes import CLASSES, Scene, make_scenes

STUFF = ("Möwe",)


def segment_id(number: int) -> int:
    """Ids that need all three channels."""
    return number * 3_276_803 % 2**24


def save_panoptic(folder: Path, scenes: list[Scene]) -> Path:
    images, annotations = [], []
    pictures = folder / "annotations" / "panoptic_val2017"
    pictures.mkdir(parents=True)
    for key, scene in enumerate(scenes, start=40):
        scene.save_image(folder / "val2017")
        height, width = scene.size
        images.append({"id": key, "file_name": scene.name, "height": height, "width": width})
        ids = np.zeros(scene.size, dtype=np.int64)
        segments = []
        for number, item in enumerate(scene.objects, start=1):
            ids[item.mask] = segment_id(number)
            segments.append(
                {
                    "id": segment_id(number),
                    "category_id": NUMBERS[item.label],
                    "area": int(item.mask.sum()),
                    "bbox": list(item.box),
                    "iscrowd": int(number == 4),
                }
            )
        rgb = np.stack([ids % 256, ids // 256 % 256, ids // 256**2], axis=2).astype(np.uint8)
        Image.fromarray(rgb).save(pictures / scene.name)
        annotations.append({"image_id": key, "file_name": scene.name, "segments_info": segments})
    categories = [{**row, "isthing": int(row["name"] not in STUFF)} for row in CATEGORIES]
    path = pictures.with_suffix(".json")
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def change(path: Path, how: Any) -> None:
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


def test_things_and_stuff(tmp_path: Path) -> None:
    scenes = make_scenes()
    path = save_panoptic(tmp_path, scenes)
    for given in (path, tmp_path):
        found = read_back(given)
        require_same(found, scenes)
        for scene in scenes:
            for number, item in enumerate(found[scene.name], start=1):
                assert item.attributes == {
                    "isthing": item.label not in STUFF,
                    "source_id": segment_id(number),
                }
        assert recognise(given)[0].name == "panoptic"
    assert open_labels(path).classes == CLASSES
    assert open_labels(path).folder.resolve() == (tmp_path / "val2017").resolve()
    assert "labels of 1 categories have isthing = False" in open_labels(path).lost[1]
    crowds = [row["iscrowd"] for row in read_labels(path)[0].annotations]
    assert sum(crowds) == sum(len(scene.objects) > 3 for scene in scenes) > 0
    assert part_sizes(path) == [len(scenes)]


def test_what_does_not_fit_is_left_out(tmp_path: Path) -> None:
    scenes = make_scenes(6)
    path = save_panoptic(tmp_path, scenes)

    def spoil(content: dict[str, Any]) -> None:
        rows = content["annotations"]
        rows[1]["segments_info"] = []
        rows[2]["segments_info"].append({"id": 9, "category_id": 3, "iscrowd": 0})
        rows[3]["segments_info"].append("odd")
        rows[4]["file_name"] = "elsewhere.png"
        del rows[5]["segments_info"]
        rows.append({"image_id": 999, "file_name": "a.png", "segments_info": []})

    change(path, spoil)
    findings = Findings("skip")
    found = read_back(path, findings=findings)
    kinds = [error.kind for error in findings.skipped]
    assert kinds[: len(scenes[1].objects)] == ["unreadable segmentation"] * len(scenes[1].objects)
    assert kinds[len(scenes[1].objects) :] == [
        "empty segmentation",
        "malformed entry",
        "missing image",
        "malformed entry",
        "unknown image",
    ]
    counts = [len(found[scene.name]) for scene in scenes]
    assert counts == [0, 0, len(scenes[2].objects), len(scenes[3].objects), 0, 0]
    with pytest.raises(RecordError, match=r"pixels of segment \d+, which 'segments_info' does not"):
        read_back(path)


def test_a_png_of_another_size_or_without_colours(tmp_path: Path) -> None:
    scenes = make_scenes(2)
    path = save_panoptic(tmp_path, scenes)
    picture = path.with_suffix("") / scenes[1].name
    with Image.open(picture) as image:
        image.resize((20, 20), Image.Resampling.NEAREST).save(picture)
    with pytest.raises(RecordError, match="20 x 20 px but its image is"):
        read_back(path)
    Image.new("L", (20, 20), 1).save(picture)
    with pytest.raises(RecordError, match=r"its pixels are L, no RGB"):
        read_back(path)


def test_where_the_pngs_are_is_asked_for(tmp_path: Path) -> None:
    path = save_panoptic(tmp_path, make_scenes(2))
    path.with_suffix("").rename(tmp_path / "gone")
    with pytest.raises(InputError, match=r"the PNGs it names.*panoptic_val2017\. Put them there"):
        open_labels(path)
