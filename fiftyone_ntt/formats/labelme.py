"""labelme's JSON files, and X-AnyLabeling's, which are built alike: one beside each image.

Shapes are drawn as `labelme.utils.shape_to_mask` draws them, by the same functions of Pillow: the
right and bottom edge belongs to the shape. A rectangle is a box, though, for which labelme has no
other shape; where it is part of a group, it is drawn too.
"""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_number, as_whole_number, is_text, read_json
from fiftyone_ntt.core.foreign_masks import MOST_PIXELS, MOST_SIDE
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.core.images import image_size
from fiftyone_ntt.core.rle import RLE, encode_crop
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.formats.glance import files_ending, json_keys, names_in
from fiftyone_ntt.formats.image_labels import ImageLabels, category_records, content_parts
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat, ReadOptions

Point = tuple[float, float]

_LOOKED_AT = 20
_POLYGONS = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")
_WITHOUT_AREA = ("point", "points", "line", "linestrip", "cuboid")
_OWN_KEYS = frozenset(
    {"label", "points", "group_id", "shape_type", "flags", "description", "mask", "score"}
    | {"attributes"}
)
_AROUND = 1
"""Pixels around a shape that Pillow may round into."""


def _is_labelme(path: Path) -> bool:
    keys = json_keys(path) if path.suffix.lower() == ".json" else frozenset()
    return "shapes" in keys and bool(keys & {"shape_type", "imagePath", "points"})


def _files(path: Path) -> list[Path]:
    """The JSON files of a folder, or of the folders in it where it has none."""
    if not path.is_dir():
        return [path]
    found = files_ending(path, ".json")
    for name in [] if found else names_in(path):
        found += files_ending(path / name, ".json")
    return found


def _recognise(path: Path) -> str | None:
    looked_at = _files(path)[:_LOOKED_AT]
    found = [file for file in looked_at if _is_labelme(file)]
    if not found:
        return None
    return f"{found[0].name} lists shapes with labels and points as labelme does"


def _read(path: Path, options: ReadOptions) -> LabelFiles:
    files = _all_files(path)
    if not files:
        raise InputError(f"{path} holds no JSON files. Pass labelme's file, or the folder of them.")
    root = path if path.is_dir() else path.parent
    classes = _classes(files, root)
    read = partial(
        _labels_of, root, options.images, {name: key for key, name in enumerate(classes, 1)}
    )

    def parts(findings: Findings) -> Iterable[Content]:
        return content_parts(files, category_records(classes), read, findings)

    why = _recognise(path) or "it was said to be labelme's"
    return LabelFiles("labelme", why, options.images or root, classes, parts)


def _all_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = []
    for parent, folders, names in os.walk(path):
        folders.sort()
        found += [Path(parent) / name for name in sorted(names) if name.lower().endswith(".json")]
    return found


def _classes(files: Sequence[Path], root: Path) -> tuple[str, ...]:
    """In the order of `labels.txt`, which labelme is started with, if it is there; then by name."""
    found: set[str] = set()
    for file in files:
        try:
            content = read_json(file, "labelme file")
        except InputError:
            continue  # which is said when it is read
        shapes = content.get("shapes") if isinstance(content, dict) else None
        for shape in shapes if isinstance(shapes, list) else []:
            if isinstance(shape, dict) and is_text(shape.get("label")):
                found.add(shape["label"])
    try:
        text = (root / "labels.txt").read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        text = ""
    listed = [name for name in map(str.strip, text.splitlines()) if name in found]
    return tuple(dict.fromkeys([*listed, *sorted(found)]))


def _labels_of(
    root: Path, images: Path | None, classes: dict[str, int], file: Path, findings: Findings
) -> ImageLabels:
    name = os.path.relpath(file, root)
    try:
        content = read_json(file, "labelme file")
    except InputError as error:
        raise RecordError("malformed entry", str(error)) from error
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise RecordError(
            "malformed entry",
            f"{file} lists no 'shapes', so it is none of labelme's. Remove it from the folder.",
        )
    image = _image_file(file, content, images, Path(name).parent)
    height, width = size = _size(name, content, image)
    flags = content.get("flags")
    if isinstance(flags, dict) and any(flags.values()):
        findings.note("flags of images, left out", name)
    groups: dict[Any, list[tuple[str, Record]]] = {}
    for number, shape in enumerate(content["shapes"], start=1):
        where = f"{name} shape {number}"
        try:
            _check(where, shape, classes)
        except RecordError as error:
            findings.leave_out(error)
            continue
        if shape.get("shape_type") in _WITHOUT_AREA:
            findings.note("points and lines, which have no area, left out", where)
            continue
        group = shape.get("group_id")
        key = where if group is None else (shape["label"], str(group))
        groups.setdefault(key, []).append((where, shape))
    rows = []
    for parts in groups.values():
        try:
            shaped = _shaped(parts, size)
        except RecordError as error:
            findings.leave_out(error)
            continue
        label = classes[parts[0][1]["label"]]
        head = {"id": parts[0][0], "image_id": name, "category_id": label, "iscrowd": 0}
        rows.append({**head, **shaped, **_told(parts)})
    return {"id": name, "file_name": str(image), "height": height, "width": width}, rows


