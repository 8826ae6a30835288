"""CVAT's own XML, version 1.1: of images, and of videos whose frames are images."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.instances import Size
from fiftyone_ntt.coco.json_files import as_number, as_whole_number, is_text
from fiftyone_ntt.core.foreign_masks import MOST_PIXELS, MOST_SIDE, UnreadableMask, polygons_rle
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.core.rle import RLE, encode_crop
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.formats.glance import files_ending, head
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.labelled_images import LabelledImage, LabelledObject, numbered_parts
from fiftyone_ntt.formats.one_file import images_beside, only_file
from fiftyone_ntt.formats.outlines import rectangle_corners
from fiftyone_ntt.formats.xml_elements import xml_elements

_ROOT = "annotations"
_SHAPES = ("polygon", "box", "ellipse", "mask")
_LOST = {
    "polyline": "polylines",
    "points": "points",
    "cuboid": "cuboids",
    "skeleton": "skeletons",
    "tag": "tags of whole images",
}
_FRAME = re.compile(r"frame_(\d+)$")
_MOST_FILES = 50
"""Of a folder that are looked into."""
_FAR = 4
"""How many image sides away the numbers of an ellipse may be."""


def _recognise(path: Path) -> str | None:
    found = _xml_files(path)
    return f"{found[0].name} holds CVAT's <{_ROOT}> of images or tracks" if found else None


def _read(path: Path, options: ReadOptions) -> LabelFiles:
    way = "Pass the annotations.xml of an export as 'CVAT for images 1.1'."
    file = only_file(path, _xml_files(path), "XML files of CVAT's", way)
    folder = options.images or images_beside(file)
    survey = _survey(file)
    if survey.tracks:
        _frame_names(file, folder, survey)  # says at once if the frames are not there

    def parts(findings: Findings) -> Iterable[Content]:
        found = _tracked_images if survey.tracks else _images
        return numbered_parts(found(file, folder, survey, findings), survey.classes)

    return LabelFiles(
        CVAT.name, _recognise(path) or "", folder, survey.classes, parts, survey.lost()
    )


CVAT = LabelFormat("cvat", "CVAT for images 1.1, CVAT for video 1.1", "CVAT", _recognise, _read)
"""The XML that CVAT keeps its own labels in."""


def _xml_files(path: Path) -> list[Path]:
    """The files of CVAT's that may be meant by a file or a folder."""
    if not path.is_dir():
        return [path] if _is_cvat(path) else []
    named = path / "annotations.xml"
    return (
        [named]
        if _is_cvat(named)
        else list(filter(_is_cvat, files_ending(path, ".xml")[:_MOST_FILES]))
    )


def _is_cvat(path: Path) -> bool:
    text = head(path)
    return f"<{_ROOT}" in text and any(mark in text for mark in ("<image ", "<track ", "<meta>"))


@dataclass
class _Survey:
    """What a whole file says before its labels are read.

    Attributes:
        names: of classes, in the order of the file's head, then as they occur.
        types: of attributes, by class and name: "number", "checkbox" and others.
        tracks: whether it is the format of videos.
        size: height and width of a video's frames.
        length: how many frames there are.
        counts: of shapes that cannot be kept.
        between: places of tracks that the file leaves to be worked out.
    """

    names: dict[str, None] = field(default_factory=dict)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    tracks: bool = False
    size: Size | None = None
    length: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    between: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.names)

    def lost(self) -> tuple[str, ...]:
        lines = [f"{_LOST[name]}: {count}" for name, count in self.counts.items()]
        if self.between:
            lines.append(f"places of tracks between keyframes, not in the file: {self.between}")
        return tuple(lines)


def _survey(file: Path) -> _Survey:
    survey = _Survey()
    images = False
    for element in xml_elements(file, _ROOT):
        if element.tag == "meta":
            _survey_meta(element, survey)
        images |= element.tag == "image"
        if element.tag in ("image", "track"):
            survey.tracks |= element.tag == "track"
            survey.counts.update(child.tag for child in element if child.tag in _LOST)
            shapes = [child for child in element if child.tag in _SHAPES]
            for owner in shapes if element.tag == "image" else [element]:
                if is_text(name := owner.get("label")):
                    survey.names.setdefault(f"{name}")
            if element.tag == "track":
                survey.between += _unlisted(shapes)
    if images and survey.tracks:
        raise InputError(f"{file} holds images and tracks, which CVAT never does. Export it again.")
    return survey


def _survey_meta(meta: Element, survey: _Survey) -> None:
    for label in meta.iterfind(".//labels/label"):
        name = label.findtext("name")
        if not is_text(name) or label.find("parent") is not None:  # a joint of a skeleton
            continue
        assert name is not None
        survey.names.setdefault(name)
        for attribute in label.iterfind("attributes/attribute"):
            key = name, attribute.findtext("name") or ""
            survey.types[key] = attribute.findtext("input_type") or ""
    sides = [as_whole_number(meta.findtext(f".//original_size/{side}")) for side in _SIDES]
    if sides[0] and sides[1]:
        survey.size = sides[0], sides[1]
    survey.length = as_whole_number(meta.findtext(".//size"))


