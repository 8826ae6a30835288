"""Pictures of predictions in a folder: names, thresholds, what is kept, and the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.plain_names import own_name, plain_name
from fiftyone_ntt.core.rle import encode_masks
from fiftyone_ntt.drawing.overlays import Pixels
from fiftyone_ntt.drawing.picture_folder import (
    PictureFolder,
    PictureSettings,
    default_picture_threshold,
)
from fiftyone_ntt.drawing.prediction_sheet import DrawnImage, ShownInstance

SIZE = (40, 60)


def instance(label: str, score: float | None = None, left: int = 5) -> ShownInstance:
    mask = np.zeros((1, *SIZE), bool)
    mask[0, 10:20, left : left + 10] = True
    return ShownInstance(label, (left, 10, 10, 10), encode_masks(mask)[0], score)


def image(title: str, *found: ShownInstance, **options: Any) -> DrawnImage:
    return DrawnImage(title, SIZE, 100, options.get("truth"), found)


def gray(shape: tuple[int, int] = SIZE) -> Callable[[], Pixels]:
    return lambda: np.full((*shape, 3), 90, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    return PictureFolder(PictureSettings(tmp_path / "out", 0.4), ["cat", "dog", "7"])


class Found(HTMLParser):
    """The images of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "figure":
            self.rows.append({"title": values["data-title"], "found": values["data-found"]})
        self.addresses += [str(values[key]) for key in ("src", "href") if key in values]


def test_the_page_says_of_each_image_what_is_drawn(folder: PictureFolder, tmp_path: Path) -> None:
    rows = [instance("dog", 0.5), instance("cat", 0.9), instance("cat", 0.4), instance("7", 0.39)]
    assert folder.add(image("b.png", *rows, truth=[instance("cat")]), gray())
    folder.add(image("a.png"), gray())
    page = folder.save_page(["b.png", "never drawn", "a.png"]).read_text()
    found = Found(page)
    assert [row["title"] for row in found.rows] == ["b.png", "a.png"]
    assert json.loads(found.rows[0]["found"]) == [["cat", 2, 0.9], ["dog", 1, 0.5]]
    assert "3 predictions of at least 0.4 on 2 images" in page
    assert "3 found, 1 in the ground truth" in page and "0 found<" in page
    assert found.addresses and all((tmp_path / "out" / name).is_file() for name in found.addresses)
    assert not re.search(r"https?:|//[a-z]", page)


def test_names_with_anything_in_them(folder: PictureFolder, tmp_path: Path) -> None:
    titles = ['a"><script>alert(1)</script>.png', "sub/фото 1#?%20.png", "\udcff.png", "x" * 300]
    for title in titles:
        folder.add(image(title, instance("dog", 0.5)), gray())
    found = Found(folder.save_page(titles).read_text())
    assert [row["title"] for row in found.rows] == [*titles[:2], "?.png", titles[3]]
    files = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert len(files) == 4 and max(map(len, files)) < 200


def test_a_picture_is_drawn_once(folder: PictureFolder) -> None:
    def never() -> Pixels:
        raise AssertionError("it was drawn again")

    first = image("a.png", instance("dog", 0.5))
    assert folder.add(first, gray())
    assert not folder.add(first, never)
    # What lies below the threshold changes nothing.
    assert not folder.add(image("a.png", instance("dog", 0.5), instance("cat", 0.1)), never)
    assert folder.add(image("a.png", instance("dog", 0.6)), gray())
    assert folder.add(DrawnImage("a.png", SIZE, 101, None, [instance("dog", 0.6)]), gray())


@pytest.mark.parametrize(
    "shape, part", [((40, 60), (320, 480)), ((1200, 900), (960, 720)), ((1, 2000), (1, 960))]
)
def test_sizes_of_pictures_and_thumbnails(
    folder: PictureFolder, tmp_path: Path, shape: tuple[int, int], part: tuple[int, int]
) -> None:
    folder.add(DrawnImage("a.png", shape, 1, [], []), gray(shape))
    with Image.open(tmp_path / "out" / "a.png.png") as picture:
        assert (picture.height - 42, picture.width) == (part[0], 2 * part[1] + 8)
    with Image.open(tmp_path / "out" / "thumbnails" / "a.png.png") as picture:
        assert picture.width <= 360 and picture.height <= 240


def test_masks_without_pixels_boxes_alone_and_those_over_the_border(folder: PictureFolder) -> None:
    empty = encode_masks(np.zeros((1, *SIZE), bool))[0]
    rows = [
        ShownInstance("cat", (5, 5, 10, 10), empty, 0.9),
        ShownInstance("dog", (-20, -20, 500, 500), None, 0.8),
        ShownInstance("dog", (59, 39, 0, 0), None, 0.8),
    ]
    assert folder.add(image("a.png", *rows), gray())


def test_the_default_threshold_goes_by_the_mode() -> None:
    assert default_picture_threshold("paper") == default_picture_threshold("adaptive") == 0.4
    assert default_picture_threshold("best") < 0.4


def test_names_of_files() -> None:
    assert own_name("a_b.jpg") != own_name("a/b.jpg")
    assert own_name("../x.png").startswith("_x.png-")
    assert len(plain_name("ж" * 400).encode()) == 150
