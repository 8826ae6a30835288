"""What is given is recognised, or a sentence says what it seems to be and what to do."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.recognising import FORMATS, find_format, recognise
from tests.formats.test_labelme import shape
from tests.formats.test_labelme import write as write_labelme
from tests.formats.test_yolo import write as write_yolo

COCO = {"images": [{"id": 1, "file_name": "1.png"}], "categories": [], "annotations": []}


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_names_of_formats_are_told_apart() -> None:
    names = [known.name for known in FORMATS]
    assert len(set(names)) == len(names)
    assert all(known.title and known.tool for known in FORMATS)
    with pytest.raises(InputError, match=r"no format 'YOLO'\. Pass one of: .*'YOLO' looks like"):
        find_format("YOLO")


def test_a_coco_file_alone_and_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    path = write(tmp_path / "annotations" / "instances.json", COCO)
    assert recognise(path)[0].name == recognise(tmp_path)[0].name == "coco"
    late = {"info": {"text": "x" * 200_000}, **COCO}
    assert recognise(write(path, late))[0].name == "coco"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.json", "", r"is an empty file, and is of no format"),
        ("table.csv", "a,b\n1,2\n", r"seems to be a \.csv file"),
        ("other.json", {"version": 1, "pages": []}, r"JSON object with 'pages' and 'version'"),
        ("list.json", [1, 2], r"seems to be a JSON list, "),
        ("scene.xml", "<scene/>", r"seems to be XML"),
    ],
)
def test_an_unknown_file_is_described(tmp_path: Path, name: str, content: Any, told: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(
        InputError, match=rf"{told}.*Choose one of the formats coco, .*export"
    ) as caught:
        recognise(path)
    assert str(path) in str(caught.value)


def test_folders_without_labels_are_described(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder"):
        recognise(tmp_path / "gone")
    with pytest.raises(InputError, match=r"is an empty folder, and is of no format"):
        recognise(tmp_path)
    for number in range(3):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{number}.jpg")
    with pytest.raises(InputError, match=r"holds 3 images and no labels\. Pass the file or folder"):
        recognise(tmp_path)
    (tmp_path / "notes.docx").write_text("")
    (tmp_path / "more").mkdir()
    with pytest.raises(InputError, match=r"3 images, 1 \.docx files and 1 folders \(more\)"):
        recognise(tmp_path)


def test_two_formats_at_once(tmp_path: Path) -> None:
    write_yolo(tmp_path, "0 0.5 0.5 0.2 0.1")
    write_labelme(tmp_path, [shape("boat", [[1, 1], [5, 1], [5, 5]])])
    message = r"2 formats: 'yolo', as data\.yaml .*; 'labelme', as one\.json .*Choose format 'yolo'"
    with pytest.raises(InputError, match=message):
        recognise(tmp_path)
    assert recognise(tmp_path, "labelme")[0].name == "labelme"
    assert recognise(tmp_path / "data.yaml")[0].name == "yolo"


def test_pipes_and_broken_files_harm_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", tmp_path):
        with pytest.raises(InputError):
            recognise(path)
    for content in (b"\xff\xfe{", b"{" * 100_000, b'{"images": [' + b"\0" * 70_000):
        (tmp_path / "broken.json").write_bytes(content)
        try:
            recognise(tmp_path / "broken.json")
        except InputError as error:
            assert "broken.json" in str(error)


def test_a_large_folder_is_recognised_at_a_glance(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number}.txt").write_text("text")
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"2000 \.txt files"):
        recognise(tmp_path)
    assert time.perf_counter() - start < 5
