"""What CVAT, Label Studio and VIA keep of an object, as it arrives in a dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from PIL import Image

import fiftyone_ntt as ntt

_CVAT = """<annotations><meta><task><size>2</size><original_size><width>40</width>
<height>30</height></original_size><labels><label><name>boat</name><attributes><attribute>
<name>crew</name><input_type>number</input_type></attribute></attributes></label><label>
<name>buoy</name></label></labels></task></meta><track id="4" label="boat" group_id="2">
<box frame="0" outside="0" keyframe="1" occluded="1" xtl="4" ytl="3" xbr="24" ybr="18">
<attribute name="crew">5</attribute></box><box frame="1" outside="1" keyframe="1" xtl="4" ytl="3"
 xbr="24" ybr="18"/></track></annotations>"""
_LABEL_STUDIO = [
    {
        "id": 1,
        "data": {"image": "/data/upload/1/0a1b2c3d-frame_000000.png"},
        "predictions": [
            {
                "score": 0.5,
                "result": [
                    {
                        "id": "k",
                        "type": "rectanglelabels",
                        "original_width": 40,
                        "original_height": 30,
                        "value": {
                            "x": 10,
                            "y": 10,
                            "width": 50,
                            "height": 50,
                            "rectanglelabels": ["boat", "wreck"],
                        },
                    }
                ],
            }
        ],
    }
]
_VIA = {
    "a": {
        "filename": "frame_000000.png",
        "size": 1,
        "regions": [
            {
                "shape_attributes": {"name": "rect", "x": 4, "y": 3, "width": 20, "height": 15},
                "region_attributes": {"class": "boat", "name": "Mary"},
            }
        ],
        "file_attributes": {},
    }
}


@pytest.fixture
def made() -> Iterator[None]:
    before = set(fo.list_datasets())
    yield
    for name in set(fo.list_datasets()) - before:
        fo.delete_dataset(name)


@pytest.mark.parametrize(
    ("format", "content", "attributes"),
    [
        (
            "cvat",
            _CVAT,
            {"track_id": 4, "group_id": 2, "keyframe": True, "occluded": True, "crew": 5},
        ),
        (
            "label-studio",
            json.dumps(_LABEL_STUDIO),
            {"source_id": "k", "labels": '["boat", "wreck"]', "confidence": 0.5},
        ),
        ("via", json.dumps(_VIA), {"name": "Mary"}),
    ],
)
def test_attributes_are_fields(
    tmp_path: Path, made: None, format: str, content: str, attributes: dict[str, Any]
) -> None:
    for frame in range(2):
        Image.new("RGB", (40, 30)).save(tmp_path / f"frame_{frame:06d}.png")
    (tmp_path / f"labels.{'xml' if format == 'cvat' else 'json'}").write_text(content)
    report = ntt.import_labels(tmp_path, progress=False)
    assert report.format == format and report.annotations == 1
    [[found]] = [d for d in report.dataset.values("ground_truth.detections") if d]
    assert found.label == "boat" and found.mask is None
    assert found.bounding_box == pytest.approx([0.1, 0.1, 0.5, 0.5])
    assert {name: found[name] for name in attributes} == attributes
