"""VGG Image Annotator: regions as JSON, CSV or a whole project, of version 1, 2 and 3."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_number, is_text, read_json
from fiftyone_ntt.core.foreign_masks import UnreadableMask
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.formats.glance import files_ending, head, json_keys
from fiftyone_ntt.formats.label_files import UNNAMED, Content, LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.labelled_images import LabelledImage, LabelledObject, numbered_parts
from fiftyone_ntt.formats.one_file import images_beside, only_file
from fiftyone_ntt.formats.outlines import ellipse_corners

_CLASS_NAMES = ("label", "class", "type", "name", "category", "object", "species")
"""What people call the attribute that is the class, most often first."""
_LOST = {
    "polyline": "polylines",
    "point": "points",
    "line": "lines",
    "extreme box": "extreme boxes",
}
_CSV_HEAD = ("filename", "file_size", "file_attributes")
_SHAPES_3 = dict(
    enumerate(
        ("point", "rect", "circle", "ellipse", "line", "polyline", "polygon", "extreme box"), 1
    )
)
"""What version 3 writes for shapes: numbers."""
_CHOSEN = ("dropdown", "radio", "checkbox")
_MOST_FILES = 50
"""Of a folder that are looked into."""
_MOST_FIELD = 2**24
"""Characters of a field of a CSV file."""


def _recognise(path: Path) -> str | None:
    found = _via_files(path)
    return f"{found[0].name} holds regions of VGG Image Annotator" if found else None


def _read(path: Path, options: ReadOptions) -> LabelFiles:
    way = "Pass the file that its 'Export Annotations' gives."
    file = only_file(path, _via_files(path), "files of VGG Image Annotator's", way)
    folder = options.images or images_beside(file)
    labels = _labels_of(file, Findings("skip"))
    naming = _naming(file, labels, options)
    classes = _classes(labels, naming)

    def parts(findings: Findings) -> Iterable[Content]:
        return numbered_parts(_images(file, _labels_of(file, findings), naming, findings), classes)

    lost = _lost(labels, naming)
    return LabelFiles(VIA.name, _recognise(path) or "", folder, classes, parts, lost)


VIA = LabelFormat(
    "via",
    "VIA regions (JSON, CSV, project)",
    "VGG Image Annotator",
    _recognise,
    _read,
    frozenset({"class_name", "class_attribute"}),
)
"""What VGG Image Annotator keeps; its COCO export is a COCO file."""


def _via_files(path: Path) -> list[Path]:
    files = files_ending(path, ".json", ".csv")[:_MOST_FILES] if path.is_dir() else [path]
    return list(filter(_is_via, files))


def _is_via(path: Path) -> bool:
    if path.suffix.lower() == ".csv":
        first = head(path, 200).lstrip("#").splitlines()[:1]
        return bool(first) and first[0].replace('"', "").startswith(",".join(_CSV_HEAD))
    keys = json_keys(path)
    plain = {"filename", "regions"} <= keys and bool({"size", "file_attributes"} & keys)
    third = {"project", "metadata", "view"} <= keys or {"project", "attribute", "file"} <= keys
    return "_via_img_metadata" in keys or plain or third


@dataclass(frozen=True, eq=False)
class _Shape:
    """A shape by version 2's names, and what is said of it."""

    place: Record
    attributes: Record

    @property
    def kind(self) -> str:
        """What is drawn, such as "polygon"."""
        return f"{self.place.get('name') or 'nothing'}"


@dataclass
class _Labels:
    """What a file holds, of whatever version.

    Attributes:
        images: shapes by the name of the image's file.
        options: values of the attributes that offer a choice, in order, by name.
        about_images: attributes of whole images that have a value.
    """

    images: dict[str, list[_Shape]] = field(default_factory=dict)
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    about_images: int = 0

    @property
    def shapes(self) -> Iterator[_Shape]:
        for shapes in self.images.values():
            yield from shapes


