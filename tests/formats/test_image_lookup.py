"""Where label files' images are looked for."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.formats.image_lookup import ImagesByStem, image_folder


def test_the_folder_is_the_one_in_which_an_image_lies(tmp_path: Path) -> None:
    labels = tmp_path / "annotations" / "instances_val2017.json"
    labels.parent.mkdir()
    names = ["a.png", "b.png"]
    assert image_folder(labels, names, None) == labels.parent
    usual = (tmp_path / "val2017", tmp_path / "images", labels.parent / "data")
    for folder in (tmp_path / "images" / "val2017", *usual):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "b.png").touch()
        assert image_folder(labels, names, None) == folder
    assert image_folder(labels, names, None, labels.parent / "data") == tmp_path / "images"
    assert image_folder(labels, names, tmp_path / "given") == tmp_path / "given"


def test_images_by_their_names_without_suffix(tmp_path: Path) -> None:
    for name in ("a.png", "a.JPG", "b.tif", "a.txt", ".c.png"):
        (tmp_path / name).touch()
    found = ImagesByStem(tmp_path)
    assert (found.find("a"), found.find("c"), found.stems()) == (["a.JPG", "a.png"], [], ["a", "b"])
    assert ImagesByStem(tmp_path / "nowhere").stems() == []
