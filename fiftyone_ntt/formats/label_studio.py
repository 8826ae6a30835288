"""Label Studio's JSON export: tasks with their annotations, whole or short (JSON-MIN)."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.instances import Size
from fiftyone_ntt.coco.json_files import as_number, as_whole_number, is_text
from fiftyone_ntt.coco.json_items import json_items
from fiftyone_ntt.core.foreign_masks import MOST_PIXELS, MOST_SIDE, UnreadableMask, polygons_rle
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.core.images import image_size
from fiftyone_ntt.core.rle import encode_masks
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.formats.brush_runs import brush_mask
from fiftyone_ntt.formats.glance import files_ending, head, json_keys
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.labelled_images import LabelledImage, LabelledObject, numbered_parts
from fiftyone_ntt.formats.one_file import images_beside, only_file
from fiftyone_ntt.formats.outlines import ellipse_corners, rectangle_corners

_LABELS = ("polygonlabels", "brushlabels", "rectanglelabels", "ellipselabels", "labels")
_DRAWN = ("points", "rle", "radiusX", "width")
_LOST = {
    "keypointlabels": "key points",
    "vectorlabels": "vectors",
    "relation": "relations",
    "videorectangle": "boxes in videos",
    "bitmask": "bitmasks",
    "bitmasklabels": "bitmasks",
}
_ANSWERS = ("choices", "text", "rating", "number", "taxonomy", "datetime")
"""What is asked of one object besides its class."""
_HASHED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of an uploaded file."""
_WHOLE_TURN = 360
_MOST_FILES = 50
"""Of a folder that are looked into."""


def _recognise(path: Path) -> str | None:
    found = _json_files(path)
    return f"{found[0].name} lists tasks of Label Studio" if found else None


def _read(path: Path, options: ReadOptions) -> LabelFiles:
    way = "Pass the file that its Export as 'JSON' gives."
    file = only_file(path, _json_files(path), "JSON exports of Label Studio's", way)
    folder = options.images or images_beside(file)
    survey = _Survey()
    for task in _tasks(file, Findings("skip")):
        survey.look_at(task)

    def parts(findings: Findings) -> Iterator[Content]:
        names = _FolderNames(folder)
        found = (
            image
            for task in _tasks(file, findings)
            if (image := _labelled_image(file, task, names, findings)) is not None
        )
        return numbered_parts(found, survey.classes)

    return LabelFiles(
        LABEL_STUDIO.name, _recognise(path) or "", folder, survey.classes, parts, survey.lost()
    )


LABEL_STUDIO = LabelFormat(
    "label-studio", "Label Studio JSON, JSON-MIN", "Label Studio", _recognise, _read
)
"""What Label Studio exports with all that it knows."""


def _json_files(path: Path) -> list[Path]:
    files = files_ending(path, ".json")[:_MOST_FILES] if path.is_dir() else [path]
    return list(filter(_is_label_studio, files))


def _is_label_studio(path: Path) -> bool:
    if head(path).lstrip()[:1] != "[":
        return False
    keys = json_keys(path)
    whole = bool({"annotations", "completions", "predictions"} & keys) and bool(
        {"result", "data", "was_cancelled"} & keys
    )
    return whole or ("original_width" in keys and bool(set(_LABELS) & keys))


@dataclass(frozen=True, eq=False)
class _Task:
    """One image with the labels that are taken of it.

    Attributes:
        name: the task's number, for messages.
        data: what it was made of: addresses by name.
        results: of the annotation that is taken, or of the prediction.
        score: of the prediction.
        skipped: whether everybody skipped it.
        predicted: whether nobody annotated it.
        others: annotations and predictions that are not taken.
    """

    name: str
    data: Record
    results: list[Record]
    score: float | None = None
    skipped: bool = False
    predicted: bool = False
    others: Counter[str] = field(default_factory=Counter)


