"""COCO files, and lists of COCO results, which are predictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.annotation_checks import IdTable
from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.json_files import as_id, is_text, read_json
from fiftyone_ntt.coco.reading import coco_file, image_name
from fiftyone_ntt.coco.result_files import read_results
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.glance import files_ending, head, json_keys
from fiftyone_ntt.formats.image_lookup import image_folder
from fiftyone_ntt.formats.json_ends import keys_at_ends
from fiftyone_ntt.formats.label_files import PART_SIZE, Content, LabelFiles, LabelFormat

LVIS_MARKS = frozenset({"neg_category_ids", "not_exhaustive_category_ids"})
"""What the images of LVIS have, and no other COCO file's."""
PANOPTIC_MARKS = frozenset({"segments_info"})

_RESULT = frozenset({"image_id", "category_id", "score"})
_ANNOTATION_FOLDERS = ("", "annotations")
_NAMES_TRIED = 20
"""Images of a file that are looked for, to find their folder."""


def recognise_coco(path: Path) -> str | None:
    """What tells a COCO file, or a folder with one."""
    if path.is_dir():
        found = _files_in(path)
        return f"it holds {found[0].name}, a COCO file" if found else None
    if not _is_coco(path):
        return None
    return "it is a JSON object with `images` and `annotations`"


def _is_coco(path: Path) -> bool:
    keys = keys_at_ends(path)
    if not head(path, 64).lstrip().startswith("{") or keys & (LVIS_MARKS | PANOPTIC_MARKS):
        return False
    named = {"file_name", "coco_url"} & keys
    return bool("images" in keys and named) or {"image_id", "category_id"} <= keys


def _files_in(folder: Path) -> list[Path]:
    return [
        path
        for name in _ANNOTATION_FOLDERS
        for path in files_ending(folder / name, ".json")
        if _is_coco(path)
    ]


def read_coco_files(path: Path, images: Path | None) -> LabelFiles:
    """A COCO file, see `LabelFormat.read`."""
    if path.is_dir():
        path = the_one_file(path, _files_in(path), "COCO files")
    content = read_content(path)
    return LabelFiles(
        "coco",
        "it is a JSON object with `images` and `annotations`",
        image_folder(path, image_names(content), images),
        class_names(content),
        lambda findings: coco_parts(path, read_content(path)),
    )


def the_one_file(folder: Path, found: list[Path], what: str) -> Path:
    """The only file of a folder that is of a format.

    Raises:
        InputError: there are several, or none.
    """
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:_NAMES_TRIED]) or "none"
        raise InputError(
            f"{folder} holds {len(found)} {what}: {names}. Pass the one that is wanted."
        )
    return found[0]


def read_content(path: Path) -> Content:
    """The object in a COCO file.

    Raises:
        InputError: it is no JSON, or no object.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a JSON {type(content).__name__}, not an object with 'images' and "
            "'categories'. Pass a COCO annotation file."
        )
    return content


def records_of(content: Content, section: str, most: int | None = None) -> list[Record]:
    """Entries of a section that are objects, as every entry should be; the first few of them."""
    records = content.get(section)
    some = records[:most] if isinstance(records, list) else []
    return [record for record in some if isinstance(record, dict)]


def image_names(content: Content) -> list[str]:
    """File names of some of its images."""
    names = [image_name(record) for record in records_of(content, "images", _NAMES_TRIED)]
    return [name for name in names if name is not None]


def class_names(content: Content) -> tuple[str, ...]:
    """Names of its categories in the file's order, each once."""
    names = [record.get("name") for record in records_of(content, "categories")]
    return tuple(dict.fromkeys(str(name) for name in names if is_text(name)))


