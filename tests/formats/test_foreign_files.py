"""Files of tools that are not read: each is called by its tool's name, and the way on is said."""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import open_labels, read_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.reading_back import read_back

Make = Callable[[Path], object]


def js(content: Any) -> Make:
    return lambda path: path.write_text(json.dumps(content))


def text(content: str) -> Make:
    return lambda path: path.write_text(content)


def data(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("annotations.xml", "<annotations/>")


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "a.json")


def _numpy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


DATUMARO = {
    "infos": {},
    "categories": {"label": {"labels": [{"name": "boat"}]}},
    "items": [{"id": "a", "annotations": [{"type": "polygon", "points": [1, 1, 5, 1, 5, 5]}]}],
}
SUPERVISELY = {
    "size": {"height": 30, "width": 40},
    "tags": [],
    "objects": [{"classTitle": "boat", "geometryType": "polygon", "points": {"exterior": []}}],
}
SA_1B = {
    "image": {"image_id": 1, "width": 40, "height": 30, "file_name": "sa_1.jpg"},
    "annotations": [
        {
            "bbox": [0, 0, 5, 5],
            "area": 25,
            "segmentation": {"size": [30, 40], "counts": "00"},
            "predicted_iou": 0.9,
            "point_coords": [[2.0, 2.0]],
            "crop_box": [0, 0, 40, 30],
            "id": 1,
            "stability_score": 0.98,
        }
    ],
}
LABELBOX = {"data_row": {"id": "c1", "external_id": "a.jpg"}, "projects": {"p": {"labels": []}}}
DARWIN = {
    "version": "2.0",
    "item": {"name": "a.png", "path": "/", "slots": [{"slot_name": "0", "width": 40}]},
    "annotations": [{"name": "boat", "polygon": {"paths": []}, "slot_names": ["0"]}],
}
CITYSCAPES = {"imgHeight": 30, "imgWidth": 40, "objects": [{"label": "car", "polygon": [[1, 1]]}]}
BDD = [{"name": "a.jpg", "labels": [{"category": "car", "box2d": {"x1": 1}}]}]
SUPERANNOTATE = {"metadata": {"name": "a.png"}, "instances": [{"className": "boat"}]}
CREATE_ML = [{"image": "a.png", "annotations": [{"label": "boat", "coordinates": {"x": 3}}]}]
QUPATH = {"type": "FeatureCollection", "features": [{"geometry": {"coordinates": []}}]}
CAPTIONS = {
    "images": [{"file_name": "a.jpg"}],
    "annotations": [{"image_id": 1, "id": 1, "caption": "a boat"}],
}
OLD_LABELME = "<annotation><object><name>a</name><polygon><pt><x>1</x></pt></polygon></object>"