def _labels_of(file: Path, findings: Findings) -> _Labels:
    if file.suffix.lower() == ".csv":
        return _of_rows(file, findings)
    content = read_json(file, "file of VGG Image Annotator")
    if not isinstance(content, dict):
        raise InputError(f"{file} holds a JSON {type(content).__name__}, not an object of images.")
    if "project" in content and "view" in content:
        return _of_version_3(content)
    found = _Labels(options=_options(content))
    listed = content.get("_via_img_metadata", content)
    for key, given in (listed if isinstance(listed, dict) else {}).items():
        name = given.get("filename") if isinstance(given, dict) else None
        if not is_text(name):
            findings.leave_out(
                RecordError("malformed entry", f"{file}: {shown(key)} has no 'filename'.")
            )
            continue
        regions = given.get("regions") or []
        rows = list(regions.values()) if isinstance(regions, dict) else regions
        found.images.setdefault(f"{name}", []).extend(_shape(row) for row in _records(rows))
        found.about_images += _valued(given.get("file_attributes"))
    return found


def _shape(row: Record) -> _Shape:
    place, attributes = row.get("shape_attributes"), row.get("region_attributes")
    return _Shape(
        place if isinstance(place, dict) else {}, attributes if isinstance(attributes, dict) else {}
    )


def _records(rows: Any) -> list[Record]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _valued(attributes: Any) -> int:
    return sum(bool(value) for value in attributes.values()) if isinstance(attributes, dict) else 0


def _options(content: Record) -> dict[str, tuple[str, ...]]:
    """Of a project of version 2."""
    attributes = content.get("_via_attributes")
    given = attributes.get("region") if isinstance(attributes, dict) else None
    return {
        name: tuple(definition["options"])
        for name, definition in (given if isinstance(given, dict) else {}).items()
        if isinstance(definition, dict)
        and definition.get("type") in _CHOSEN
        and isinstance(definition.get("options"), dict)
    }


def _of_rows(file: Path, findings: Findings) -> _Labels:
    """Of a CSV file, of which every row is a shape, or an image that has none."""
    found = _Labels()
    limit = csv.field_size_limit(_MOST_FIELD)
    try:
        require_regular_file(file)
        with file.open(encoding="utf-8-sig", newline="") as lines:
            names = [name.lstrip("#").strip() for name in next(csv.reader(lines), [])]
            for number, row in enumerate(csv.DictReader(lines, names), 2):
                _add_row(file, number, row, found, findings)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{file} is no CSV file of VGG Image Annotator: {error}.") from error
    finally:
        csv.field_size_limit(limit)
    return found


def _add_row(file: Path, number: int, row: Record, found: _Labels, findings: Findings) -> None:
    name = row.get("filename")
    try:
        place, attributes, own = (
            json.loads(row.get(f"{key}_attributes") or "{}")
            for key in ("region_shape", "region", "file")
        )
    except (ValueError, RecursionError):
        place = attributes = own = None
    if not is_text(name) or not all(isinstance(part, dict) for part in (place, attributes, own)):
        error = RecordError(
            "malformed entry",
            f"{file}: row {number} does not name an image, a shape and attributes.",
        )
        findings.leave_out(error)
        return
    shapes = found.images.setdefault(f"{name}", [])
    if place:
        shapes.append(_Shape(place, attributes))
    found.about_images += _valued(own)


