"""The side file gives back what was written, and says what is wrong with one that was changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.prelabels.prelabel import Prelabel, PrelabelledImage
from fiftyone_ntt.prelabels.side_file import SIDE_FILE, head_line, image_line, read_side_file
from tests.prelabels.prelabelled import all_prelabelled


def test_images_come_back(tmp_path: Path) -> None:
    images = all_prelabelled(tmp_path / "photos", 4)
    box = Prelabel("a" * 24, "Möwe\n", None, (1.5, 2, 3, 4.25), None)
    images.append(PrelabelledImage("b/ö.png", "", (20, 30), [box], "b" * 24))
    lines = [head_line("cvat", "found", "harbour"), *map(image_line, images)]
    (tmp_path / SIDE_FILE).write_text("".join(lines), encoding="utf-8")
    side = read_side_file(tmp_path)
    assert (side.to, side.field, side.dataset) == ("cvat", "found", "harbour")
    assert list(side.images) == [image.sample for image in images]
    for image in images:
        found = side.images[image.sample]
        assert (found.name, found.size) == (image.name, image.size)
        assert [vars(label) for label in found.labels] == [vars(label) for label in image.labels]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file. Pass the folder that `export_prelabels` wrote"),
        ("", "is not as `export_prelabels` wrote it"),
        ("[]\n", "is not as `export_prelabels` wrote it"),
        ("\x00", "is not as `export_prelabels` wrote it"),
        (head_line("cvat", "f", "d").replace(": 1", ": 2"), "is of another version"),
        (head_line("cvat", "f", "d") + "{}\n", "is not as `export_prelabels` wrote it"),
        (
            head_line("cvat", "f", "d")
            + json.dumps({"image": "a", "sample": "b", "size": [4, 4]})[:-1]
            + ', "labels": [{"id": "c", "label": "d", "box": [0, 0, 1, 1], "mask": "oops"}]}\n',
            "is not as `export_prelabels` wrote it",
        ),
    ],
)
def test_what_is_none_is_said(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / SIDE_FILE).write_text(content)
    with pytest.raises(StoreError, match=message):
        read_side_file(tmp_path)
