"""PASCAL VOC folders: boxes in XML, one file per image, and label images of objects and classes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Int64

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_flag, as_number, as_whole_number
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.glance import files_ending, head, names_in
from fiftyone_ntt.formats.image_lookup import ImagesByStem
from fiftyone_ntt.formats.label_files import PART_SIZE, Content, LabelFiles, LabelFormat
from fiftyone_ntt.formats.label_images import (
    LabelledPixels,
    coloured,
    pixels_by_value,
    read_colours,
    read_values,
)
from fiftyone_ntt.formats.xml_files import UnreadableXML, read_xml

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""The published ones; the label images number them from 1 in this order."""
VOID = 255
"""In label images: pixels around objects, which are nobody's."""

_ANNOTATIONS, _IMAGES = "Annotations", "JPEGImages"
_OBJECTS, _CLASS_IMAGES = "SegmentationObject", "SegmentationClass"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = ("truncated", "difficult", "occluded")
_NO_ATTRIBUTES = ("name", "bndbox", "part", "polygon", "attributes")
_FIRST_PIXEL = 1
_SAME = 0.5
"""IoU of an object's box and its pixels' box from which they are taken as of one object."""

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class VocObject:
    """An object of an XML file.

    Attributes:
        name: of its class.
        corners: left, top, right, bottom as the file has them: of its first and its last pixel.
        attributes: what else the file says of it, such as `difficult` and `pose`.
        unread: outlines and parts of it, such as heads, that are not read.
    """

    name: str
    corners: Corners
    attributes: Record
    unread: tuple[str, ...] = ()

    def box(self, first_pixel: int = _FIRST_PIXEL) -> list[float]:
        """x, y, width, height in pixels, from the left edge of the first to the right edge of the
        last pixel.

        Args:
            first_pixel: number of an image's first; in files that begin with 0, the right and
                bottom are edges already.
        """
        left, top, right, bottom = self.corners
        return [
            left - first_pixel,
            top - first_pixel,
            right - left + first_pixel,
            bottom - top + first_pixel,
        ]


@dataclass(frozen=True)
class VocImage:
    """What an XML file says.

    Attributes:
        file_name: of the image; empty where it says none.
        width: of the image in pixels; None where it says none.
        height: likewise.
        objects: in order.
    """

    file_name: str
    width: int | None
    height: int | None
    objects: tuple[VocObject, ...]


def read_voc_image(path: Path) -> VocImage:
    """What an XML file says of an image.

    Raises:
        ValueError: it is not as published; the message is the reason.
        OSError: it cannot be read.

    Example:
        >>> _ = Path("few.xml").write_text("<annotation><filename>a.jpg</filename></annotation>")
        >>> read_voc_image(Path("few.xml")).file_name
        'a.jpg'
    """
    root = read_xml(path)
    if root.tag != "annotation":
        raise UnreadableXML(f"its root is <{root.tag}>, not <annotation>")
    width, height = (as_whole_number(root.findtext(f"size/{side}")) for side in ("width", "height"))
    objects = tuple(_read_object(node) for node in root.findall("object"))
    return VocImage(
        (root.findtext("filename") or "").strip(), width or None, height or None, objects
    )


def _read_object(node: ElementTree.Element) -> VocObject:
    left, top, right, bottom = (_corner(node, side) for side in _SIDES)
    attributes: Record = {}
    for child in node:
        text = (child.text or "").strip()
        if child.tag not in _NO_ATTRIBUTES and not len(child) and text:
            attributes[child.tag] = _value(child.tag, text)
    for pair in node.findall("attributes/attribute"):  # Datumaro's, and so CVAT's
        if name := (pair.findtext("name") or "").strip():
            attributes[name] = _value(name, (pair.findtext("value") or "").strip())
    unread = tuple(tag for tag in ("part", "polygon") if node.find(tag) is not None)
    return VocObject(_text(node, "name").strip(), (left, top, right, bottom), attributes, unread)


def _value(name: str, text: str) -> bool | float | int | str:
    flag = as_flag(text) if name in _FLAGS or text.lower() in ("true", "false") else None
    number = as_number(text) if flag is None else None
    return flag if flag is not None else text if number is None else number


def _corner(node: ElementTree.Element, side: str) -> float:
    text = _text(node, f"bndbox/{side}")
    number = as_number(text.strip())
    if number is None:
        raise UnreadableXML(f"its {side} is {text!r}, no number")
    return float(number)


def _text(node: ElementTree.Element, path: str) -> str:
    found = node.findtext(path)
    if not found:
        raise UnreadableXML(f"an object has no {path}")
    return found


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
        return own if own.is_dir() else self.root

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
        for folder in (root / _ANNOTATIONS, root):
            first = files_ending(folder, ".xml")[:1]
            if first and _is_voc_xml(first[0]):
                where = _ANNOTATIONS if folder != root else "it"
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


