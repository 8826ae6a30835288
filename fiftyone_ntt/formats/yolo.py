"""YOLO's text files: a line an object, a class and a box or polygon in fractions of the image.

A polygon is drawn as pycocotools draws it. Ultralytics has no drawing at image size of its own: it
draws at the size that it trains with, with the right and bottom edge; and the seams that join an
object's parts, which have no width here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_number, as_whole_number, is_text
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.core.images import image_size
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.formats.glance import files_ending, head, names_in
from fiftyone_ntt.formats.image_labels import ImageLabels, content_parts
from fiftyone_ntt.formats.label_files import (
    UNREVIEWED,
    Content,
    LabelFiles,
    LabelFormat,
    ReadOptions,
)

_SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
_MOST_YAML_BYTES = 2**24
_MOST_LABEL_BYTES = 2**28
_BOX, _SCORED_BOX = 4, 5
"""Numbers after the class: of a box, and of one with a confidence."""
_OVER = 0.01
"""How far over the image's border Ultralytics lets coordinates reach, of its side."""


@dataclass(frozen=True)
class _Setup:
    """What the file beside the labels says: the class of each number, and where images are."""

    names: dict[int, str]
    splits: dict[str, list[Path]]
    root: Path
    keypoints: int = 0


@dataclass(frozen=True)
class _Labelled:
    """An image and the file that its labels are in, if it is there."""

    image: Path
    labels: Path
    split: str | None


def _setup_file(path: Path) -> Path | None:
    if path.is_file():
        is_setup = path.suffix.lower() in (".yaml", ".yml") and _has_keys(path)
        return path if is_setup else None
    found = [file for file in files_ending(path, ".yaml", ".yml") if _has_keys(file)]
    named = [file for file in found if file.stem in ("data", "dataset")]
    return next(iter(named or found), None)


def _has_keys(file: Path) -> bool:
    """Whether it names classes, and the folders of images; or lies beside those, as supervision's,
    which names none."""
    keys = {line.split(":")[0].strip("\"' ") for line in head(file).splitlines() if ":" in line}
    named = bool(keys & {"names", "nc"})
    return named and (bool(keys & set(_SPLITS)) or _is_plain(file.parent))


def _recognise(path: Path) -> str | None:
    file = _setup_file(path)
    if file is not None:
        return f"{file.name} names classes and the folders of their images, as YOLO's does"
    if _is_plain(path):
        return "it has the folders images and labels, with text files of numbers, as YOLO's do"
    return None


def _is_plain(path: Path) -> bool:
    """Whether it is a folder without a `data.yaml`, as Label Studio exports it."""
    if not (path / "images").is_dir() or not (path / "labels").is_dir():
        return False
    texts = files_ending(path / "labels", ".txt")
    for name in names_in(path / "labels"):
        texts = texts or files_ending(path / "labels" / name, ".txt")
    words = [word for file in texts[:5] for word in head(file).split()[:50]]
    return bool(texts) and all(as_number(word) is not None for word in words)


def _read(path: Path, options: ReadOptions) -> LabelFiles:
    file = _setup_file(path)
    setup = _plain_setup(path) if file is None else _read_setup(file)
    labelled = _given_images(setup, options.images) if options.images else list(_all_images(setup))
    missing = [
        f"split {split!r}: there is no {folder}"
        for split, folders in setup.splits.items()
        for folder in folders
        if not options.images and not folder.exists()
    ]
    if not labelled:
        raise InputError(
            f"{file or path} lists no images: {'; '.join(missing) or 'its folders are empty'}. "
            "Correct its paths, or pass the folder of the images as images=."
        )
    numbers = sorted(setup.names)
    lost = [f"keypoints: {setup.keypoints} numbers an object"] if setup.keypoints else []
    read = partial(_labels_of, setup)
    categories = [{"id": number + 1, "name": setup.names[number]} for number in numbers]

    def parts(findings: Findings) -> Iterable[Content]:
        return content_parts(labelled, categories, read, findings)

    return LabelFiles(
        "yolo",
        _recognise(path) or "it was said to be YOLO's",
        options.images or setup.root,
        tuple(setup.names[number] for number in numbers),
        parts,
        (*missing, *lost),
    )