def _image_file(file: Path, content: Record, images: Path | None, below: Path) -> Path:
    """The image that a JSON file is of: where it says, or one of its own name beside it.

    Args:
        file: the JSON file.
        content: of it.
        images: the folder of the images, where somebody said it.
        below: the file's folder, relative to that of all files: images may lie in ones like it.
    """
    given = content.get("imagePath")
    name = PureWindowsPath(str(given)).as_posix() if is_text(given) else ""
    tried = [file.parent / name] if name else []
    if images is not None:
        base = Path(name).name
        tried = [images / name, images / below / base, images / base] if name else []
    for folder in [images / below, images] if images else [file.parent]:
        tried += [folder / f"{file.stem}{end}" for end in sorted(IMAGE_ENDS)]
    found = next((path for path in tried if path.is_file()), None)
    if found is not None:
        return Path(os.path.abspath(found))
    inside = "Its pixels are inside the JSON file: save them as an image. "
    way = inside if content.get("imageData") else ""
    raise RecordError(
        "missing image",
        f"{file}: there is no image {shown(given)}. {way}Put it "
        "beside the file, or pass the folder of the images as images=.",
    )


def _size(name: str, content: Record, image: Path) -> tuple[int, int]:
    given = [content.get(side) for side in ("imageHeight", "imageWidth")]
    sides = [as_whole_number(side) for side in given if side is not None]
    known = [side for side in sides if side is not None and 0 < side <= MOST_SIDE]
    if len(known) == 2 and known[0] * known[1] < MOST_PIXELS:
        return known[0], known[1]
    if any(side is not None for side in given):
        raise RecordError(
            "image size", f"{name} states the size {given}, which no image has. Correct it."
        )
    try:
        return image_size(image)
    except InputError as error:
        raise RecordError("missing image", f"image {name}: {error}") from error


def _check(where: str, shape: Any, classes: dict[str, int]) -> None:
    label = shape.get("label") if isinstance(shape, dict) else None
    if not is_text(label) or label not in classes:
        raise RecordError(
            "malformed entry", f"{where} has no label: {shown(shape)}. Add one, or remove it."
        )
    if not isinstance(shape.get("shape_type") or "", str):
        raise RecordError(
            "malformed entry",
            f"{where} has the shape_type {shown(shape['shape_type'])}, which is no word such as "
            "'polygon'. Correct it.",
        )


def _shaped(parts: list[tuple[str, Record]], size: tuple[int, int]) -> Record:
    """Segmentation and box of one object."""
    where, first = parts[0]
    if len(parts) == 1 and first.get("shape_type") == "rectangle":
        points = _points(where, first, size)
        xs, ys = zip(*points, strict=True)
        box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
        return {"segmentation": [], "bbox": _inside(box, size)}
    drawn = [_drawn(where, shape, size) for where, shape in parts]
    rle = drawn[0] if len(drawn) == 1 else coco_mask.merge(drawn)
    return {"segmentation": rle}


def _inside(box: Sequence[float], size: tuple[int, int]) -> list[float]:
    """labelme lets corners lie at the border, and files of others somewhat beyond it."""
    (height, width), (x, y, w, h) = size, box
    left, right = (min(max(side, 0.0), float(width)) for side in (x, x + w))
    top, bottom = (min(max(side, 0.0), float(height)) for side in (y, y + h))
    return [left, top, right - left, bottom - top]


def _points(where: str, shape: Record, size: tuple[int, int]) -> list[Point]:
    given = shape.get("points")
    pairs = [
        [as_number(value) for value in point]
        for point in (given if isinstance(given, list) else [])
        if isinstance(point, list) and len(point) == 2
    ]
    points = [(float(x), float(y)) for x, y in pairs if x is not None and y is not None]
    if not points or len(points) != len(given or []):
        raise RecordError(
            "malformed entry",
            f"{where} has the points {shown(given)}, no list of [x, y]. Correct or remove it.",
        )
    if max(abs(value) for point in points for value in point) > 2 * max(size):
        raise RecordError(
            "unreadable segmentation",
            f"{where} has points far from its image of {size[1]} x {size[0]} px. Correct or remove "
            "it.",
        )
    return points