def read(path: Path, images: Path | None) -> LabelFiles:
    """A folder of VOC, see `LabelFormat.read`.

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
    layouts = [_Layout(root, images or _image_folder(root)) for root in roots]
    survey = _survey(layouts, only)
    folder = images or (path if path.is_dir() else layouts[0].images)
    reader = _Reader(layouts, folder, survey, only)
    return LabelFiles("voc", why, folder, survey.classes, reader.parts, survey.lost)


def _image_folder(root: Path) -> Path:
    """`JPEGImages`, `images`, or where the XML files are."""
    beside = root.parent if root.name == _ANNOTATIONS else root
    for name in (_IMAGES, "images"):
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
    first_pixel: int = _FIRST_PIXEL
    numbers: dict[int, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()


def _survey(layouts: Sequence[_Layout], only: str | None) -> _Survey:
    names: set[str] = set()
    unread: dict[str, int] = {}
    first_pixel = _FIRST_PIXEL
    listed = {number: name for layout in layouts for number, name in _class_list(layout.root)}
    segmented = False
    for layout in layouts:
        segmented = segmented or (layout.root / _OBJECTS).is_dir()
        for name in [f"{only}.xml"] if only else _listed(layout.annotations, ".xml"):
            try:
                found = read_voc_image(layout.annotations / name).objects
            except (ValueError, OSError):
                continue  # said when it is read for good
            names |= {item.name for item in found}
            for tag in (tag for item in found for tag in item.unread):
                unread[tag] = unread.get(tag, 0) + 1
            if any(min(item.corners[:2]) < _FIRST_PIXEL for item in found):
                first_pixel = 0
    published = not listed and names <= set(CLASSES)
    numbers = listed or (dict(enumerate(CLASSES, start=1)) if published else {})
    order = list(numbers.values()) if numbers else sorted(names)
    classes = (*order, *sorted(names - set(order)))
    lost = [f"<{tag}> of {count} objects in the XML files" for tag, count in unread.items()]
    if not first_pixel:
        lost.append("nothing, but some box begins at 0, so pixels are counted from 0, not from 1")
    if segmented:
        lost.append("void pixels (255) of the label images, which are part of no object")
    return _Survey(classes, first_pixel, numbers, tuple(lost))


def _class_list(root: Path) -> Iterator[tuple[int, str]]:
    """Values and names of CVAT's `labelmap.txt` (name:red,green,blue:parts:actions), if any."""
    for line in head(root / "labelmap.txt").splitlines():
        name, _, rest = line.strip().partition(":")
        colour = [as_whole_number(part) for part in rest.split(":")[0].split(",")]
        if not name or name.startswith("#") or len(colour) != 3:
            continue
        packed = _packed(tuple(part or 0 for part in colour))
        if packed:  # black is the background
            yield _COLOUR_BASE + packed, name


_COLOUR_BASE = 256
"""Classes by their own colours come after the 256 that an index can have."""


def _packed(colour: tuple[int, ...]) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


@dataclass(frozen=True)
class _Reader:
    """Reads images one by one; see `LabelFiles.parts`."""

    layouts: Sequence[_Layout]
    folder: Path
    survey: _Survey
    only: str | None

    def parts(self, findings: Findings) -> Iterator[Content]:
        """The content, of a number of images at a time."""
        categories = [
            {"id": key, "name": name} for key, name in enumerate(self.survey.classes, start=1)
        ]
        images: list[Record] = []
        rows: list[Record] = []
        image_count = row_count = 0
        for layout, stem, names in self._images():
            try:
                image, found = self._read(layout, stem, names, findings)
            except RecordError as error:
                findings.leave_out(error)
                continue
            image_count += 1
            images.append({"id": image_count, **image})
            for row in found:
                row_count += 1
                rows.append({"id": row_count, "image_id": image_count, "iscrowd": 0, **row})
            if len(images) == PART_SIZE:
                yield {"images": images, "categories": categories, "annotations": rows}
                images, rows = [], []
        if images or not image_count:
            yield {"images": images, "categories": categories, "annotations": rows}

    def _images(self) -> Iterator[tuple[_Layout, str, list[str]]]:
        for layout in self.layouts:
            files = ImagesByStem(layout.images)
            for stem in [self.only] if self.only else layout.stems():
                yield layout, stem, files.find(stem)

    def _read(
        self, layout: _Layout, stem: str, names: list[str], findings: Findings
    ) -> tuple[Record, list[Record]]:
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
            values = _indices(path)
            class_path = layout.root / _CLASS_IMAGES / f"{stem}.png"
            classes = _class_values(class_path, self.survey) if class_path.exists() else None
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


def _indices(path: Path) -> Int64[np.ndarray, "H W"]:
    """The indices in a label image, also where a tool wrote the colours of VOC's palette."""
    if not coloured(path):
        return read_values(path)
    packed = _packed_colours(path)
    places = np.searchsorted(_palette()[0], packed).clip(max=VOID)
    if not (_palette()[0][places] == packed).all():
        raise RecordError(
            "unreadable segmentation",
            f"label image {path} has colours that are not of PASCAL VOC's palette, so which object "
            "is which is open. Save it as a palette PNG.",
        )
    return _palette()[1][places]


def _class_values(path: Path, survey: _Survey) -> Int64[np.ndarray, "H W"]:
    """Values of `_Survey.numbers`, of colours where there is a list of those."""
    if coloured(path) and min(survey.numbers, default=0) >= _COLOUR_BASE:
        return _COLOUR_BASE + _packed_colours(path)
    return _indices(path)


def _packed_colours(path: Path) -> Int64[np.ndarray, "H W"]:
    colours = read_colours(path).astype(np.int64)
    return colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]


@cache
def _palette() -> tuple[Int64[np.ndarray, "256"], Int64[np.ndarray, "256"]]:
    """The colours of VOC's palette, packed and rising, and the index of each: bits of the index
    are spread over the channels, from the uppermost down."""
    packed = np.zeros(VOID + 1, dtype=np.int64)
    for index in range(VOID + 1):
        colour = [0, 0, 0]
        for bit in range(8):
            colour[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
        packed[index] = _packed(tuple(colour))
    order = np.argsort(packed)
    return packed[order], order.astype(np.int64)


VOC = LabelFormat(
    "voc",
    "PASCAL VOC (Annotations/*.xml, SegmentationObject/*.png)",
    "PASCAL VOC, LabelImg, CVAT, Roboflow",
    recognise,
    read,
)
