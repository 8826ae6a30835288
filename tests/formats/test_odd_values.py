"""A number where a list is meant, and the like: a sentence, whichever entry of whichever format."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import read_labels
from tests.formats.reading_back import read_back
from tests.formats.test_mutated_labels import _label_studio, _via, _via_3

ODD: tuple[Any, ...] = (7, None, [], {"a": 7})
_DEEPEST, _TRIED = 5, 100
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
    "categories": [{"id": 1, "name": "boat"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "segmentation": [[1, 1, 20, 1, 20, 20]],
            "bbox": [1, 1, 19, 19],
            "iscrowd": 0,
            "attributes": {"a": 1},
        }
    ],
}
FEDERATED = {"neg_category_ids": [1], "not_exhaustive_category_ids": [1]}
SEGMENT = {"id": 5, "category_id": 1, "iscrowd": 0}
CONTENTS: dict[str, Any] = {
    "coco": COCO,
    "lvis": {**COCO, "images": [{**COCO["images"][0], **FEDERATED}]},
    "panoptic": {
        **COCO,
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": [SEGMENT]}],
    },
    "labelme": {
        "flags": {"wet": True},
        "shapes": [
            {
                "label": "boat",
                "points": [[1, 1], [20, 1], [20, 20]],
                "shape_type": "polygon",
                "group_id": 1,
                "flags": {},
            }
        ],
        "imagePath": "a.png",
        "imageHeight": 30,
        "imageWidth": 40,
    },
    "via": _via(),
    "via 3": _via_3(),
    "label-studio": _label_studio()[:1],
    "coco-results": [{"image_id": 1, "category_id": 1, "score": 0.5, "bbox": [1, 1, 5, 5]}],
    "yolo": {"path": ".", "train": ["images"], "names": {"0": "boat"}, "kpt_shape": [2, 3]},
}
"""What is read without a fault; of YOLO the `data.yaml`, as JSON is YAML."""


def with_odd_values(content: Any, depth: int = _DEEPEST) -> Iterator[Any]:
    """The content with each of its values in turn replaced by each odd one."""
    yield from ODD
    if depth and isinstance(content, (dict, list)):
        for key in list(content) if isinstance(content, dict) else range(len(content)):
            for value in with_odd_values(content[key], depth - 1):
                changed = copy.copy(content)
                changed[key] = value
                yield changed


@pytest.mark.parametrize("name", CONTENTS)
def test_odd_values_are_told(tmp_path: Path, name: str) -> None:
    for place in ("a.png", "b.png", "images/a.png", "few/a.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), (5, 0, 0)).save(tmp_path / place)
    (tmp_path / "truth.json").write_text(json.dumps(COCO))
    format = name.split(maxsplit=1)[0]
    path = tmp_path / ("few.yaml" if format == "yolo" else "few.json")
    images = tmp_path / "truth.json" if format == "coco-results" else None

    def read(content: Any) -> int:
        path.write_text(json.dumps(content, indent=1))
        return sum(map(len, read_back(path, images, format, Findings("skip")).values()))

    assert read(CONTENTS[name]) or format == "yolo"
    told = 0
    changed = list(with_odd_values(CONTENTS[name]))
    for content in random.Random(name).sample(changed, min(_TRIED, len(changed))):
        try:
            read(content)
        except InputError as error:
            told += 1
            assert str(error).endswith((".", ")", "`")) or "\n" in str(error), error
    assert told > 2


@pytest.mark.parametrize(
    ("section", "value", "told"),
    [
        ("images", 7, r"'images' is 7, not a list"),
        ("images", {"a": 1}, r"'images' is \{'a': 1\}, not a list"),
        ("annotations", 7, r"'annotations' is 7, not a list"),
        ("annotations", True, r"'annotations' is True, not a list"),
        ("categories", 7, r"lists no categories"),
    ],
)
def test_sections_that_are_no_lists(tmp_path: Path, section: str, value: Any, told: str) -> None:
    path = tmp_path / "few.json"
    path.write_text(json.dumps({**COCO, section: value}))
    with pytest.raises(InputError, match=told):
        read_labels(path, format="coco")


def test_labels_of_labelme_that_are_no_text(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    path = tmp_path / "a.json"
    for key, value, told in (("label", ["x"], "has no label"), ("shape_type", [7], "is no word")):
        content = copy.deepcopy(CONTENTS["labelme"])
        content["shapes"] *= 2
        content["shapes"][0] = {**content["shapes"][0], key: value}
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match=told):
            read_labels(path)
        findings = Findings("skip")
        assert len(read_labels(path, findings)[0].annotations) == 1
        assert findings.counts == {"malformed entry": 1}
