"""One annotation of a COCO file against the images and categories that the file lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_flag, as_id, as_number
from fiftyone_ntt.errors import shown


class IdTable:
    """Ids as the file lists them, found whether they are written as numbers or as text.

    Args:
        listed: what the file lists, by id.
        same: by id of what is listed twice, the id that stands for it.
    """

    def __init__(self, listed: Mapping[Any, Any], same: Mapping[Any, Any] | None = None) -> None:
        self._own = {**{key: key for key in listed}, **(same or {})}
        self._by_text: dict[str, Any] | None = None

    def find(self, key: Any) -> Any:
        """The id in the list that this one means; None if there is none."""
        if isinstance(key, bool) or not isinstance(key, (int, str, float)):
            return None
        if key in self._own:
            return self._own[key]
        if self._by_text is None:
            self._by_text = {str(listed): own for listed, own in self._own.items()}
        return self._by_text.get(str(key).strip())


def check_annotation(
    path: Path, annotation: Any, images: IdTable, categories: IdTable, findings: Findings
) -> Record:
    """An annotation whose ids are those listed and whose numbers are numbers.

    Raises:
        RecordError: it is none, or of an unknown image or category, or says not where it lies.
    """
    if not isinstance(annotation, dict):
        raise RecordError(
            "malformed entry",
            f"{path}: an annotation is no object: {shown(annotation)}. Remove it.",
        )
    name = f"{path}: annotation {shown(annotation.get('id'))}"
    changed: Record = {}
    for key, table, kind in (
        ("image_id", images, "image"),
        ("category_id", categories, "category"),
    ):
        given = annotation.get(key)
        found = table.find(given)
        if found is None:
            raise RecordError(
                "unknown image" if kind == "image" else "unknown category",
                f"{name} is of {kind} {shown(given)}, which the file does not list. Add the "
                f"{kind} or remove the annotation.",
            )
        if found != given or type(found) is not type(given):
            changed[key] = found
            if isinstance(found, str) is not isinstance(given, str):
                findings.note(
                    "ids written as text beside numbers or the other way round, matched",
                    f"{kind} {given!r} of annotation {shown(annotation.get('id'))}",
                )
    changed |= _id(name, annotation)
    changed |= _numbers(name, annotation, findings)
    row = {**annotation, **changed} if changed else annotation
    if not row.get("bbox") and not row.get("segmentation"):
        raise RecordError(
            "malformed entry",
            f"{name} has neither a segmentation nor a bbox [x, y, width, height]. Add one of them.",
        )
    return row


def checked_annotations(
    path: Path, rows: Iterable[Any], images: IdTable, categories: IdTable, findings: Findings
) -> Iterator[Record]:
    """The annotations that `check_annotation` lets through; of the others, `findings` is told."""
    for row in rows:
        try:
            checked = check_annotation(path, row, images, categories, findings)
        except RecordError as error:
            findings.leave_out(error)
        else:
            yield checked


def as_object(annotation: Record, findings: Findings, count: int = 1) -> Record:
    """An annotation that is no crowd, even if it says so.

    Args:
        annotation: perhaps a crowd.
        findings: told of that.
        count: how many it stands for there.
    """
    if not annotation.get("iscrowd"):
        return annotation
    findings.note("crowds taken as objects", f"annotation {annotation.get('id')}", count)
    return {**annotation, "iscrowd": 0}


def _id(name: str, annotation: Record) -> Record:
    given = annotation.get("id")
    if given is None:
        return {}
    key = as_id(given)
    if key is None:
        raise RecordError(
            "malformed entry",
            f"{name} has the id {shown(given)}. Make it a whole number of at most 64 bits.",
        )
    return {} if key is given else {"id": key}


def _numbers(name: str, annotation: Record, findings: Findings) -> Record:
    """Box, area and crowd flag as numbers, as far as they had to be read otherwise."""
    changed: Record = {}
    box = annotation.get("bbox")
    if box:
        changed |= {"bbox": checked_box(name, box, findings)}
    if annotation.get("area") is not None:
        area = as_number(annotation["area"])
        if area is None or area < 0:
            findings.note("values that are no numbers, taken as not given", f"the area of {name}")
        elif isinstance(annotation["area"], str):
            findings.note("numbers written as text, read", f"the area of {name}")
        changed["area"] = area if area is None or area >= 0 else None
    if "iscrowd" in annotation:
        crowd = as_flag(annotation["iscrowd"])
        if crowd is None:
            raise RecordError(
                "malformed entry",
                f"{name} has iscrowd = {shown(annotation['iscrowd'])}, which is neither 0 nor 1. "
                "Correct it.",
            )
        if isinstance(annotation["iscrowd"], str):
            findings.note("numbers written as text, read", f"iscrowd of {name}")
        changed["iscrowd"] = int(crowd)
    return {key: value for key, value in changed.items() if annotation[key] is not value}


def checked_box(name: str, box: Any, findings: Findings) -> list[float | int]:
    """A bbox as four finite numbers.

    Raises:
        RecordError: it is none.
    """
    numbers = [as_number(value) for value in box] if isinstance(box, list) else []
    found = [number for number in numbers if number is not None]
    if len(numbers) != 4 or len(found) != 4:
        raise RecordError(
            "malformed entry",
            f"{name} has the bbox {shown(box)}, which is not [x, y, width, height] in numbers. "
            "Correct or remove it.",
        )
    if found == box:
        return box
    findings.note("numbers written as text, read", f"the bbox of {name}")
    return found
