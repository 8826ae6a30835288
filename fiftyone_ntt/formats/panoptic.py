"""COCO's panoptic files: a JSON file of segments, and a PNG of their numbers for each image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_flag, as_id, as_whole_number, is_text
from fiftyone_ntt.coco.reading import read_content
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.formats.coco_files import PANOPTIC_MARKS
from fiftyone_ntt.formats.coco_parts import class_names, image_names, records_of
from fiftyone_ntt.formats.glance import files_ending, json_keys
from fiftyone_ntt.formats.image_lookup import image_folder
from fiftyone_ntt.formats.label_files import (
    PART_SIZE,
    Content,
    LabelFiles,
    LabelFormat,
    ReadOptions,
)
from fiftyone_ntt.formats.label_pixels import LabelledPixels, pixels_by_value, read_colours
from fiftyone_ntt.formats.one_file import only_file

_ANNOTATION_FOLDERS = ("", "annotations")
_BASE = 256


def recognise(path: Path) -> str | None:
    """What tells a panoptic file, or a folder with one."""
    if path.is_dir():
        found = _files_in(path)
        return f"it holds {found[0].name}, a panoptic file" if found else None
    return "its annotations have `segments_info`" if _is_panoptic(path) else None


def _is_panoptic(path: Path) -> bool:
    keys = json_keys(path)
    # Of a large file the annotations lie in the middle, and its categories at the end.
    large = "panoptic" in path.name and {"isthing", "images"} <= keys
    return bool(keys & PANOPTIC_MARKS) or large


def _files_in(folder: Path) -> list[Path]:
    return [
        path
        for name in _ANNOTATION_FOLDERS
        for path in files_ending(folder / name, ".json")
        if _is_panoptic(path)
    ]


def read(path: Path, options: ReadOptions) -> LabelFiles:
    """A panoptic file, see `LabelFormat.reader`.

    Raises:
        InputError: it cannot be read, or the folder of its PNGs is not there.
    """
    if path.is_dir():
        path = only_file(path, _files_in(path), "panoptic files")
    content = read_content(path)
    pictures = _pictures(path, content)
    stuff = sum(as_flag(r.get("isthing")) is False for r in records_of(content, "categories"))
    lost = ["pixels without a segment (void, 0)"]
    if stuff:
        lost.append(f"stuff as such: labels of {stuff} categories have isthing = False")
    return LabelFiles(
        "panoptic",
        recognise(path) or "it was said to be",
        image_folder(path, image_names(content), options.images, pictures),
        class_names(content),
        lambda findings: _parts(path, pictures, findings),
        tuple(lost),
        own_ids=True,
    )


def _pictures(path: Path, content: Content) -> Path:
    """The folder of the PNGs: named like the file, or where one of them lies."""
    some = records_of(content, "annotations", 20)
    names = [str(row["file_name"]) for row in some if is_text(row.get("file_name"))]
    near = (path.with_suffix(""), path.parent, path.parent.parent / path.stem)
    for folder in near:
        if any((folder / name).is_file() for name in names):
            return folder
    raise InputError(
        f"{path} is a panoptic file, and the PNGs it names (as {shown(next(iter(names), None))}) "
        f"are not in {near[0]}. Put them there."
    )


def _parts(path: Path, pictures: Path, findings: Findings) -> Iterator[Content]:
    content = read_content(path)
    categories = content.get("categories")
    things = {
        as_whole_number(record.get("id")): as_flag(record.get("isthing"))
        for record in records_of(content, "categories")
    }
    by_image: dict[Any, list[Record]] = defaultdict(list)
    for row in records_of(content, "annotations"):
        by_image[as_id(row.get("image_id"))].append(row)
    images = content.get("images")
    images = images if isinstance(images, list) else []
    count = 0
    for start in range(0, max(len(images), 1), PART_SIZE):
        part, rows = images[start : start + PART_SIZE], []
        for record in part:
            key = as_id(record.get("id")) if isinstance(record, dict) else None
            for annotation in by_image.pop(key, []) if key is not None else []:
                for row in _segments(path, pictures, annotation, findings):
                    count += 1
                    rows.append({**row, "id": count, "image_id": key})
        yield {"images": part, "categories": categories, "annotations": _told(rows, things)}
    for key in by_image:
        message = f"{path}: annotations are of image {shown(key)}, which the file does not list."
        findings.leave_out(RecordError("unknown image", f"{message} Add it or remove them."))


def _told(rows: list[Record], things: dict[int | None, bool | None]) -> list[Record]:
    """Segments that say whether they are things, as their categories do."""
    for row in rows:
        thing = things.get(as_whole_number(row["category_id"]))
        if thing is not None:
            row["attributes"]["isthing"] = thing
    return rows


def _segments(
    path: Path, pictures: Path, annotation: Record, findings: Findings
) -> Iterator[Record]:
    """The segments of an image as annotations without ids."""
    name = annotation.get("file_name")
    listed = annotation.get("segments_info")
    where = f"{path}: the annotation of image {shown(annotation.get('image_id'))}"
    try:
        if not is_text(name) or not isinstance(listed, list):
            raise RecordError(
                "malformed entry",
                f"{where} lacks 'file_name' or 'segments_info'. Complete the entry.",
            )
        shapes = {item.value: item for item in pixels_by_value(_numbers(pictures / str(name)))}
    except RecordError as error:
        findings.leave_out(error)
        return
    for segment in listed:
        try:
            yield _segment(f"{where}, {name}", segment, shapes)
        except RecordError as error:
            findings.leave_out(error)
    for value in shapes:
        findings.leave_out(
            RecordError(
                "unreadable segmentation",
                f"{where}: {name} has pixels of segment {value}, which 'segments_info' does not "
                "list. Add it, or make them 0.",
            )
        )


def _segment(where: str, segment: Any, shapes: dict[int, LabelledPixels]) -> Record:
    """A segment with its pixels, which are taken out of `shapes`."""
    key = as_whole_number(segment.get("id")) if isinstance(segment, dict) else None
    if key is None:
        raise RecordError(
            "malformed entry", f"{where}: a segment has no 'id': {shown(segment)}. Complete it."
        )
    pixels = shapes.pop(key, None)
    if pixels is None:
        raise RecordError(
            "empty segmentation", f"{where}: segment {key} has no pixel. Redraw or remove it."
        )
    return {
        "category_id": segment.get("category_id"),
        "iscrowd": segment.get("iscrowd", 0),
        "attributes": {"source_id": key},
        **pixels.shape(),
    }


def _numbers(path: Path) -> Int64[np.ndarray, "H W"]:
    """The numbers of segments: red, green and blue are their digits, the lowest first."""
    colours = read_colours(path).astype(np.int64)
    return colours[..., 0] + _BASE * (colours[..., 1] + _BASE * colours[..., 2])


PANOPTIC = LabelFormat(
    "panoptic",
    "COCO panoptic (JSON with segments_info, and PNG)",
    "COCO panoptic API, Detectron2, CVAT",
    recognise,
    read,
)
