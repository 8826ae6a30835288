"""LVIS files, written to its published description (v1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.json_items import JsonRows
from fiftyone_ntt.formats.opened_labels import open_labels, read_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.coco_writing import CATEGORIES, coco_content
from tests.formats.comparing import require_same
from tests.formats.reading_back import part_sizes, read_back
from tests.formats.scenes import CLASSES, Scene, make_scenes


def lvis_content(scenes: list[Scene]) -> dict[str, Any]:
    """Addresses in place of names, and for which categories an image is annotated."""
    content = coco_content(scenes)
    for number, image in enumerate(content["images"]):
        name = image.pop("file_name")
        image["coco_url"] = f"http://images.cocodataset.org/val2017/{name}"
        image["neg_category_ids"] = [CATEGORIES[number % 4]["id"]]
        image["not_exhaustive_category_ids"] = [CATEGORIES[(number + 1) % 4]["id"]]
    content["categories"] = [
        {**row, "frequency": "rcff"[number], "synset": f"{number}.n.01"}
        for number, row in enumerate(CATEGORIES)
    ]
    return content


def test_scenes_with_their_federated_lists(tmp_path: Path) -> None:
    scenes = make_scenes()
    for scene in scenes:
        scene.save_image(tmp_path / "val2017")
    content = lvis_content(scenes)
    path = tmp_path / "lvis_v1_val.json"
    path.write_text(json.dumps(content))
    for given in (path, tmp_path):
        require_same(read_back(given), scenes)
    assert recognise(path)[0].name == "lvis"
    assert open_labels(path).classes == CLASSES
    file, folder = read_labels(path)
    assert folder == tmp_path
    assert file.category_records == content["categories"]
    for image, written in zip(file.images.values(), content["images"], strict=True):
        kept = ("id", "neg_category_ids", "not_exhaustive_category_ids", "coco_url")
        assert {key: image[key] for key in kept} == {key: written[key] for key in kept}


def test_polygons_are_drawn_as_the_lvis_library_does(tmp_path: Path) -> None:
    """It merges frPyObjects' run lengths of the parts (`LVIS.ann_to_rle`)."""
    scene = make_scenes(2)[1]
    scene.save_image(tmp_path / "val2017")
    content = lvis_content([scene])
    row = content["annotations"][0]
    row["segmentation"] = [[1.5, 1.5, 9.5, 1.5, 9.5, 7.5], [12, 12, 16, 12, 16, 16]]
    content["annotations"] = [row | {"bbox": [1.5, 1.5, 14.5, 14.5]}]
    path = tmp_path / "lvis.json"
    path.write_text(json.dumps(content))
    from pycocotools import mask as coco_mask

    merged = coco_mask.merge(coco_mask.frPyObjects(row["segmentation"], *scene.size))
    (item,) = read_back(path)[scene.name]
    np.testing.assert_array_equal(item.mask, coco_mask.decode(merged).astype(bool))


def test_annotations_are_not_held(tmp_path: Path) -> None:
    content = lvis_content(make_scenes(3))
    content["images"] += [{**content["images"][0], "id": key} for key in range(1000, 1300)]
    path = tmp_path / "lvis.json"
    path.write_text(json.dumps(content))
    assert part_sizes(path) == [303]
    [part] = open_labels(path).parts(Findings())
    assert isinstance(part["annotations"], JsonRows)
    assert list(part["annotations"]) == content["annotations"]