FILES: list[tuple[str, Make, str]] = [
    ("set.zip", _zip, r"a ZIP archive.*Unpack it, and pass the folder"),
    ("set.tar", _tar, r"a tar archive.*Unpack it"),
    ("set.json.gz", data(b"\x1f\x8b\x08..."), r"a gzip archive.*Unpack it"),
    ("train.tfrecord", data(b"\x10\0\0\0\0\0\0\0...."), r"a TFRecord.*TensorFlow.*as COCO"),
    ("train.record-00001-of-00010", data(b"\x10\0\0\0"), r"a TFRecord.*TensorFlow"),
    ("2008_1.mat", data(b"MATLAB 5.0 MAT-file, Platform"), r"MATLAB.*SBD.*format 'masks'"),
    ("cells.h5", data(b"\x89HDF\r\n\x1a\n...."), r"HDF5.*ilastik.*PNG or TIFF"),
    ("a_seg.npy", _numpy, r"NumPy.*Cellpose.*PNG or TIFF"),
    ("labels.pkl", data(b"\x80\x04."), r"a pickle, which can run any program.*as COCO"),
    ("a.dcm", data(b"\0" * 128 + b"DICM"), r"DICOM"),
    ("a.roi", data(b"Iout\0\0"), r"ImageJ's"),
    ("a.mp4", data(b"\0\0\0\x18ftypmp42"), r"a video.*frames as images"),
    ("default.json", js(DATUMARO), r"Datumaro's own JSON.*datum convert"),
    ("a.png.json", js(SUPERVISELY), r"Supervisely's.*Export .* as COCO"),
    ("sa_1.json", js(SA_1B), r"SAM's, as in SA-1B, which have no classes.*COCO file"),
    ("export.ndjson", js(LABELBOX), r"Labelbox's.*fiftyone\.utils\.labelbox"),
    ("old.json", js([{"Labeled Data": "a", "Label": {"objects": []}}]), r"Labelbox's"),
    ("a.json", js(DARWIN), r"V7 Darwin's.*from V7 as COCO"),
    ("a_polygons.json", js(CITYSCAPES), r"Cityscapes.*COCO"),
    ("bdd.json", js(BDD), r"BDD100K.*to_coco"),
    ("sa.json", js(SUPERANNOTATE), r"SuperAnnotate's.*as COCO"),
    ("ml.json", js(CREATE_ML), r"Create ML.*as COCO or YOLO"),
    ("cells.geojson", js(QUPATH), r"QuPath.*label images"),
    ("samples.json", js({"samples": [{"filepath": "a.png"}]}), r"FiftyOne exported.*from_dir"),
    ("captions.json", js(CAPTIONS), r"captions of COCO.*instances_"),
    ("boxes.csv", text("ImageID,Source,LabelName,Confidence\n"), r"Open Images.*open-images-v7"),
    ("_annotations.csv", text("filename,width,height,class,xmin,ymin,xmax,ymax\n"), r"TensorFlow"),
    ("train.csv", text("ImageId,EncodedPixels\n"), r"run lengths, as of Kaggle"),
    ("dlib.xml", text("<?xml version='1.0'?><dataset><images/></dataset>"), r"dlib's imglab"),
    ("lm.xml", text(OLD_LABELME), r"old web LabelMe.*labelme, or to COCO"),
    ("a.txt", text("0 0.5 0.5 0.2 0.1\n"), r"label file of YOLO's by itself.*data\.yaml"),
]


@pytest.mark.parametrize(("name", "make", "told"), FILES, ids=[name for name, *_ in FILES])
def test_the_tool_is_named_and_the_way_on(tmp_path: Path, name: str, make: Make, told: str) -> None:
    """Of the file itself, and of a folder that holds it beside an image or in a folder."""
    path = tmp_path / "set" / name
    path.parent.mkdir()
    make(path)
    with pytest.raises(InputError, match=rf"seems to be .*{told}") as caught:
        recognise(path)
    assert str(path) in str(caught.value) and str(caught.value).endswith(".")
    Image.new("RGB", (4, 4)).save(path.parent / "image.png")
    for folder, file in ((path.parent, name), (tmp_path, f"set/{name}")):
        with pytest.raises(InputError, match=rf"is a folder that holds .*{told}") as caught:
            recognise(folder)
        assert f"of which {file} seems to be" in str(caught.value)


def test_a_folder_of_images_alone_asks_for_the_labels(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"1 images and no labels\. Pass the file or folder of"):
        recognise(tmp_path)


def test_what_is_read_although_it_is_not_what_it_could_be(tmp_path: Path) -> None:
    """YOLO's boxes as well as its outlines, and what COCO's key points stand on."""
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "num_keypoints": 1}
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}],
        "annotations": [{**row, "keypoints": [5, 5, 2], "segmentation": [[1, 1, 9, 1, 9, 9]]}],
    }
    path = tmp_path / "person_keypoints.json"
    path.write_text(json.dumps(content))
    assert open_labels(path).lost == ("key points of 1 annotations",)
    assert len(read_labels(path)[0].annotations) == 1


def test_a_pascal_folder_without_its_images(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><object><name>boat</name><bndbox><xmin>1</xmin>"
        "<ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
    )
    with pytest.raises(InputError, match=r"a\.jpg") as caught:
        read_back(tmp_path)
    assert "images=" in str(caught.value)