_SIDES = ("height", "width")


def _unlisted(shapes: list[Element]) -> int:
    """Frames in which a track is shown that the file does not list."""
    listed = sorted(
        (frame, shape.get("outside") == "1")
        for shape in shapes
        if (frame := as_whole_number(shape.get("frame"))) is not None
    )
    pairs = itertools.pairwise(listed)
    return sum(max(0, late - early - 1) for (early, outside), (late, _) in pairs if not outside)


def _images(
    file: Path, folder: Path, survey: _Survey, findings: Findings
) -> Iterator[LabelledImage]:
    for element in xml_elements(file, _ROOT):
        if element.tag != "image":
            continue
        try:
            name, size = _image_name(file, element, folder), _image_size(file, element)
        except RecordError as error:
            findings.leave_out(error)
            continue
        where = f"{file}: image {name}"
        pairs = [(shape, _attributes(shape, survey)) for shape in element]
        yield LabelledImage(name, size, _objects(where, pairs, size, findings))


def _image_name(file: Path, element: Element, folder: Path) -> str:
    name, part = element.get("name"), element.get("subset")
    if not is_text(name):
        raise RecordError("malformed entry", f"{file}: an <image> has no name. Complete it.")
    assert name is not None
    if is_text(part) and (folder / f"{part}" / name).is_file():
        return f"{part}/{name}"
    return name


def _image_size(file: Path, element: Element) -> Size:
    sides = [as_whole_number(element.get(side)) for side in _SIDES]
    height, width = sides
    if not height or not width or not _possible(height, width):
        raise RecordError(
            "image size",
            f"{file}: image {element.get('name')} states {shown(element.get('width'))} x "
            f"{shown(element.get('height'))} px, which no image has. Correct it.",
        )
    return height, width


def _possible(height: int, width: int) -> bool:
    sides = min(height, width) > 0 and max(height, width) <= MOST_SIDE
    return sides and height * width < MOST_PIXELS


def _tracked_images(
    file: Path, folder: Path, survey: _Survey, findings: Findings
) -> Iterator[LabelledImage]:
    """Frames in order, with what the tracks show there."""
    names = _frame_names(file, folder, survey)
    shown_at: dict[int, list[tuple[Element, Record]]] = defaultdict(list)
    for track in xml_elements(file, _ROOT):
        if track.tag != "track":
            continue
        for shape in track:
            frame = as_whole_number(shape.get("frame"))
            if shape.tag not in _SHAPES or shape.get("outside") == "1":
                continue
            if frame not in names:
                findings.leave_out(
                    RecordError(
                        "missing image",
                        f"{file}: track {track.get('id')} is shown in frame "
                        f"{shape.get('frame')}, of which {folder} has no image.",
                    )
                )
                continue
            for key in ("label", "group_id", "source"):  # the track's, whatever the shape says
                shape.attrib.pop(key, None)
                shape.attrib.update({key: value} if (value := track.get(key)) is not None else {})
            kept = {
                "track_id": as_whole_number(track.get("id")),
                "keyframe": shape.get("keyframe") == "1",
                **_attributes(shape, survey),
            }
            assert frame is not None
            shown_at[frame].append((shape, kept))
    for frame, name in names.items():
        where = f"{file}: frame {frame}"
        assert survey.size is not None
        yield LabelledImage(
            name, survey.size, _objects(where, shown_at.pop(frame, []), survey.size, findings)
        )


def _frame_names(file: Path, folder: Path, survey: _Survey) -> dict[int, str]:
    """Names of images by number of the frame: by CVAT's own names, or in order where there is one
    for every frame.

    Raises:
        InputError: they are not there, or the file does not say how large they are.
    """
    try:
        found = sorted(
            name for name in os.listdir(folder) if Path(name).suffix.lower() in IMAGE_ENDS
        )
    except OSError:
        found = []
    numbered = {int(match[1]): name for name in found if (match := _FRAME.search(Path(name).stem))}
    if not numbered and found and len(found) == survey.length:
        numbered = dict(enumerate(found))
    if not numbered or survey.size is None or not _possible(*survey.size):
        raise InputError(
            f"{file} holds the tracks of a video: it numbers frames and names no images, and "
            f"{folder} has none that are named frame_000000.png and so on. Save the frames so "
            "(ffmpeg -i VIDEO -start_number 0 frame_%06d.png) and pass their folder as images; or "
            "export from CVAT as 'CVAT for images 1.1'."
        )
    return dict(sorted(numbered.items()))


def _attributes(shape: Element, survey: _Survey) -> Record:
    """What CVAT keeps of a shape besides where it lies, each in its type."""
    kept: Record = {"occluded": shape.get("occluded") == "1"}
    for key in ("z_order", "group_id"):
        if (number := as_whole_number(shape.get(key))) is not None:
            kept[key] = number
    if is_text(shape.get("source")):
        kept["source"] = shape.get("source")
    rotation = as_number(shape.get("rotation"))
    if rotation:
        kept["rotation"] = rotation
    for attribute in shape.iterfind("attribute"):
        name, text = attribute.get("name"), attribute.text or ""
        value = _typed(text, survey.types.get((shape.get("label") or "", name or ""), ""))
        if is_text(name) and value is not None:
            assert name is not None
            kept[name] = value
    return kept


