"""A COCO results file of whoever made it: boxes, masks, or both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.annotation_checks import IdTable, checked_box
from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_number, read_json
from fiftyone_ntt.coco.reading import CocoFile
from fiftyone_ntt.errors import InputError, shown


def read_results(path: Path, file: CocoFile, findings: Findings) -> list[Record]:
    """The results in a file, each of an image and category of `file` and with a score.

    Args:
        path: of the JSON file: a list of objects with `image_id`, `category_id`, `score`, and
            `bbox`, `segmentation`, or both.
        file: what they are results for.
        findings: told of results that cannot be used.

    Raises:
        InputError: no such file, or not a list of results.
        RecordError: a result that cannot be used, unless `findings` skips it.
    """
    rows = read_json(path, "COCO results file, such as the output of `segment`")
    if not isinstance(rows, list):
        raise InputError(
            f"{path} is not a COCO results file: it holds a JSON {type(rows).__name__}, not a list "
            "of results. Pass the output of `segment`, or results of another tool."
        )
    images, categories = IdTable(file.images), IdTable(file.categories, file.same_categories)
    found = []
    for position, row in enumerate(rows, start=1):
        try:
            found.append(_result(f"{path}: result {position}", row, images, categories, findings))
        except RecordError as error:
            findings.leave_out(error)
    return found


def _result(
    name: str, row: Any, images: IdTable, categories: IdTable, findings: Findings
) -> Record:
    lacking = (
        [key for key in ("image_id", "category_id", "score") if key not in row]
        if isinstance(row, dict)
        else []
    )
    if not isinstance(row, dict) or lacking:
        raise RecordError(
            "malformed entry",
            f"{name} is not a COCO result: {shown(row)}"
            + (f" has no {' and no '.join(lacking)}" if lacking else "")
            + ". Pass the output of `segment`, or results of another tool.",
        )
    if not row.get("bbox") and not row.get("segmentation"):
        raise RecordError(
            "malformed entry",
            f"{name} has neither a segmentation nor a bbox [x, y, width, height]. Remove it.",
        )
    score = as_number(row["score"])
    if score is None:
        raise RecordError(
            "score",
            f"{name} has the score {shown(row['score'])}, which is no finite number, so it cannot "
            "be ranked. Correct or remove it.",
        )
    if isinstance(row["score"], str):
        findings.note("numbers written as text, read", f"the score of {name}")
    return {
        **row,
        "image_id": _listed(name, "image", row["image_id"], images, findings),
        "category_id": _listed(name, "category", row["category_id"], categories, findings),
        "score": score,
        "bbox": checked_box(name, row["bbox"], findings) if row.get("bbox") else None,
    }


def _listed(name: str, kind: str, given: Any, table: IdTable, findings: Findings) -> Any:
    found = table.find(given)
    if found is None:
        raise RecordError(
            "unknown image" if kind == "image" else "unknown category",
            f"{name} is of {kind} {shown(given)}, which the targets do not list. Evaluate against "
            "the targets the results were made for.",
        )
    if isinstance(found, str) is not isinstance(given, str):
        findings.note(
            "ids written as text beside numbers or the other way round, matched",
            f"{kind} {given!r} of {name}",
        )
    return found