def _tasks(file: Path, findings: Findings) -> Iterator[_Task]:
    short: dict[str, Record] = {}
    for position, given in enumerate(json_items(file, "JSON export of Label Studio")):
        if not isinstance(given, dict):
            findings.leave_out(
                RecordError("malformed entry", f"{file}: task {position} is {shown(given)}.")
            )
        elif isinstance(given.get("data"), dict):
            yield _whole_task(given)
        else:  # one entry for each annotation: the latest is taken
            name = f"{given.get('id', f'at {position}')}"
            known = short.get(name)
            if known is None or _time(given) >= _time(known):
                short[name] = {**given, "others": known["others"] + 1 if known else 0}
            else:
                known["others"] += 1
    for name, given in short.items():
        yield _short_task(name, given)


def _whole_task(given: Record) -> _Task:
    name, data = f"{given.get('id')}", given["data"]
    annotations = _records(given.get("annotations") or given.get("completions"))
    valid = [row for row in annotations if not (row.get("was_cancelled") or row.get("skipped"))]
    predictions = _records(given.get("predictions"))
    others = Counter({"drafts": len(_records(given.get("drafts")))})
    if valid:
        taken = max(valid, key=lambda row: (bool(row.get("ground_truth")), _time(row)))
        others["other annotations of the same task"] = len(valid) - 1
        others["predictions of tasks that are annotated"] = len(predictions)
        return _Task(name, data, _records(taken.get("result")), others=+others)
    if annotations:
        return _Task(name, data, [], skipped=True, others=+others)
    if not predictions:
        return _Task(name, data, [], predicted=True, others=+others)
    taken = max(predictions, key=_time)
    others["older predictions of the same task"] = len(predictions) - 1
    score = as_number(taken.get("score"))
    results = _records(taken.get("result"))
    return _Task(name, data, results, score, predicted=True, others=+others)


def _short_task(name: str, given: Record) -> _Task:
    """Of JSON-MIN, which keeps the data and the lists of labels side by side."""
    results: list[Record] = []
    for key, value in given.items():
        for number, row in enumerate(_records(value)):
            sides = {side: row.get(side) for side in _ORIGINAL}
            results.append({"id": f"{key} {number}", "value": row, **sides})
    others = Counter({"other annotations of the same task": given["others"]})
    return _Task(name, given, results, others=+others)


def _records(value: Any) -> list[Record]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _time(row: Record) -> str:
    return f"{row.get('updated_at') or row.get('created_at') or ''}"


