"""Damaged files of annotation tools: an error of ours or labels, soon, and in little memory."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import UInt8
from PIL import Image

from fiftyone_ntt.coco.findings import Findings
from tests.formats.brush_writer import brush_runs
from tests.formats.reading_back import read_back
from tests.mutations import each_mutation, mutated_bytes, mutated_json

_SIDES = {"original_width": 40, "original_height": 30, "image_rotation": 0}


def _brush() -> UInt8[np.ndarray, "30 40"]:
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[9:12] = 255
    return mask


def _label_studio() -> list[Any]:
    values: dict[str, dict[str, Any]] = {
        "polygonlabels": {"points": [[10, 10], [50, 10.5], [50, 60]]},
        "brushlabels": {"format": "rle", "rle": brush_runs(_brush())},
        "rectanglelabels": {"x": 1, "y": 2, "width": 30, "height": 40, "rotation": 30},
        "ellipselabels": {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 0},
    }
    results = [
        {**_SIDES, "id": kind, "type": kind, "value": {**value, kind: ["boat"]}, "parentID": "x"}
        for kind, value in values.items()
    ]
    return [
        {"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": results}]},
        {"id": 2, "data": {"image": "b.png"}, "predictions": [{"score": 0.5, "result": results}]},
    ]


def _via() -> dict[str, Any]:
    shapes = [
        {"name": "polygon", "all_points_x": [1, 20, 20], "all_points_y": [1, 1, 20]},
        {"name": "rect", "x": 1, "y": 2, "width": 20, "height": 10},
        {"name": "ellipse", "cx": 20, "cy": 15, "rx": 9, "ry": 4, "theta": 0.5},
    ]
    rows = [{"shape_attributes": shape, "region_attributes": {"kind": "boat"}} for shape in shapes]
    images = {
        name: {"filename": name, "size": 9, "regions": rows, "file_attributes": {"x": "y"}}
        for name in ("a.png", "b.png")
    }
    definition = {"type": "dropdown", "options": {"boat": "", "buoy": ""}}
    return {"_via_img_metadata": images, "_via_attributes": {"region": {"kind": definition}}}


def _via_3() -> dict[str, Any]:
    shapes = [[7, 1, 1, 20, 1, 20, 20], [2, 1, 2, 20, 10], [4, 20, 15, 9, 4]]
    return {
        "project": {"pname": "few"},
        "attribute": {"1": {"aname": "kind", "type": 4, "options": {"0": "boat", "1": "buoy"}}},
        "file": {"1": {"fid": "1", "fname": "a.png", "src": ""}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {
            f"m{n}": {"vid": "1", "xy": xy, "av": {"1": "0"}} for n, xy in enumerate(shapes)
        },
    }


_CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task>
<size>2</size><original_size><width>40</width><height>30</height></original_size><labels><label>
<name>boat</name><attributes><attribute><name>n</name><input_type>number</input_type></attribute>
</attributes></label></labels></task></meta>{}</annotations>"""
_SHAPES = """<polygon label="boat" occluded="1" points="1,1;20,1.5;20,20" group_id="1" z_order="2"
{0}><attribute name="n">3</attribute></polygon><box label="boat" xtl="1" ytl="2" xbr="20" ybr="9"
 rotation="30"{0}/><mask label="boat" rle="3, 5, 4" left="2" top="3" width="4" height="3"
 group_id="1"{0}/><ellipse label="boat" cx="20" cy="15" rx="9" ry="4" rotation="9"{0}/>"""
_IMAGES = _CVAT.format(
    "".join(f'<image id="1" name="{n}.png" width="40" height="30">{_SHAPES}</image>' for n in "ab")
).replace("{0}", "")
_TRACKS = _CVAT.format(
    f'<track id="1" label="boat" group_id="0">{_SHAPES}</track>'.replace(
        "{0}", ' frame="1" outside="0" keyframe="1"'
    )
)


def _mutated_values(text: str, seed: int) -> bytes:
    """XML of which one or two attributes or texts are another one's, or strange."""
    choice = random.Random(seed)
    found = list(re.finditer(r'"([^"]*)"|>([^<>]+)<', text))
    strange = [
        "",
        "-1",
        "1e999",
        "nan",
        "99999999999999999999",
        "x",
        "0",
        "\u202e",
        "1,2;3",
        "1;" * 99,
    ]
    for match in sorted(choice.sample(found, 2), key=lambda one: -one.start()):
        new = choice.choice([*strange, *(one[1] or "" for one in choice.sample(found, 3))])
        text = f"{text[: match.start() + 1]}{new}{text[match.end() - 1 :]}"
    return text.encode()


@pytest.mark.parametrize(
    ("format", "contents"),
    [
        ("label-studio", [_label_studio()]),
        ("via", [_via(), _via_3()]),
        ("cvat", [_IMAGES, _TRACKS]),
    ],
)
def test_damaged_labels(tmp_path: Path, format: str, contents: list[Any]) -> None:
    for name in ("a", "b", "frame_000000", "frame_000001"):
        Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.png")
    xml = format == "cvat"
    path = tmp_path / ("a.xml" if xml else "a.json")
    counts = []

    def read(seed: int) -> None:
        content = contents[seed % 3 % len(contents)]
        if seed % 4 == 0:
            data = content if xml else json.dumps(content)
            path.write_bytes(mutated_bytes(data.encode(), seed))
        elif xml:
            path.write_bytes(_mutated_values(content, seed))
        else:
            path.write_bytes(json.dumps(mutated_json(content, seed)).encode())
        findings = Findings("skip" if seed % 2 else "raise")
        found = read_back(path, format=format, findings=findings)
        counts.append(sum(map(len, found.values())))

    each_mutation(read, format)
    assert max(counts) > 2 and len(counts) > 20  # most is read in spite of it
