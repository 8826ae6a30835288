"""PASCAL VOC folders: boxes in XML, one file per image, and label images of objects and classes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.glance import files_ending, head, names_in
from fiftyone_ntt.formats.image_labels import ImageLabels, category_records, content_parts
from fiftyone_ntt.formats.image_lookup import ImagesByStem
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.label_pixels import LabelledPixels, pixels_by_value
from fiftyone_ntt.formats.voc_palette import VOID, class_list, class_values, voc_indices
from fiftyone_ntt.formats.voc_xml import (
    CLASSES,
    FIRST_PIXEL,
    VocImage,
    VocObject,
    read_voc_image,
)

_ANNOTATIONS, _IMAGES = "Annotations", "JPEGImages"
_FIFTYONES = "labels", "data"
"""What FiftyOne names these two folders."""
_OBJECTS, _CLASS_IMAGES = "SegmentationObject", "SegmentationClass"
_SAME = 0.5
"""IoU of an object's box and its pixels' box from which they are taken as of one object."""


@dataclass(frozen=True)
class _Layout:
    """The folders of one VOC set.

    Attributes:
        root: that holds them, or that holds images and XML files side by side.
        images: folder of the images.
    """

    root: Path
    images: Path

    @property
    def annotations(self) -> Path:
        """Folder of the XML files."""
        own = self.root / _ANNOTATIONS
        others = self.root / _FIFTYONES[0]
        return next((folder for folder in (own, others) if folder.is_dir()), self.root)

    def stems(self) -> list[str]:
        """Names without suffix of all that is labelled."""
        found = {_stem(name) for name in _listed(self.annotations, ".xml")}
        return sorted(found | {_stem(name) for name in _listed(self.root / _OBJECTS, ".png")})


def _listed(folder: Path, end: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.lower().endswith(end))
    except OSError:
        return []


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def recognise(path: Path) -> str | None:
    """What tells a folder of VOC, or one of its XML files."""
    if not path.is_dir():
        return "it is an XML file with <annotation> as its root" if _is_voc_xml(path) else None
    for root in _roots(path):
        if (root / _OBJECTS).is_dir() and (root / _CLASS_IMAGES).is_dir():
            return f"it has the folders {_OBJECTS} and {_CLASS_IMAGES}"
        for folder in (root / _ANNOTATIONS, root / _FIFTYONES[0], root):
            first = files_ending(folder, ".xml")[:1]
            if first and _is_voc_xml(first[0]):
                where = folder.name if folder != root else "it"
                return f"the XML files in {where} have <annotation> as their root"
    return None


def _is_voc_xml(path: Path) -> bool:
    text = head(path) if path.suffix.lower() == ".xml" else ""
    # LabelMe's web tool has the same root, and polygons in place of boxes.
    return "<annotation>" in text and not ("<polygon>" in text and "<bndbox>" not in text)


def _roots(path: Path) -> list[Path]:
    """The folder of a set, or those of several as `VOCdevkit` has them."""
    holding = [path, *(path / name for name in names_in(path))]
    holding += [path / "VOCdevkit" / name for name in names_in(path / "VOCdevkit")]
    marks = (_ANNOTATIONS, _OBJECTS)
    return [root for root in holding if any((root / mark).is_dir() for mark in marks)] or [path]


def read(path: Path, options: ReadOptions) -> LabelFiles:
    """A folder of VOC, see `LabelFormat.reader`.

    Raises:
        InputError: it is not even a folder with XML files.
    """
    why = recognise(path)
    if why is None:
        raise InputError(
            f"{path} holds no labels of PASCAL VOC. Pass the folder with {_ANNOTATIONS} and "
            f"{_IMAGES}."
        )
    only = None if path.is_dir() else path.stem
    roots = _roots(path) if only is None else [path.parent]
    layouts = [_Layout(root, options.images or _image_folder(root)) for root in roots]
    survey = _survey(layouts, only)
    folder = options.images or (path if path.is_dir() else layouts[0].images)
    reader = _Reader(layouts, folder, survey, only)
    return LabelFiles("voc", why, folder, survey.classes, reader.parts, survey.lost)


def _image_folder(root: Path) -> Path:
    """`JPEGImages`, `images`, FiftyOne's `data`, or where the XML files are."""
    beside = root.parent if root.name in (_ANNOTATIONS, _FIFTYONES[0]) else root
    for name in (_IMAGES, "images", _FIFTYONES[1]):
        if (beside / name).is_dir():
            return beside / name
    return root


