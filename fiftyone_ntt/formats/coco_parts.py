"""The content of COCO files and their like: looked over, and in parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.annotation_checks import IdTable
from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.json_files import as_id, is_text
from fiftyone_ntt.coco.reading import image_name
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.label_files import PART_SIZE, Content

_NAMES_TRIED = 20
"""Images of a file that are looked for, to find their folder."""


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

    Raises:
        InputError: its images or annotations are no lists.
    """
    images, annotations = content.get("images"), content.get("annotations") or []
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise InputError(
            f"{path}: 'images' or 'annotations' is no list. Pass a COCO annotation file."
        )
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