def _typed(text: str, kind: str) -> Any:
    if kind == "number":
        return as_number(text)
    if kind == "checkbox" and text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    return text if is_text(text) else None


def _objects(
    where: str, shapes: Iterable[tuple[Element, Record]], size: Size, findings: Findings
) -> list[LabelledObject]:
    """Shapes as objects; those of one group and class are one, as in CVAT's own COCO export."""
    found: list[LabelledObject] = []
    places: dict[tuple[str, int], int] = {}
    for shape, kept in shapes:
        if shape.tag not in _SHAPES:
            continue
        try:
            item = _object(where, shape, kept, size)
            group = kept.get("group_id")
            key = item.label, group if isinstance(group, int) else 0
            if key[1] and item.segmentation is not None and key in places:
                known = found[places[key]]
                found[places[key]] = replace(
                    known, segmentation=_joined(known.segmentation, item.segmentation, size)
                )
                continue
            if item.segmentation is not None:
                places[key] = len(found)
            found.append(item)
        except UnreadableMask as error:
            findings.leave_out(
                RecordError(
                    "unreadable segmentation",
                    f"{where}: a <{shape.tag}> of {shown(shape.get('label'))} cannot be read: "
                    f"{error}. Correct or remove it.",
                )
            )
        except RecordError as error:
            findings.leave_out(error)
    return found


def _object(where: str, shape: Element, kept: Record, size: Size) -> LabelledObject:
    label = shape.get("label")
    if not is_text(label):
        raise RecordError(
            "unknown category", f"{where}: a <{shape.tag}> has no label. Give it one, or remove it."
        )
    assert label is not None
    if shape.tag == "polygon":
        return LabelledObject(label, [_points(shape)], None, kept)
    if shape.tag == "mask":
        return LabelledObject(label, _mask(shape, size), None, kept)
    if shape.tag == "ellipse":
        return LabelledObject(label, _ellipse(shape, size), None, kept)
    left, top, right, bottom = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
    width, height = right - left, bottom - top
    if "rotation" not in kept or not kept["rotation"]:
        return LabelledObject(label, None, [left, top, width, height], kept)
    turn = _numbers(shape, "rotation")[0]
    corners = rectangle_corners(left, top, width, height, turn, about_centre=True)
    return LabelledObject(label, [corners], None, kept)


def _joined(one: Any, other: Any, size: Size) -> Any:
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    drawn = [polygons_rle(part, size) if isinstance(part, list) else part for part in (one, other)]
    return coco_mask.merge(drawn)


def _numbers(shape: Element, *names: str) -> list[float]:
    found = [as_number(shape.get(name)) for name in names]
    numbers = [float(number) for number in found if number is not None]
    if len(numbers) < len(names):
        missing = names[found.index(None)]
        raise UnreadableMask(f"its {missing} is {shown(shape.get(missing))}, not a number")
    return numbers


def _points(shape: Element) -> list[float]:
    text = (shape.get("points") or "").replace(";", ",")
    try:
        return [float(number) for number in text.split(",")]
    except ValueError as error:
        raise UnreadableMask(f"its points are no numbers: {error}") from error


def _mask(shape: Element, size: Size) -> RLE:
    """Runs of off and on in turn, row by row, in a window of the image."""
    left, top, width, height = (int(number) for number in _numbers(shape, *_WINDOW))
    if min(left, top) < 0 or min(width, height) < 1:
        raise UnreadableMask("its window is not in the image")
    if left + width > size[1] or top + height > size[0]:
        raise UnreadableMask(f"its window reaches out of the image of {size[1]} x {size[0]} px")
    try:
        runs = np.array([int(run) for run in (shape.get("rle") or "").split(",")], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise UnreadableMask(f"its rle is no list of whole numbers: {error}") from error
    if runs.min(initial=0) < 0 or runs.max(initial=0) > width * height:
        raise UnreadableMask("one of its runs is negative, or longer than its window")
    if int(runs.sum()) != width * height:
        raise UnreadableMask(f"its runs cover {int(runs.sum())} of {height} x {width} px")
    crop = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return encode_crop(crop, (top, left), size)


_WINDOW = ("left", "top", "width", "height")


def _ellipse(shape: Element, size: Size) -> RLE:
    """As CVAT turns one into a mask: by OpenCV, at whole pixels."""
    x, y, across, down = _numbers(shape, "cx", "cy", "rx", "ry")
    if max(abs(x), abs(y), abs(across), abs(down)) > _FAR * max(size):
        raise UnreadableMask(f"it lies far from its image of {size[1]} x {size[0]} px")
    turn = _numbers(shape, "rotation")[0] if shape.get("rotation") else 0.0
    drawn = np.zeros(size, dtype=np.uint8)
    axes = abs(round(across)), abs(round(down))
    cv2.ellipse(drawn, (round(x), round(y)), axes, turn, 0, 360, 1, thickness=-1)
    rle: RLE = coco_mask.encode(np.asfortranarray(drawn))
    return rle
