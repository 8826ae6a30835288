"""COCO files among the formats: found in folders, with their images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.coco_parts import coco_parts
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.coco_writing import coco_content
from tests.formats.comparing import require_same
from tests.formats.reading_back import read_back
from tests.formats.scenes import CLASSES, make_scenes


@pytest.mark.parametrize(
    ("labels", "photos"),
    [
        ("truth.json", "."),
        ("_annotations.coco.json", "."),
        ("labels.json", "data"),
        ("annotations/instances_default.json", "images"),
        ("annotations/instances_harbour.json", "harbour"),
    ],
)
def test_files_with_their_images(tmp_path: Path, labels: str, photos: str) -> None:
    scenes = make_scenes()
    for scene in scenes:
        scene.save_image(tmp_path / photos)
    path = tmp_path / labels
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(coco_content(scenes)))
    for given in (path, tmp_path):
        found = read_back(given)
        require_same(found, scenes)
        assert [[item.attributes for item in found[scene.name]] for scene in scenes] == [
            [item.attributes for item in scene.objects] for scene in scenes
        ]
        assert open_labels(given).classes == CLASSES
        assert open_labels(given).folder.resolve() == (tmp_path / photos).resolve()


def test_a_large_file_is_recognised_by_both_ends(tmp_path: Path) -> None:
    content = coco_content(make_scenes(2))
    images = [{**content["images"][0], "id": key} for key in range(3000)]
    for name, more in (
        ("coco", {}),
        ("panoptic", {"categories": [{"id": 1, "name": "sky", "isthing": 0}]}),
    ):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"images": images, "annotations": [], "categories": [], **more}))
        assert recognise(path)[0].name == name


def test_several_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(coco_content(make_scenes(2))))
    with pytest.raises(InputError, match=r"holds 2 COCO files: a\.json, b\.json\. Pass one"):
        read_back(tmp_path)


def test_parts_hold_all_there_is() -> None:
    content: dict[str, Any] = {
        "info": {"year": 2026},
        "images": [{"id": str(key), "file_name": f"{key}.png"} for key in range(450)] + ["odd"],
        "annotations": [
            {"id": key, "image_id": key % 500, "category_id": 4} for key in range(1000)
        ],
    }
    content["annotations"].append(7)
    parts = list(coco_parts(Path("truth.json"), content))
    assert [len(part["images"]) for part in parts] == [200, 200, 51]
    for section in ("images", "annotations"):
        rows = [row for part in parts for row in part[section]]
        assert sorted(map(str, rows)) == sorted(map(str, content[section]))
    assert all(part["categories"] == [{"id": 4, "name": "4"}] for part in parts)
    assert all(part["info"] == {"year": 2026} for part in parts)
    keys = {image["id"] for image in parts[0]["images"]}
    assert all(str(row["image_id"]) in keys for row in parts[0]["annotations"])