@dataclass
class _Survey:
    """What all tasks say before they are drawn."""

    names: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the alphabet, as Label Studio's own exports have them: a JSON export does
        not hold the labelling set-up."""
        return tuple(sorted(self.names))

    def look_at(self, task: _Task) -> None:
        self.counts.update(task.others)
        self.counts["skipped tasks, left out"] += task.skipped
        for rows in _by_object(task.results).values():
            value = _merged_values(rows)
            lost = {_LOST[kind] for row in rows if (kind := _kind(row)) in _LOST}
            if lost:
                self.counts.update(lost)
            elif labels := _labels(value):
                self.names.add(labels[0])
            elif any(key in value for key in _DRAWN):
                self.counts["shapes without a label"] += 1
            elif value:
                self.counts["answers about whole images"] += 1

    def lost(self) -> tuple[str, ...]:
        return tuple(f"{what}: {count}" for what, count in (+self.counts).items())


def _kind(row: Record) -> str:
    given = f"{row.get('type') or ''}".lower()
    if given in _LOST:
        return given
    value = row.get("value")
    return next((key for key in _LOST if isinstance(value, dict) and key in value), given)


def _by_object(results: Sequence[Record]) -> dict[str, list[Record]]:
    """Results of one id are of one object: its shape, its class, answers about it."""
    found: dict[str, list[Record]] = defaultdict(list)
    for number, row in enumerate(results):
        found[f"{row.get('id') or f'at {number}'}"].append(row)
    return found


def _merged_values(rows: Sequence[Record]) -> Record:
    merged: Record = {}
    for row in rows:
        value = row.get("value")
        merged.update(value if isinstance(value, dict) else {})
    return merged


def _labels(value: Record) -> list[str]:
    """The classes of an object, none of a shape that has none."""
    for key in _LABELS:
        given = value.get(key)
        names = [name for name in given if is_text(name)] if isinstance(given, list) else []
        if names:
            return names
    return []


def _labelled_image(
    file: Path, task: _Task, names: _FolderNames, findings: Findings
) -> LabelledImage | None:
    if task.skipped:
        return None
    try:
        address = _image_address(file, task)
        name = names.find(address)
        size = _stated_size(task) or names.size(name)
        objects = _objects(f"{file}: task {task.name}", task, size, findings)
        return LabelledImage(name, size, objects, task.predicted)
    except RecordError as error:
        findings.leave_out(error)
        return None


_ORIGINAL = ("original_height", "original_width")


def _stated_size(task: _Task) -> Size | None:
    for row in task.results:
        height, width = (as_whole_number(row.get(side)) for side in _ORIGINAL)
        if height and width and 0 < height <= MOST_SIDE and 0 < width <= MOST_SIDE:
            return (height, width) if height * width < MOST_PIXELS else None
    return None


def _image_address(file: Path, task: _Task) -> str:
    """The one of the task's data that is an image: by its name's end, else by its key."""
    texts = {key: value for key, value in task.data.items() if is_text(value)}
    by_end = [text for text in texts.values() if Path(_plain(text)).suffix.lower() in IMAGE_ENDS]
    by_key = [text for key, text in texts.items() if key.lower() in ("image", "img", "photo")]
    for found in (by_end, by_key):
        if found:
            return found[0]
    raise RecordError(
        "malformed entry",
        f"{file}: task {task.name} names no image. Its data are {shown(task.data)}.",
    )


def _plain(address: str) -> str:
    """The path in an address: of a served folder, of a bucket, or of the web."""
    split = urlsplit(address) if "://" in address or address.startswith("/") else None
    if split is None:
        return address
    asked = parse_qs(split.query)
    if "d" in asked:
        return asked["d"][0]
    if "fileuri" in asked:
        try:
            return _plain(base64.b64decode(asked["fileuri"][0]).decode())
        except (binascii.Error, UnicodeDecodeError):
            return address
    return unquote(split.path).lstrip("/")


@dataclass
class _FolderNames:
    """Finds images by what Label Studio calls them: uploads have eight digits before their names,
    and other characters in place of spaces."""

    folder: Path

    def find(self, address: str) -> str:
        """Its name for the finder of images: what is there, or what it should be."""
        path = _plain(address)
        steps = path.split("/")
        for start in range(len(steps)):
            if (self.folder / "/".join(steps[start:])).is_file():
                return "/".join(steps[start:])
        base = steps[-1]
        upload = "/upload/" in address
        for name in (base, _HASHED.sub("", base)) if upload else (base,):
            found = self._by_name.get(name) or (self._by_upload.get(name) if upload else None)
            if found and len(set(found)) == 1:
                return found[0]
        return path

    def size(self, name: str) -> Size:
        """Of an image whose task does not state it."""
        try:
            return image_size(self.folder / name)
        except InputError as error:
            raise RecordError("missing image", f"{error}") from error

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for parent, _, names in os.walk(self.folder):
            for name in names:
                found[name].append(os.path.relpath(Path(parent) / name, self.folder))
        return found

    @cached_property
    def _by_upload(self) -> dict[str, list[str]]:
        """By the name that an upload gives."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, paths in self._by_name.items():
            found[re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))] += paths
        return found


def _objects(where: str, task: _Task, size: Size, findings: Findings) -> list[LabelledObject]:
    """Shapes as objects; a shape that is filed under another of its class is a part of that."""
    found: dict[str, LabelledObject] = {}
    parents: dict[str, str] = {}
    for key, rows in _by_object(task.results).items():
        value = _merged_values(rows)
        labels = _labels(value)
        if not labels or any(_kind(row) in _LOST for row in rows):
            continue
        try:
            _require_unturned(where, key, rows)
            item = _object(value, size, labels[0])
            kept = _attributes(key, rows, value, labels)
            score = next(
                (s for row in rows if (s := as_number(row.get("score"))) is not None), None
            )
            score = task.score if score is None else score
            found[key] = replace(item, attributes=kept, score=score)
            parents[key] = next((f"{p}" for row in rows if (p := row.get("parentID"))), "")
        except UnreadableMask as error:
            findings.leave_out(
                RecordError(
                    "unreadable segmentation",
                    f"{where}: shape {key} of {labels[0]!r} cannot be read: {error}. Correct or "
                    "remove it.",
                )
            )
        except RecordError as error:
            findings.leave_out(error)
    return _with_parts_joined(found, parents, size)