@dataclass(frozen=True)
class _Survey:
    """What only all files together tell.

    Attributes:
        classes: the published ones if there are no others, in their order; else in the order of
            the list beside the files, or of the alphabet.
        first_pixel: number of an image's first pixel in the XML files.
        numbers: class of each value of the class images.
        lost: see `LabelFiles`.
    """

    classes: tuple[str, ...]
    first_pixel: int = FIRST_PIXEL
    numbers: dict[int, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()


def _survey(layouts: Sequence[_Layout], only: str | None) -> _Survey:
    names: set[str] = set()
    unread: dict[str, int] = {}
    from_0 = ""
    listed = {number: name for layout in layouts for number, name in class_list(layout.root)}
    segmented = False
    for layout in layouts:
        segmented = segmented or (layout.root / _OBJECTS).is_dir()
        for name in [f"{only}.xml"] if only else _listed(layout.annotations, ".xml"):
            try:
                image = read_voc_image(layout.annotations / name)
            except (ValueError, OSError):
                continue  # said when it is read for good
            found = image.objects
            names |= {item.name for item in found}
            for tag in (tag for item in found for tag in item.unread):
                unread[tag] = unread.get(tag, 0) + 1
            if any(min(item.corners[:2]) < FIRST_PIXEL for item in found):
                from_0 = "a box begins at 0"
            elif image.zero_based:
                from_0 = from_0 or "the tool that wrote them does"
    published = not listed and names <= set(CLASSES)
    numbers = listed or (dict(enumerate(CLASSES, start=1)) if published else {})
    order = list(numbers.values()) if numbers else sorted(names)
    classes = (*order, *sorted(names - set(order)))
    lost = [f"<{tag}> of {count} objects in the XML files" for tag, count in unread.items()]
    if from_0:
        lost.append(f"pixels counted from 1, as published: {from_0}, so all count from 0")
    if segmented:
        lost.append("void pixels (255) of the label images, which are part of no object")
    return _Survey(classes, 0 if from_0 else FIRST_PIXEL, numbers, tuple(lost))


@dataclass(frozen=True)
class _Source:
    """What is labelled: its folders, its name without suffix, and the images of that name."""

    layout: _Layout
    stem: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Reader:
    """Reads images one by one; see `LabelFiles.parts`."""

    layouts: Sequence[_Layout]
    folder: Path
    survey: _Survey
    only: str | None

    def parts(self, findings: Findings) -> Iterator[Content]:
        """The content, of a number of images at a time."""

        def read_one(source: _Source, findings: Findings) -> ImageLabels:
            image, rows = self._read(source, findings)
            key = os.path.relpath(source.layout.annotations / source.stem, self.folder)
            ids = (f"{key}, object {number}" for number in itertools.count(1))
            rows = [{"id": next(ids), "image_id": key, **row} for row in rows]
            return {"id": key, **image}, rows

        categories = category_records(self.survey.classes)
        return content_parts(list(self._images()), categories, read_one, findings)

    def _images(self) -> Iterator[_Source]:
        for layout in self.layouts:
            files = ImagesByStem(layout.images)
            for stem in [self.only] if self.only else layout.stems():
                yield _Source(layout, stem, tuple(files.find(stem)))

    def _read(self, source: _Source, findings: Findings) -> ImageLabels:
        layout, stem, names = source.layout, source.stem, source.names
        path = layout.annotations / f"{stem}.xml"
        try:
            told = read_voc_image(path) if path.exists() else VocImage("", None, None, ())
        except (ValueError, OSError) as error:
            raise RecordError(
                "malformed entry", f"{path} is no annotation of PASCAL VOC: {error}. Restore it."
            ) from error
        name = names[0] if len(names) == 1 else told.file_name or f"{stem}.jpg"
        image: Record = {"file_name": os.path.relpath(layout.images / name, self.folder)}
        rows = self._rows(layout, stem, told, findings)
        sides = {"width": told.width, "height": told.height}
        return {**image, **{key: side for key, side in sides.items() if side}}, rows

    def _rows(self, layout: _Layout, stem: str, told: VocImage, findings: Findings) -> list[Record]:
        path = layout.root / _OBJECTS / f"{stem}.png"
        if not path.exists():
            return [self._row(item) for item in told.objects]
        try:
            values = voc_indices(path)
            class_path = layout.root / _CLASS_IMAGES / f"{stem}.png"
            classes = class_values(class_path, self.survey.numbers) if class_path.exists() else None
            if classes is not None and classes.shape != values.shape:
                raise RecordError("mask size", f"{class_path} is not of the size of {path}.")
        except RecordError as error:
            findings.leave_out(error)
            return [self._row(item) for item in told.objects]
        shapes = {item.value: item for item in pixels_by_value(np.where(values == VOID, 0, values))}
        named = {
            value: self.survey.numbers.get(_commonest(values, classes, item))
            for value, item in shapes.items()
            if classes is not None
        }
        return self._joined(path, told, shapes, named, findings)

    def _joined(
        self,
        path: Path,
        told: VocImage,
        shapes: dict[int, LabelledPixels],
        named: dict[int, str | None],
        findings: Findings,
    ) -> list[Record]:
        """The objects of the XML file with their pixels, and pixels of which it says nothing."""
        first_pixel = self.survey.first_pixel
        value_of = _matched(told.objects, shapes, named, first_pixel)
        rows = [
            {**self._row(item), **(shapes[value_of[place]].shape() if place in value_of else {})}
            for place, item in enumerate(told.objects)
        ]
        for value, item in shapes.items():
            if value in value_of.values():
                continue
            name = named.get(value)
            if name is None:
                findings.leave_out(
                    RecordError(
                        "unknown category",
                        f"{path}: the pixels of object {value} fit none in the XML file, and no "
                        "class image says what they are. Add the object to the XML file.",
                    )
                )
                continue
            rows.append({"category_id": self._number(name), "attributes": {}, **item.shape()})
        return rows

    def _row(self, item: VocObject) -> Record:
        return {
            "category_id": self._number(item.name),
            "bbox": item.box(self.survey.first_pixel),
            "attributes": item.attributes,
        }

    def _number(self, name: str) -> int:
        return self.survey.classes.index(name) + 1


def _matched(
    objects: Sequence[VocObject],
    shapes: dict[int, LabelledPixels],
    named: dict[int, str | None],
    first_pixel: int,
) -> dict[int, int]:
    """By place of an object in the XML file, the value of its pixels: its number, as published,
    where that fits; of the others, what overlaps best."""
    overlaps = {
        (place, value): _box_iou(item.box(first_pixel), shape.box)
        for place, item in enumerate(objects)
        for value, shape in shapes.items()
        if named.get(value) in (None, item.name)
    }
    fitting = sorted(
        (pair for pair, overlap in overlaps.items() if overlap >= _SAME),
        key=lambda pair: (pair[1] != pair[0] + 1, -overlaps[pair]),
    )
    found: dict[int, int] = {}
    for place, value in fitting:
        if place not in found and value not in found.values():
            found[place] = value
    return found


def _box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    union = one[2] * one[3] + other[2] * other[3] - shared
    return shared / union if union > 0 else 0.0


def _commonest(
    values: Int64[np.ndarray, "H W"], classes: Int64[np.ndarray, "H W"], item: LabelledPixels
) -> int:
    """The class value of most pixels of an object, void aside."""
    x, y, width, height = item.box
    window = slice(y, y + height), slice(x, x + width)
    found, counts = np.unique(classes[window][values[window] == item.value], return_counts=True)
    counts[found == VOID] = 0
    return int(found[counts.argmax()])


VOC = LabelFormat(
    "voc",
    "PASCAL VOC (Annotations/*.xml, SegmentationObject/*.png)",
    "PASCAL VOC, LabelImg, CVAT, Roboflow",
    recognise,
    read,
)