def _of_version_3(content: Record) -> _Labels:
    files, views, definitions = (
        given if isinstance(given := content.get(key), dict) else {}
        for key in ("file", "view", "attribute")
    )
    found, names, choices = _Labels(), {}, {}
    for key, definition in definitions.items():
        if isinstance(definition, dict) and is_text(definition.get("aname")):
            names[key] = definition["aname"]
            options = definition.get("options")
            if isinstance(options, dict) and options:
                choices[key] = {choice: f"{value}" for choice, value in options.items()}
                found.options[names[key]] = tuple(choices[key].values())
    shown_in: dict[str, str] = {}
    for key, view in views.items():
        listed = view.get("fid_list") if isinstance(view, dict) else None
        entry = files.get(f"{listed[0]}") if isinstance(listed, list) and listed else None
        if isinstance(entry, dict) and is_text(entry.get("src") or entry.get("fname")):
            shown_in[key] = _source(entry)
            found.images.setdefault(shown_in[key], [])
    metadata = content.get("metadata")
    for row in _records(list(metadata.values()) if isinstance(metadata, dict) else []):
        name, numbers, given = shown_in.get(f"{row.get('vid')}"), row.get("xy"), row.get("av")
        values = {
            f"{names.get(key, key)}": choices.get(key, {}).get(f"{value}", value)
            for key, value in (given if isinstance(given, dict) else {}).items()
        }
        if name is not None and isinstance(numbers, list) and numbers:
            found.images[name].append(_Shape(_version_2_shape(numbers), values))
        else:
            found.about_images += _valued(values)
    return found


def _source(entry: Record) -> str:
    """Where an image of version 3 is: its address, unless it was picked from a disk."""
    source, name = f"{entry.get('src') or ''}", entry.get("fname")
    given = not source.startswith(("data:", "blob:")) and is_text(source)
    return source if given or not is_text(name) else f"{name}"


def _version_2_shape(numbers: list[Any]) -> Record:
    name = _SHAPES_3.get(numbers[0] if isinstance(numbers[0], int) else 0, f"{numbers[0]}")
    values = numbers[1:]
    keys = {
        "rect": ("x", "y", "width", "height"),
        "circle": ("cx", "cy", "r"),
        "ellipse": ("cx", "cy", "rx", "ry"),
    }.get(name, ())
    if name == "polygon":
        return {"name": name, "all_points_x": values[::2], "all_points_y": values[1::2]}
    return {"name": name, **dict(zip(keys, values, strict=False))}


@dataclass(frozen=True)
class _Naming:
    """Where the class of a shape is found.

    Attributes:
        attribute: that is it; None where shapes have none.
        unnamed: the class of all shapes then.
    """

    attribute: str | None
    unnamed: str


def _naming(file: Path, labels: _Labels, options: ReadOptions) -> _Naming:
    """As somebody says it, or as the attributes suggest.

    Raises:
        InputError: several attributes may be the class, or no shape has the one that is said.
    """
    used = Counter(
        key for shape in labels.shapes for key, value in shape.attributes.items() if value
    )
    attribute = options.class_attribute
    if attribute is None:
        attribute = _class_attribute(file, labels, used)
    elif attribute not in {*used, *labels.options}:
        raise InputError(
            f"{file}: no shape has an attribute {attribute!r}, which class_attribute= "
            f"(--class-attribute) is to name. They have: {', '.join(sorted(used)) or 'none'}."
        )
    if attribute is not None and options.class_name is not None:
        raise InputError(
            f"{file}: class_name is {options.class_name!r}, but its shapes say their class in the "
            f"attribute {attribute!r}. Leave class_name= (--class-name) out."
        )
    return _Naming(attribute, options.class_name or UNNAMED)


def _class_attribute(file: Path, labels: _Labels, used: Counter[str]) -> str | None:
    """The attribute that is the class; None where shapes have none.

    Raises:
        InputError: several may be it.
    """
    by_lower = {name.lower(): name for name in (*labels.options, *used)}
    named = next((by_lower[name] for name in _CLASS_NAMES if name in by_lower), None)
    chosen = [name for name in labels.options if used[name] or not used]
    if len(chosen) == 1 or (named is not None and named in chosen):
        return named if named in chosen else chosen[0]
    if named is not None or not used:
        return named
    if len(used) == 1:
        return next(iter(used))
    raise InputError(
        f"{file}: which attribute is the class is open: {', '.join(sorted(used))}. Pass the one "
        "that is as class_attribute= (--class-attribute)."
    )