def _drawn(where: str, shape: Record, size: tuple[int, int]) -> RLE:
    kind, points = shape.get("shape_type") or "polygon", _points(where, shape, size)
    if kind == "mask":
        return _pasted(where, shape, points, size)
    needed = {"circle": (2, 2), "rectangle": (2, 4)}.get(kind, (3, math.inf))
    known = kind in (*_POLYGONS, "circle", "rectangle")
    if not known or not needed[0] <= len(points) <= needed[1]:
        raise RecordError(
            "unreadable segmentation",
            f"{where} is a {shown(kind)} of {len(points)} points, which labelme does not draw "
            "either. Redraw or remove it.",
        )
    if kind == "circle":
        (cx, cy), (px, py) = points
        radius = math.sqrt((cx - px) ** 2 + (cy - py) ** 2)
        points = [(cx - radius, cy - radius), (cx + radius, cy + radius)]
    xs, ys = zip(*points, strict=True)
    # Only around the shape; Pillow cuts fractions off, so a window that is moved by whole pixels
    # and leaves no number negative that was positive changes nothing.
    left, top = (max(0, math.floor(min(side)) - _AROUND) for side in (xs, ys))
    right = min(size[1], math.ceil(max(xs)) + 1 + _AROUND)
    bottom = min(size[0], math.ceil(max(ys)) + 1 + _AROUND)
    if right <= left or bottom <= top:
        return encode_crop(np.zeros((1, 1), dtype=bool), (0, 0), size)
    canvas = Image.new("L", (right - left, bottom - top))
    moved = [(x - left, y - top) for x, y in points]
    draw = ImageDraw.Draw(canvas)
    if kind == "circle":
        draw.ellipse(moved, outline=1, fill=1)
    elif kind == "rectangle":
        mx, my = zip(*moved, strict=True)
        draw.rectangle(((min(mx), min(my)), (max(mx), max(my))), outline=1, fill=1)
    else:
        draw.polygon(moved, outline=1, fill=1)
    return encode_crop(np.asarray(canvas, dtype=bool), (top, left), size)


def _pasted(where: str, shape: Record, points: list[Point], size: tuple[int, int]) -> RLE:
    """A mask that lies in the box of two points, the last row and column included."""
    corners = [int(value) for point in points for value in point]
    if len(corners) != 4:
        raise RecordError(
            "malformed entry", f"{where} is a mask of {len(points)} points, not 2. Redraw it."
        )
    x1, y1, x2, y2 = corners
    crop = _mask_pixels(where, shape.get("mask"), (y2 - y1 + 1, x2 - x1 + 1))
    if min(x1, y1) < 0 or x2 >= size[1] or y2 >= size[0]:
        raise RecordError(
            "mask size",
            f"{where} is a mask from {x1}, {y1} to {x2}, {y2}, which reaches over its image of "
            f"{size[1]} x {size[0]} px. Use the image that was annotated.",
        )
    return encode_crop(crop, (y1, x1), size)


def _mask_pixels(where: str, given: Any, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    try:
        packed = base64.b64decode(given if isinstance(given, str) else "", validate=True)
        with Image.open(io.BytesIO(packed), formats=["PNG"]) as picture:
            stated = (picture.height, picture.width)
            pixels = np.asarray(picture) if stated == size else None
    except (
        ValueError,
        OSError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:
        raise RecordError(
            "unreadable segmentation",
            f"{where} is a mask whose PNG cannot be read: {error}. Redraw or remove it.",
        ) from error
    if pixels is None or pixels.ndim != 2:
        raise RecordError(
            "mask size",
            f"{where} is a mask of {stated[1]} x {stated[0]} px between points that hold "
            f"{size[1]} x {size[0]} px. Redraw or remove it.",
        )
    return pixels.astype(bool)


def _told(parts: list[tuple[str, Record]]) -> Record:
    """Score, and what else is kept of an object; of several parts, what the first of them says."""
    attributes: Record = {}
    score = None
    for _, shape in reversed(parts):
        flags, own = shape.get("flags"), shape.get("attributes")
        others = {key: value for key, value in shape.items() if key not in _OWN_KEYS}
        kept = {"description": shape.get("description"), "group_id": shape.get("group_id")}
        for given in (others, flags, own, kept):
            if isinstance(given, dict):
                attributes |= {name: value for name, value in given.items() if _says(value)}
        own_score = as_number(shape.get("score"))
        score = score if own_score is None else own_score
    told: Record = {"attributes": attributes} if attributes else {}
    return told if score is None else {**told, "score": score}


def _says(value: Any) -> bool:
    return value is not None and value != "" and value != [] and value != {}


LABELME = LabelFormat(
    name="labelme",
    title="labelme or X-AnyLabeling (a JSON file beside each image)",
    tool="labelme, X-AnyLabeling",
    recognise=_recognise,
    reader=_read,
)