def _with_parts_joined(
    found: dict[str, LabelledObject], parents: dict[str, str], size: Size
) -> list[LabelledObject]:
    joined = dict(found)
    for key, item in found.items():
        owner, passed = key, {key}
        while (parent := parents.get(owner)) in found and parent not in passed:
            if found[parent].label != item.label or found[parent].segmentation is None:
                break
            owner = parent
            passed.add(owner)
        if owner == key or item.segmentation is None:
            continue
        whole = joined[owner]
        joined[owner] = replace(
            whole, segmentation=_joined(whole.segmentation, item.segmentation, size)
        )
        del joined[key]
    return list(joined.values())


def _joined(one: Any, other: Any, size: Size) -> Any:
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    drawn = [polygons_rle(part, size) if isinstance(part, list) else part for part in (one, other)]
    return coco_mask.merge(drawn)


def _require_unturned(where: str, key: str, rows: Sequence[Record]) -> None:
    turns = [as_number(row.get("image_rotation") or 0) for row in rows]
    if any(turn is None or turn % _WHOLE_TURN for turn in turns):
        raise RecordError(
            "malformed entry",
            f"{where}: shape {key} was drawn while the image was turned by {shown(turns[0])} "
            "degrees, and where it lies without that is open. Turn the image back in Label Studio "
            "and export again.",
        )


def _attributes(key: str, rows: Sequence[Record], value: Record, labels: list[str]) -> Record:
    kept: Record = {"source_id": key}
    if len(labels) > 1:
        kept["labels"] = labels
    if turn := as_number(value.get("rotation")):
        kept["rotation"] = turn
    for row in rows:
        own = row.get("value")
        for answer in _ANSWERS:
            given = own.get(answer) if isinstance(own, dict) else None
            if given is not None:
                name = row.get("from_name")
                kept[f"{name}" if is_text(name) else answer] = _single(given)
        meta = row.get("meta")
        if isinstance(meta, dict) and meta.get("text"):
            kept["text"] = _single(meta["text"])
        if is_text(row.get("origin")):
            kept["origin"] = row["origin"]
    return kept


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _object(value: Record, size: Size, label: str) -> LabelledObject:
    if "rle" in value:
        mask = brush_mask(value["rle"], size)
        return LabelledObject(label, encode_masks(mask[None])[0])
    if "points" in value:
        return LabelledObject(label, [_polygon(value["points"], size)])
    turn = as_number(value.get("rotation") or 0)
    if turn is None:
        raise UnreadableMask(f"its rotation is {shown(value['rotation'])}, not a number")
    x, y = _percent(value, "x", size[1]), _percent(value, "y", size[0])
    if "radiusX" in value:
        across, down = (
            _percent(value, "radiusX", size[1]),
            _percent(value, "radiusY", size[0]),
        )
        return LabelledObject(label, [ellipse_corners(x, y, across, down, turn)])
    width, height = _percent(value, "width", size[1]), _percent(value, "height", size[0])
    if not turn % _WHOLE_TURN:
        return LabelledObject(label, None, [x, y, width, height])
    return LabelledObject(label, [rectangle_corners(x, y, width, height, turn, about_centre=False)])


def _percent(value: Record, key: str, side: int) -> float:
    number = as_number(value.get(key))
    if number is None:
        raise UnreadableMask(f"its {key} is {shown(value.get(key))}, not a number")
    return number / 100 * side


def _polygon(points: Any, size: Size) -> list[float]:
    try:
        corners = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        corners = np.zeros(0)
    if corners.ndim != 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
        raise UnreadableMask(f"its points are {shown(points)}, not pairs [x, y] in percent")
    pixels: list[float] = (corners / 100 * size[::-1]).ravel().tolist()
    return pixels