def _class_of(shape: _Shape, naming: _Naming) -> str | None:
    """A shape's class; None for one that was not given any. Of boxes to tick, the first ticked."""
    if naming.attribute is None:
        return naming.unnamed
    value = shape.attributes.get(naming.attribute)
    if isinstance(value, dict):
        value = next((name for name, ticked in value.items() if ticked), None)
    text = f"{value}".strip() if value is not None else ""
    return text if is_text(text) else None


def _classes(labels: _Labels, naming: _Naming) -> tuple[str, ...]:
    """Options as the project lists them, then others as they occur."""
    names = dict.fromkeys(
        name for name in labels.options.get(naming.attribute or "", ()) if is_text(name)
    )
    for shape in labels.shapes:
        if shape.kind not in _LOST and (name := _class_of(shape, naming)):
            names.setdefault(name)
    return tuple(names)


def _lost(labels: _Labels, naming: _Naming) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for shape in labels.shapes:
        if shape.kind in _LOST:
            counts[_LOST[shape.kind]] += 1
        elif _class_of(shape, naming) is None:
            counts[f"shapes without a value of {naming.attribute!r}, which is the class"] += 1
        elif naming.attribute is None:
            counts[
                f"names of classes: no shape has an attribute, so all are {naming.unnamed!r}"
            ] += 1
    if labels.about_images:
        counts["attributes of whole images"] = labels.about_images
    return tuple(f"{what}: {count}" for what, count in counts.items())


def _images(
    file: Path, labels: _Labels, naming: _Naming, findings: Findings
) -> Iterator[LabelledImage]:
    for name, shapes in labels.images.items():
        objects = []
        for number, shape in enumerate(shapes):
            label = _class_of(shape, naming)
            if label is None or shape.kind in _LOST:
                continue
            try:
                objects.append(_object(shape, label, naming.attribute))
            except UnreadableMask as error:
                findings.leave_out(
                    RecordError(
                        "unreadable segmentation",
                        f"{file}: shape {number} of {name} cannot be read: {error}. Correct or "
                        "remove it.",
                    )
                )
        yield LabelledImage(name, None, objects)


def _object(shape: _Shape, label: str, attribute: str | None) -> LabelledObject:
    place, kind = shape.place, shape.kind
    kept = {key: value for key, value in shape.attributes.items() if key != attribute}
    if kind == "polygon":
        return LabelledObject(label, [_polygon(place)], None, kept)
    if kind == "rect":
        return LabelledObject(label, None, _numbers(place, "x", "y", "width", "height"), kept)
    if kind == "circle":
        x, y, radius = _numbers(place, "cx", "cy", "r")
        return LabelledObject(label, [ellipse_corners(x, y, radius, radius, 0)], None, kept)
    if kind == "ellipse":
        x, y, across, down = _numbers(place, "cx", "cy", "rx", "ry")
        turn = _numbers(place, "theta")[0] if place.get("theta") is not None else 0.0
        corners = ellipse_corners(x, y, across, down, math.degrees(turn))
        return LabelledObject(label, [corners], None, kept)
    raise UnreadableMask(f"it is {shown(kind)}, which no version of the tool draws")


def _polygon(place: Record) -> list[float]:
    columns, rows = place.get("all_points_x"), place.get("all_points_y")
    if not isinstance(columns, list) or not isinstance(rows, list) or len(columns) != len(rows):
        raise UnreadableMask("all_points_x and all_points_y are no lists of one length")
    try:
        corners = np.asarray([columns, rows], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableMask(f"one of its coordinates is no number: {error}") from error
    if corners.ndim != 2:
        raise UnreadableMask("one of its coordinates is a list, not a number")
    found: list[float] = corners.T.ravel().tolist()
    return found


def _numbers(place: Record, *keys: str) -> list[float]:
    found = []
    for key in keys:
        number = as_number(place.get(key))
        if number is None:
            raise UnreadableMask(f"its {key} is {shown(place.get(key))}, not a number")
        found.append(float(number))
    return found
