"""Lists of COCO results: predictions, which say neither what images nor what classes are called."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.annotation_checks import IdTable
from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.folder_listing import listing_path
from fiftyone_ntt.coco.json_files import as_id, read_json
from fiftyone_ntt.coco.reading import coco_file, read_content
from fiftyone_ntt.coco.result_files import read_results
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.coco_files import is_coco
from fiftyone_ntt.formats.coco_parts import class_names, coco_parts, image_names, records_of
from fiftyone_ntt.formats.glance import files_ending, head, json_keys
from fiftyone_ntt.formats.image_lookup import image_folder
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat, ReadOptions

_RESULT = frozenset({"image_id", "category_id", "score"})


def recognise(path: Path) -> str | None:
    """What tells a list of COCO results."""
    if path.is_dir() or not head(path, 64).lstrip().startswith("["):
        return None
    return (
        "it is a JSON list of results with `image_id`, `category_id` and `score`"
        if json_keys(path) >= _RESULT
        else None
    )


def read(path: Path, options: ReadOptions) -> LabelFiles:
    """A list of COCO results with the file that they are results for, see `LabelFormat.reader`.

    Args:
        path: of the list, which says neither what the images are nor how classes are called.
        options: its `images` are the COCO file that says it; or the folder of the images, in which
            or beside the list the COCO file then is.
    """
    truth = _truth_of(path, options.images)
    content = read_content(truth)
    folder = options.images if options.images is not None and options.images.is_dir() else None
    return LabelFiles(
        "coco-results",
        f"it is a JSON list of results, for the images and categories of {truth}",
        image_folder(truth, image_names(content), folder),
        class_names(content),
        lambda findings: _result_parts(path, truth, findings),
        ("annotations of the file with the categories: import it by itself",)
        if content.get("annotations")
        else (),
        own_ids=True,
    )


def _truth_of(path: Path, images: Path | None) -> Path:
    if images is not None and not images.is_dir():
        return images
    rows = read_json(path, "COCO results file")
    listing = listing_path(path)  # of `segment` on a folder: written for these results alone
    if is_coco(listing) and _fits(rows, listing):
        return listing
    near = [path.parent, path.parent / "annotations", path.parent.parent / "annotations"]
    near = [images, images.parent, *near] if images is not None else near
    found = {
        file.resolve(): file
        for folder in near
        for file in files_ending(folder, ".json")
        if file != path and is_coco(file)
    }
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


COCO_RESULTS = LabelFormat(
    "coco-results",
    "COCO results (a JSON list with scores)",
    "detectors, `segment`",
    recognise,
    read,
)