def _read_setup(file: Path) -> _Setup:
    try:
        require_regular_file(file, _MOST_YAML_BYTES)
        # Every scalar as text: a class `no` is no truth value.
        given = yaml.load(file.read_text(encoding="utf-8-sig"), yaml.BaseLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{file} is not a YAML file: {error}. Correct it.") from error
    if not isinstance(given, dict):
        raise InputError(f"{file} holds no keys such as 'names' and 'train'. Pass YOLO's own file.")
    root = file.parent / str(given.get("path") or "")
    if not root.is_dir():
        root = file.parent  # it names a folder of another machine
    splits: dict[str, list[Path]] = {}
    for key, split in _SPLITS.items():
        listed = given.get(key) or []
        for name in listed if isinstance(listed, list) else [listed]:
            splits.setdefault(split, []).append(_split_folder(root, file.parent, str(name)))
    if not splits and _is_plain(file.parent):
        splits[""] = [file.parent / "images"]
    return _Setup(_class_names(file, given), splits, root, _keypoints(given))


def _split_folder(root: Path, parent: Path, name: str) -> Path:
    """Roboflow writes `../train/images` for what lies beside the file."""
    tried = [root / name, parent / name, root / name.removeprefix("../")]
    return Path(os.path.normpath(next((path for path in tried if path.exists()), tried[0])))


def _class_names(file: Path, given: Mapping[str, Any]) -> dict[int, str]:
    names = given.get("names") or []
    if not names and (count := as_whole_number(given.get("nc"))):
        names = [f"class_{number}" for number in range(min(count, 10**4))]
    pairs = names.items() if isinstance(names, dict) else enumerate(names)
    found = {as_whole_number(key): name for key, name in pairs}
    numbered = {
        key: name for key, name in found.items() if key is not None and key >= 0 and is_text(name)
    }
    if not numbered or len(numbered) < len(names):
        raise InputError(
            f"{file}: 'names' is {shown(names)}, no list of names and no numbers with names. "
            "Correct it."
        )
    return numbered


def _keypoints(given: Mapping[str, Any]) -> int:
    shape = given.get("kpt_shape")
    sides = [as_whole_number(side) or 0 for side in shape] if isinstance(shape, list) else []
    return sides[0] * sides[1] if len(sides) == 2 else 0


def _plain_setup(path: Path) -> _Setup:
    if not (path / "images").is_dir():
        raise InputError(
            f"{path} has neither YOLO's data.yaml nor a folder 'images' beside one 'labels'. Pass "
            "the file or folder that has."
        )
    names = [line.strip() for line in head(path / "classes.txt").splitlines() if line.strip()]
    found = dict(enumerate(names)) or {
        number: str(number) for number in range(_most_class(path / "labels") + 1)
    }
    return _Setup(found, {"": [path / "images"]}, path)


def _most_class(folder: Path) -> int:
    most = 0
    for file in sorted(folder.rglob("*.txt")):
        for line in head(file, _MOST_LABEL_BYTES).splitlines():
            number = as_whole_number(line.split()[0]) if line.strip() else None
            most = max(most, number or 0)
    return min(most, 10**4)


def _all_images(setup: _Setup) -> Iterator[_Labelled]:
    seen: set[Path] = set()
    for split, folders in setup.splits.items():
        for folder in folders:
            for image in _images_in(folder):
                if image not in seen:
                    seen.add(image)
                    yield _Labelled(image, _label_file(image), split or None)


def _images_in(folder: Path) -> Iterator[Path]:
    """Of a folder, or a file that lists them."""
    if folder.suffix.lower() == ".txt":
        for line in head(folder, _MOST_LABEL_BYTES).splitlines():
            if line.strip():
                yield Path(os.path.normpath(folder.parent / line.strip()))
        return
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in IMAGE_ENDS:
                yield Path(parent) / name


def _label_file(image: Path) -> Path:
    """Where Ultralytics looks: in `labels` for the last `images` of the path."""
    folders = list(image.parent.parts)
    if "images" in folders:
        place = len(folders) - 1 - folders[::-1].index("images")
        folders[place] = "labels"
    return Path(*folders, f"{image.stem}.txt")


def _given_images(setup: _Setup, images: Path) -> list[_Labelled]:
    """The images of a folder, with the label files of their names."""
    splits = {
        _label_file(folder / "a.png").parent: split
        for split, folders in setup.splits.items()
        for folder in folders
    }
    by_stem: dict[str, list[tuple[Path, str]]] = {}
    for folder, split in splits.items():
        for file in sorted(folder.rglob("*.txt")):
            by_stem.setdefault(file.stem, []).append((file, split))
    found = []
    for image in _images_in(images):
        own = by_stem.get(image.stem, [])
        if len(own) > 1:
            raise InputError(
                f"{image} may be labelled by {own[0][0]} or {own[1][0]}. Give images names of their"
                " own, or leave images= out."
            )
        file, split = own[0] if own else (_label_file(image), "")
        found.append(_Labelled(image, file, split or None))
    return found


def _labels_of(setup: _Setup, labelled: _Labelled, findings: Findings) -> ImageLabels:
    name = os.path.relpath(labelled.image, setup.root)
    try:
        height, width = image_size(labelled.image)
    except InputError as error:
        raise RecordError("missing image", f"image {name}: {error}") from error
    image = {"id": name, "file_name": str(labelled.image), "height": height, "width": width}
    if labelled.split:
        image["split"] = labelled.split
    if not labelled.labels.exists():
        image[UNREVIEWED] = True
    rows = []
    for number, line in enumerate(_lines(labelled.labels), start=1):
        where = f"{os.path.relpath(labelled.labels, setup.root)} line {number}"
        try:
            if line.strip():
                row = {"id": where, "image_id": name, "iscrowd": 0}
                rows.append(row | _object(where, line.split(), (height, width), setup))
        except RecordError as error:
            findings.leave_out(error)
    return image, rows


def _lines(file: Path) -> list[str]:
    """None of a file that is not there: an image without objects."""
    try:
        require_regular_file(file, _MOST_LABEL_BYTES)
        return file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise RecordError(
            "malformed entry", f"{file} cannot be read: {error}. Correct or remove it."
        ) from error


def _object(where: str, words: list[str], size: tuple[int, int], setup: _Setup) -> Record:
    """Class, shape and score of a line."""
    number = as_whole_number(words[0])
    values = [value for value in map(as_number, words[1:]) if value is not None]
    if number is None or len(values) != len(words) - 1 or len(values) < _BOX:
        raise RecordError(
            "malformed entry",
            f"{where} is {shown(' '.join(words))}, not a class and the numbers of a box or polygon."
            " Correct or remove it.",
        )
    if number not in setup.names:
        raise RecordError(
            "unknown category",
            f"{where} is of class {number}, and only {len(setup.names)} are named. Correct it, or "
            "add the class to 'names'.",
        )
    if len(values) == _BOX + setup.keypoints:
        values = values[:_BOX]
    score = values.pop() if len(values) == _SCORED_BOX or len(values) % 2 else None
    if min(values) < -_OVER or max(values) > 1 + _OVER:
        raise RecordError(
            "malformed entry",
            f"{where} has the coordinate {max(values, key=abs):g}, which is no fraction of the "
            "image's side. Divide by the width and height in pixels.",
        )
    shape = _box(values, size) if len(values) == _BOX else _polygon(values, size)
    told = {} if score is None else _scored(score)
    return {"category_id": number + 1, **shape, **told}


def _box(values: list[float | int], size: tuple[int, int]) -> Record:
    (height, width), (x, y, w, h) = size, values
    left, right = (min(max(side, 0), 1) * width for side in (x - w / 2, x + w / 2))
    top, bottom = (min(max(side, 0), 1) * height for side in (y - h / 2, y + h / 2))
    return {"segmentation": [], "bbox": [left, top, right - left, bottom - top]}


def _polygon(values: list[float | int], size: tuple[int, int]) -> Record:
    height, width = size
    corners = [value * (height if place % 2 else width) for place, value in enumerate(values)]
    return {"segmentation": [corners]}


def _scored(last: float | int) -> Record:
    """Ultralytics ends a line with a confidence, or with the number of a track."""
    return {"score": last} if 0 <= last <= 1 else {"attributes": {"track_id": last}}


YOLO = LabelFormat(
    name="yolo",
    title="YOLO segmentation or boxes (data.yaml)",
    tool="Ultralytics, Roboflow, Label Studio, CVAT, supervision",
    recognise=_recognise,
    reader=_read,
)
