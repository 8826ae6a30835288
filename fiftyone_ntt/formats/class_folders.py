"""A folder per class of pictures: cut out, with a mask beside them, or whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.foreign_files import foreign_in
from fiftyone_ntt.formats.glance import names_in
from fiftyone_ntt.formats.image_labels import ImageLabels, category_records, content_parts
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.label_pixels import mask_shape, opened, pixels_by_value, read_values
from fiftyone_ntt.formats.mask_images import MaskedImage, masked_images

_OPAQUE, _HALF = 255, 128
_NO_CLASSES = frozenset(
    {
        *("images", "image", "imgs", "img", "masks", "mask", "labels", "label", "annotations"),
        *("train", "training", "val", "valid", "validation", "test", "testing", "data"),
        *("jpegimages", "segmentationobject", "segmentationclass", "imagesets", "train2017"),
        *("val2017", "test2017", "gt", "groundtruth", "instances"),
    }
)
"""Folders of other layouts, in small letters."""
_LABEL_FILES = (".json", ".xml", ".txt", ".yaml", ".yml", ".csv")


def recognise(path: Path) -> str | None:
    """What tells a folder of classes: it has folders of pictures, and no label files."""
    folders = _class_folders(path)
    if not folders or foreign_in(path) is not None:
        return None
    return (
        f"it has folders of pictures alone, {len(folders)} of them, as {folders[0].name}: each is "
        "a class"
    )


def _class_folders(path: Path) -> list[Path]:
    """The folders of classes; none where something does not look like classes."""
    if not path.is_dir():
        return []
    names = [name for name in names_in(path) if not name.startswith(".")]
    folders = [path / name for name in names if (path / name).is_dir()]
    others = {name for name in names if not (path / name).is_dir()}
    if any(folder.name.lower() in _NO_CLASSES for folder in folders):
        return []
    if any(name.lower().endswith((*_LABEL_FILES, *IMAGE_ENDS)) for name in others):
        return []
    found = []
    for folder in folders:
        ends = {os.path.splitext(name)[1].lower() for name in names_in(folder)}
        if ends & set(_LABEL_FILES):
            return []
        if ends & IMAGE_ENDS:
            found.append(folder)
    return found


def read(path: Path, options: ReadOptions) -> LabelFiles:
    """A folder of classes, see `LabelFormat.reader`.

    Raises:
        InputError: it has no folder of pictures, or another folder is given for the images.
    """
    folders = _class_folders(path)
    if options.images is not None and options.images != path:
        raise InputError(
            f"images= is {options.images}, but the pictures of a folder per class are in {path} "
            "itself. Leave images= out."
        )
    if not folders:
        raise InputError(
            f"{path} has no folders of pictures alone, one per class. Pass a folder such as refs "
            "with refs/boat/1.png in it."
        )
    return LabelFiles(
        "class-folders",
        recognise(path) or "it was said to be",
        path,
        tuple(folder.name for folder in folders),
        lambda findings: _parts(path, folders, findings),
    )


def _parts(path: Path, folders: list[Path], findings: Findings) -> Iterator[Content]:
    found = [
        (category, item)
        for category, folder in enumerate(folders, start=1)
        for item in masked_images(folder, None)
    ]

    def read_one(labelled: tuple[int, MaskedImage], findings: Findings) -> ImageLabels:
        category, item = labelled
        name = os.path.relpath(item.image, path)
        rows = [
            {"id": f"{name}, object {n}", "image_id": name, "category_id": category, **shape}
            for n, shape in enumerate(_shapes(item), start=1)
        ]
        return {"id": name, "file_name": name}, rows

    categories = category_records([folder.name for folder in folders])
    return content_parts(found, categories, read_one, findings)


def _shapes(item: MaskedImage) -> list[Record]:
    """Where a picture's objects are: in its masks, or what is not transparent, or all of it."""
    if item.masks:
        return [
            pixels.shape()
            for _, mask in item.masks
            for pixels in pixels_by_value(read_values(mask))
        ]
    with opened(item.image) as image:
        whole: list[float] = [0, 0, image.width, image.height]
        if not image.has_transparency_data:
            return [{"bbox": whole}]
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    if alpha.min() == _OPAQUE:
        return [{"bbox": whole}]
    shape = mask_shape(alpha >= _HALF)
    if shape is None:
        raise RecordError(
            "empty segmentation",
            f"{item.image} is transparent all over, so it shows no object. Restore or remove it.",
        )
    return [shape]


CLASS_FOLDERS = LabelFormat(
    "class-folders",
    "a folder per class of pictures, cut out or with masks",
    "anybody",
    recognise,
    read,
)