def coco_parts(path: Path, content: Content) -> Iterator[Content]:
    """A COCO file's content in parts of some images each, with their annotations.

    What has no image comes with the last part, so that whoever checks the parts sees all there is.

    Args:
        path: where it is from, for messages.
        content: of the file.
    """
    images, annotations = content.get("images"), content.get("annotations") or []
    if not isinstance(images, list) or not isinstance(annotations, list):
        yield content  # nothing to part: `coco_file` says what is wrong
        return
    others = {key: value for key, value in content.items() if key not in ("images", "annotations")}
    if not others.get("categories"):
        others["categories"] = _numbered(annotations)
    by_key: dict[Any, list[Any]] = defaultdict(list)
    for record in images:
        by_key[as_id(record.get("id")) if isinstance(record, dict) else None].append(record)
    table = IdTable(by_key)
    rows: dict[Any, list[Any]] = defaultdict(list)
    for row in annotations:
        rows[table.find(row.get("image_id")) if isinstance(row, dict) else None].append(row)
    keys = [key for key in by_key if key is not None]
    odd_images, odd_rows = by_key.pop(None, []), rows.pop(None, [])
    for start in range(0, max(len(keys), 1), PART_SIZE):
        some = keys[start : start + PART_SIZE]
        last = start + PART_SIZE >= len(keys)
        yield {
            **others,
            "images": [r for key in some for r in by_key[key]] + (odd_images if last else []),
            "annotations": [r for key in some for r in rows[key]] + (odd_rows if last else []),
        }


def _numbered(annotations: list[Any]) -> list[Record]:
    """Categories of a file that lists none, for all its parts alike."""
    keys = {as_id(row.get("category_id")) for row in annotations if isinstance(row, dict)}
    return [{"id": key, "name": str(key)} for key in sorted(k for k in keys if type(k) is int)]


def recognise_results(path: Path) -> str | None:
    """What tells a list of COCO results."""
    if path.is_dir() or not head(path, 64).lstrip().startswith("["):
        return None
    return (
        "it is a JSON list of results with `image_id`, `category_id` and `score`"
        if json_keys(path) >= _RESULT
        else None
    )


def read_result_files(path: Path, images: Path | None) -> LabelFiles:
    """A list of COCO results with the file that they are results for, see `LabelFormat.read`.

    Args:
        path: of the list, which says neither what the images are nor how classes are called.
        images: the COCO file that says it; or the folder of the images, in which or beside the
            list the COCO file then is.
    """
    truth = _truth_of(path, images)
    content = read_content(truth)
    return LabelFiles(
        "coco-results",
        f"it is a JSON list of results, for the images and categories of {truth}",
        image_folder(
            truth, image_names(content), images if images is not None and images.is_dir() else None
        ),
        class_names(content),
        lambda findings: _result_parts(path, truth, findings),
        ("annotations of the file with the categories: import it by itself",)
        if content.get("annotations")
        else (),
    )


def _truth_of(path: Path, images: Path | None) -> Path:
    if images is not None and not images.is_dir():
        return images
    near = [path.parent, path.parent / "annotations", path.parent.parent / "annotations"]
    near = [images, images.parent, *near] if images is not None else near
    found = {
        file.resolve(): file
        for folder in near
        for file in files_ending(folder, ".json")
        if file != path and _is_coco(file)
    }
    rows = read_json(path, "COCO results file")
    fitting = [file for file in found.values() if _fits(rows, file)]
    if len(fitting) == 1:
        return fitting[0]
    reason = (
        f"{len(fitting)} COCO files near it list them: {', '.join(map(str, fitting))}"
        if fitting
        else "no COCO file beside it lists them"
    )
    raise InputError(
        f"{path} holds COCO results, which give ids in place of images and classes, and {reason}. "
        "Pass the COCO file they are results for as images= (--images)."
    )


def _fits(rows: Any, truth: Path) -> bool:
    """Whether a COCO file lists the images and categories of all results."""
    content = read_content(truth)
    tables = [
        IdTable({as_id(record.get("id")): 1 for record in records_of(content, section)})
        for section in ("images", "categories")
    ]
    return isinstance(rows, list) and all(
        table.find(row.get(key)) is not None
        for row in rows
        if isinstance(row, dict)
        for table, key in zip(tables, ("image_id", "category_id"), strict=True)
    )


def _result_parts(path: Path, truth: Path, findings: Findings) -> Iterable[Content]:
    """The results as annotations of the file's images, numbered as they are listed."""
    content = {**read_content(truth), "annotations": []}
    results = read_results(path, coco_file(truth, content), findings)
    rows = ({**row, "id": key, "iscrowd": 0} for key, row in enumerate(results, start=1))
    return coco_parts(path, {**content, "annotations": list(rows)})


COCO = LabelFormat(
    "coco",
    "COCO (JSON with images, categories and annotations)",
    "COCO, and most tools",
    recognise_coco,
    read_coco_files,
)
COCO_RESULTS = LabelFormat(
    "coco-results",
    "COCO results (a JSON list with scores)",
    "detectors, `segment`",
    recognise_results,
    read_result_files,
)
