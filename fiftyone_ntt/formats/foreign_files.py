"""What files that no format here reads seem to be, by the tool's name, and the way on from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fiftyone_ntt.coco.json_files import as_number
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.formats.glance import files_ending, head, json_keys, names_in

_LOOKED_AT = 10
"""Files of a folder, and folders in it, that are looked into."""
_HEAD_BYTES = 600
_AS_PICTURES = "Save its masks as PNG or TIFF, one value per object (format 'masks')"


@dataclass(frozen=True)
class Foreign:
    """A kind of file that is known and not read.

    Attributes:
        what: it is, as in "a ZIP archive".
        way: what to do instead, as a sentence without its end.
    """

    what: str
    way: str


@dataclass(frozen=True)
class _JsonMarks:
    """Keys that tell a JSON file: all of `needed` and one of `some`."""

    needed: frozenset[str]
    some: frozenset[str]
    foreign: Foreign


def _marks(needed: str, some: str, what: str, way: str) -> _JsonMarks:
    return _JsonMarks(frozenset(needed.split()), frozenset(some.split()), Foreign(what, way))


_JSON = (
    _marks(
        "categories items",
        "infos label_cat",
        "Datumaro's own JSON",
        "Convert it with `datum convert -if datumaro -f coco_instances`, or export from CVAT as "
        "'COCO 1.0'",
    ),
    _marks(
        "objects",
        "classTitle classId geometryType",
        "an annotation of Supervisely's",
        "Export the project from Supervisely as COCO ('Export to COCO')",
    ),
    _marks(
        "predicted_iou stability_score",
        "image annotations segmentation",
        "masks of SAM's, as in SA-1B, which have no classes",
        "Make a COCO file of them with a category for each mask",
    ),
    _marks(
        "data_row",
        "projects labels media_attributes",
        "an export of Labelbox's",
        "Load it with FiftyOne (`fiftyone.utils.labelbox`), whose labels can be used at once, or "
        "convert it to COCO",
    ),
    _JsonMarks(
        frozenset({"Labeled Data"}),
        frozenset({"Label", "Labels"}),
        Foreign("an old export of Labelbox's", "Export again, and convert it to COCO"),
    ),
    _marks(
        "item annotations",
        "slots slot_names",
        "an annotation of V7 Darwin's",
        "Export the dataset from V7 as COCO",
    ),
    _marks(
        "dataset image annotations",
        "workview_url image_metadata",
        "an annotation of V7 Darwin's (version 1)",
        "Export the dataset from V7 as COCO",
    ),
    _marks(
        "imgHeight imgWidth objects",
        "polygon label",
        "polygons of Cityscapes",
        "Convert them to COCO (instances) first",
    ),
    _marks(
        "labels category",
        "box2d poly2d",
        "labels of BDD100K or Scalabel",
        "Convert them with `python -m bdd100k.label.to_coco`",
    ),
    _marks(
        "instances metadata",
        "className classId",
        "an annotation of SuperAnnotate's",
        "Export it from SuperAnnotate as COCO",
    ),
    _marks(
        "annotations coordinates",
        "image imagefilename",
        "boxes for Create ML",
        "Export them as COCO or YOLO",
    ),
    _marks(
        "features geometry",
        "FeatureCollection coordinates",
        "GeoJSON, as QuPath exports it",
        "Export label images from QuPath (one value per object) and read them as 'masks'",
    ),
    _marks(
        "samples",
        "filepath _media_type",
        "a dataset that FiftyOne exported",
        "Load it with `fiftyone.Dataset.from_dir`, and use its labels at once",
    ),
    _marks(
        "annotations caption",
        "image_id",
        "captions of COCO",
        "Pass the file of instances (`instances_*.json`)",
    ),
)

_BYTES = (
    (0, b"PK\x03\x04", Foreign("a ZIP archive", "Unpack it, and pass the folder")),
    (0, b"\x1f\x8b", Foreign("a gzip archive", "Unpack it, and pass what was in it")),
    (257, b"ustar", Foreign("a tar archive", "Unpack it, and pass the folder")),
    (0, b"7z\xbc\xaf", Foreign("a 7z archive", "Unpack it, and pass the folder")),
    (0, b"Rar!", Foreign("a RAR archive", "Unpack it, and pass the folder")),
    (0, b"MATLAB 5.0", Foreign("a MATLAB file, as of SBD or BSDS", _AS_PICTURES)),
    (0, b"\x89HDF\r\n", Foreign("an HDF5 file, as of ilastik or MATLAB", _AS_PICTURES)),
    (0, b"\x93NUMPY", Foreign("a NumPy file, as Cellpose's _seg.npy", _AS_PICTURES)),
    (0, b"PAR1", Foreign("a Parquet table", "Export the labels as COCO")),
    (0, b"Iout", Foreign("a region of ImageJ's", _AS_PICTURES)),
    (128, b"DICM", Foreign("a DICOM file", _AS_PICTURES)),
    (4, b"ftyp", Foreign("a video", "Save its frames as images, and pass their labels")),
)
_ENDS = {
    ".tfrecord": Foreign(
        "a TFRecord, as of TensorFlow's Object Detection API",
        "Export the labels as COCO, or load it with FiftyOne's `TFObjectDetectionDataset`",
    ),
    ".pkl": Foreign(
        "a pickle, which can run any program when it is opened", "Export the labels as COCO"
    ),
    ".nii": Foreign("a NIfTI volume", _AS_PICTURES),
}
_ENDS |= {".tfrecords": _ENDS[".tfrecord"], ".record": _ENDS[".tfrecord"], ".pickle": _ENDS[".pkl"]}
_TFRECORD = re.compile(r"\.(?:tf)?records?-\d+-of-\d+$")

_TABLES = (
    (
        {"ImageID", "LabelName"},
        Foreign(
            "a table of Open Images",
            "Load the images with `fiftyone.zoo.load_zoo_dataset('open-images-v7', "
            "label_types=['segmentations'])`, whose labels can be used at once",
        ),
    ),
    (
        {"filename", "class", "xmin", "ymax"},
        Foreign(
            "a table of boxes, as for TensorFlow or from Roboflow", "Export them as COCO or VOC"
        ),
    ),
    (
        {"ImageId", "EncodedPixels"},
        Foreign("a table of run lengths, as of Kaggle", _AS_PICTURES),
    ),
)
_XML = {
    "dataset": Foreign("XML of dlib's imglab", "Export the boxes as VOC or COCO"),
    "Annotations": Foreign("XML of Aperio ImageScope", _AS_PICTURES),
    "annotation": Foreign(
        "XML of the old web LabelMe, whose outlines are polygons",
        "Convert it to the JSON of labelme, or to COCO",
    ),
}


def foreign_file(path: Path) -> Foreign | None:
    """What a file seems to be that is not read here; None for one that nothing is known of.

    Args:
        path: of the file; only its first and last bytes are looked at.

    Example:
        >>> _ = Path("few.csv").write_text("ImageID,Source,LabelName,Confidence")
        >>> foreign_file(Path("few.csv")).what
        'a table of Open Images'
    """
    looks: tuple[Callable[[Path], Foreign | None], ...] = (
        _by_bytes,
        _by_name,
        _by_keys,
        _by_table,
        _by_xml,
        _by_line,
    )
    return next((found for look in looks if (found := look(path)) is not None), None)


def foreign_in(folder: Path) -> tuple[Path, Foreign] | None:
    """The first of some files in a folder, or right below it, of which something is known."""
    for file in _some_files(folder):
        found = foreign_file(file)
        if found is not None:
            return file, found
    return None


def _some_files(folder: Path) -> Iterator[Path]:
    names = names_in(folder)
    folders = [folder / name for name in names if (folder / name).is_dir()]
    for place in [folder, *folders[:_LOOKED_AT]]:
        others = (file for file in files_ending(place, "") if _is_other(file))
        yield from islice(others, _LOOKED_AT)


def _is_other(path: Path) -> bool:
    return path.suffix.lower() not in IMAGE_ENDS and path.is_file()


def _by_bytes(path: Path) -> Foreign | None:
    try:
        require_regular_file(path)
        with path.open("rb") as file:
            first = file.read(_HEAD_BYTES)
    except OSError:
        return None
    return next(
        (kind for place, mark, kind in _BYTES if first[place : place + len(mark)] == mark), None
    )


def _by_name(path: Path) -> Foreign | None:
    name = path.name.lower()
    return _ENDS[".tfrecord"] if _TFRECORD.search(name) else _ENDS.get(path.suffix.lower())


def _by_keys(path: Path) -> Foreign | None:
    keys = json_keys(path)
    return next(
        (marks.foreign for marks in _JSON if keys >= marks.needed and keys & marks.some), None
    )


def _by_table(path: Path) -> Foreign | None:
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return None
    first = re.split(r"[,;\t]", head(path, 2000).split("\n", maxsplit=1)[0])
    columns = {name.strip().strip('"') for name in first}
    return next((kind for needed, kind in _TABLES if needed <= columns), None)


def _by_xml(path: Path) -> Foreign | None:
    text = head(path) if path.suffix.lower() == ".xml" else ""
    root = re.search(r"<([A-Za-z]\w*)", text)
    found = _XML.get(root[1]) if root else None
    return None if root and root[1] == "annotation" and "<polygon>" not in text else found


def _by_line(path: Path) -> Foreign | None:
    """A label file of YOLO's by itself, which names neither classes nor image."""
    if path.suffix.lower() != ".txt":
        return None
    words = head(path, 400).split("\n", maxsplit=1)[0].split()
    if len(words) < 5 or any(as_number(word) is None for word in words):
        return None
    return Foreign(
        "a label file of YOLO's by itself, which names no classes",
        "Pass the data.yaml, or the folder that has `images` and `labels`",
    )
