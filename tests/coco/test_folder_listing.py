"""A folder as a list of images: what counts as one, and ids that stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.folder_listing import list_folder, listing_path, save_listing
from fiftyone_ntt.drawing.overlays import png_content
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.own_files import PICTURE_TEXT, PREDICTIONS_TEXT, REFERENCE_TEXT
from tests.turned import save_turned

CLASSES = ("boat", "bird")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("b.PNG", "a/z.png", "a/c/d.png", "a.png"):
        picture(folder / name)
    return folder


def picture(path: Path, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def listed(photos: Path, findings: Findings | None = None) -> dict[str, int]:
    """Ids by name, and the list is written."""
    file = list_folder(photos, photos.parent / "results.images.json", CLASSES, findings)
    save_listing(file)
    assert list(file.images) == sorted(file.images)
    return {record["file_name"]: int(key) for key, record in file.images.items()}


def test_all_images_below_a_folder_by_their_paths(photos: Path) -> None:
    assert listed(photos) == {"a.png": 1, "a/c/d.png": 2, "a/z.png": 3, "b.PNG": 4}
    found = json.loads((photos.parent / "results.images.json").read_text())
    assert found["images"][3] == {"id": 4, "file_name": "b.PNG", "width": 6, "height": 4}
    assert found["categories"] == [{"id": 1, "name": "boat"}, {"id": 2, "name": "bird"}]
    assert found["annotations"] == []


def test_other_files_are_left_aside_and_counted(photos: Path) -> None:
    for name in ("refs.json", "a/notes.txt", "a/more.txt", ".hidden.png", ".trash/old.png"):
        picture(photos / "b.PNG")
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes((photos / "b.PNG").read_bytes())
    texts = ((PREDICTIONS_TEXT, "ab"), (REFERENCE_TEXT, "cd"), PICTURE_TEXT)
    for number, (key, text) in enumerate(texts):
        drawn = png_content(np.zeros((4, 4, 3), np.uint8), key, text)
        (photos / f"drawn-{number}.png").write_bytes(drawn)
    findings = Findings()
    assert set(listed(photos, findings)) == {"a.png", "a/c/d.png", "a/z.png", "b.PNG"}
    assert findings.notes == ("files that are no images, left aside: 3 (2 .txt, 1 .json, ...)",)


def test_images_keep_their_ids_when_others_come_and_go(photos: Path) -> None:
    listed(photos)
    (photos / "a" / "z.png").unlink()
    picture(photos / "0.png")
    assert listed(photos) == {"a.png": 1, "a/c/d.png": 2, "b.PNG": 4, "0.png": 5}
    picture(photos / "a" / "z.png")
    assert listed(photos)["a/z.png"] == 6


def test_a_folder_of_other_images_is_numbered_anew(photos: Path, tmp_path: Path) -> None:
    listed(photos)
    picture(tmp_path / "others" / "x.png")
    assert listed(tmp_path / "others") == {"x.png": 1}


def test_sizes_are_those_of_now_and_missing_where_a_file_is_damaged(photos: Path) -> None:
    (photos / "a.png").write_bytes(b"no image")
    path = photos.parent / "results.images.json"
    assert list_folder(photos, path, CLASSES).images[1] == {"id": 1, "file_name": "a.png"}
    listed(photos)
    picture(photos / "a.png", (9, 5))
    record = list_folder(photos, path, CLASSES).images[1]
    assert (record["width"], record["height"]) == (9, 5)


def test_turned_photos_are_listed_as_they_are_shown(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    paths = [save_turned(tmp_path / "photos" / f"{turn}.png", turn) for turn in (1, 3, 6)]
    file = list_folder(tmp_path / "photos", tmp_path / "list.json", CLASSES)
    with Image.open(paths[2]) as stored:
        assert file.images[3]["width"] == stored.height
    assert [record.get("as_shown") for record in file.images.values()] == [None, True, True]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda folder: None, "photos is not there. Pass the folder of the images as --images"),
        (lambda folder: folder.write_text("x"), "photos is a file. Pass the folder"),
        (lambda folder: folder.mkdir(), "no image below .*photos: it is empty. Pass a folder with"),
        (
            lambda folder: (folder.mkdir(), (folder / "x.heic").touch()),
            r"its files are 1 .heic. Pass .* convert them to PNG or JPEG",
        ),
    ],
)
def test_no_images_is_an_error_with_a_way_out(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "photos")
    with pytest.raises(InputError, match=message):
        list_folder(tmp_path / "photos", tmp_path / "list.json", CLASSES)


def test_anothers_list_is_not_replaced(photos: Path) -> None:
    path = photos.parent / "results.images.json"
    path.write_text('{"images": []}')
    with pytest.raises(StoreError, match="is no COCO file that fiftyone-ntt wrote"):
        list_folder(photos, path, CLASSES)


def test_where_the_list_lies() -> None:
    assert listing_path("out/a.b.json") == Path("out/a.b.images.json")
    assert listing_path("results") == Path("results.images.json")
