"""FiftyOne labels out to COCO, pixel for pixel."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
from fiftyone import ViewField as F

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.core.images import known_size
from fiftyone_ntt.dataset.labels.coco_labels import (
    CROWD,
    ID,
    INFO,
    SOURCE,
    class_list_fields,
    label_shape,
    result_fields,
)
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    check_confidences,
    check_whole_images,
    label_field_type,
    labels_path,
    sample_count,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.rejected import without_rejected
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.own_files import COCO_FILE


@dataclass(frozen=True)
class ExportReport:
    """What `export_coco` wrote.

    Attributes:
        path: the file.
        images: in the view.
        annotations: or results, written.
        category_ids: category id by class.
        empty: how many of them have a mask without a pixel in the image: written with an empty
            segmentation, which pycocotools reads as what cannot be found.
    """

    path: Path
    images: int
    annotations: int
    category_ids: dict[str, int]
    empty: int = 0

    def __str__(self) -> str:
        text = f"{self.path}: {self.annotations} instances of {self.images} images"
        return f"{text}, {self.empty} without a pixel" if self.empty else text


@needs_database
def export_coco(
    samples: foc.SampleCollection,
    field: str,
    path: str | Path,
    *,
    results: bool = False,
    categories: str | None = None,
    include_rejected: bool = False,
    progress: Progress = None,
) -> ExportReport:
    """Write labels as a COCO file; masks as run lengths at image size, no pixel changed.

    Ids, the order and the categories are those of the file that `import_coco` read, if it did;
    new labels and images get ids above those, after them. The box and area of an imported label are
    the file's as long as the label is as imported. Lists of classes that images of LVIS came with
    (see `import_labels`) go out again.

    Args:
        samples: a dataset or view of images.
        field: Detections, or closed Polylines.
        path: of the JSON file, in a folder that is there. Of the files that may be there, only one
            that was written here is replaced.
        results: write the list of results that COCO evaluations take, each with a `score`, instead
            of a dataset with `images`, `categories` and `annotations`.
        categories: imported field whose category ids to use. When None the field's own or, if it
            was not imported, those of the only field that was; without any, classes count from 1
            in alphabetical order.
        include_rejected: write labels that somebody rejected (see `reject`) too.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Raises:
        InputError: the samples or field do not fit, a result without a confidence, a label without
            a class, an unreadable mask or image, or categories of several files to choose from.
        StoreError: `path` cannot be written, or is another's file.

    Example:
        >>> print(ntt.export_coco(view, "ground_truth", "truth.json"))
        truth.json: 11 instances of 3 images
        >>> print(ntt.export_coco(view, "predictions", "found.json", results=True))
        found.json: ... instances of 3 images
    """
    path = Path(path)
    require_writable(path, COCO_FILE)
    check_whole_images(samples, "exporting")
    label_field_type(samples, field, SHAPE_TYPES)
    if not include_rejected:
        samples = without_rejected(samples, field)
    if results:
        check_confidences(samples, field)
    found = _read_field(samples, field, categories, progress)
    content: Any = [_result(row) for row in found.rows] if results else _file_content(found)
    write_atomically(path, COCO_FILE.content(content), COCO_FILE)
    empty = sum(row.empty for row in found.rows)
    return ExportReport(path, len(found.images), len(found.rows), found.category_ids, empty)


def coco_content(
    samples: foc.SampleCollection, field: str, categories: str | None = None
) -> Record:
    """What `export_coco` writes, with the images in the order of the view; see there."""
    return _file_content(_read_field(samples, field, categories, progress=False))


@dataclass(frozen=True)
class _Row:
    """One label: what results and annotations share, and what only one of them has."""

    fields: Record
    key: Any
    crowd: bool
    area: float
    score: float | None
    position: float
    empty: bool


@dataclass(frozen=True)
class _FieldExport:
    images: list[Record]
    listed: list[Record]
    category_ids: dict[str, int]
    rows: list[_Row]


def _read_field(
    samples: foc.SampleCollection, field: str, categories: str | None, progress: Progress
) -> _FieldExport:
    source, listed = _import_source(samples, field, categories)
    lists = _class_lists(samples, field)
    category_ids = _category_ids(samples, field, listed, lists)
    images = _image_records(samples, source.get("images"))
    for word, column in lists.items():
        for image, names in zip(images, column, strict=True):
            if names is not None:
                image[word] = [category_ids[name] for name in names]
    rows: list[_Row] = []
    with progress_steps(sample_count(samples), progress) as advance:
        for sample, image in zip(samples.select_fields(field).iter_samples(), images, strict=True):
            rows.extend(_rows(sample[field], image, category_ids))
            advance()
    return _FieldExport(images, listed, category_ids, rows)


def _file_content(found: _FieldExport) -> Record:
    return {
        "images": found.images,
        "categories": _category_records(found.listed, found.category_ids),
        "annotations": _annotations(found.rows),
    }


def _import_source(
    samples: foc.SampleCollection, field: str, categories: str | None
) -> tuple[Record, list[Record]]:
    """What is known of the field's import, and the categories to use."""
    imports: dict[str, Record] = samples._root_dataset.info.get(INFO, {})
    name = categories or field
    if name not in imports and categories is None and len(imports) == 1:
        [name] = imports
    if name not in imports and (imports or categories is not None):
        raise InputError(
            f"the category ids for field {field!r} are open: {name!r} was not imported by "
            f"`import_coco`. Pass categories= one of: {', '.join(imports) or 'none was'}."
        )
    source = imports.get(name, {})
    return source, list(source.get("categories", []))


def _class_lists(samples: foc.SampleCollection, field: str) -> dict[str, list[Any]]:
    """The lists of classes of each sample that a file of LVIS came with, by the file's word."""
    named = class_list_fields(field).items()
    return {
        word: samples.values(name) for word, name in named if samples.get_field(name) is not None
    }


def _category_ids(
    samples: foc.SampleCollection,
    field: str,
    listed: Sequence[Record],
    lists: Mapping[str, Sequence[Any]],
) -> dict[str, int]:
    found = class_names(samples, field)
    ids = {str(record["name"]): int(record["id"]) for record in listed}
    first = max(ids.values(), default=0) + 1
    found += [name for column in lists.values() for names in column for name in names or ()]
    new = [name for name in dict.fromkeys(found) if name not in ids]
    return ids | {name: first + index for index, name in enumerate(new)}


def class_names(samples: foc.SampleCollection, field: str) -> list[str]:
    """The classes of a field's labels, in alphabetical order.

    Raises:
        InputError: some labels have none.
    """
    path = labels_path(samples, field)
    # Asked of the database: FiftyOne does not load a sample with a class that is no text.
    unnamed = samples.filter_labels(field, ~F("label").is_string()).count(path)
    if unnamed:
        raise InputError(
            f"{unnamed} of {samples.count(path)} labels in field {field!r} have no class (their "
            "`label` is no text). Give them one, or export a view without them."
        )
    found: list[str] = samples.distinct(f"{path}.label")
    return found


def _category_records(listed: Sequence[Record], ids: dict[str, int]) -> list[Record]:
    known = {record["name"] for record in listed}
    new = [{"id": key, "name": name} for name, key in ids.items() if name not in known]
    return [*listed, *new]


def _image_records(samples: foc.SampleCollection, root: str | None) -> list[Record]:
    """`id`, `file_name`, `width` and `height` of each sample, in the order of the view."""
    names = ["filepath", "metadata.height", "metadata.width"]
    has_ids = samples.get_field(ID) is not None
    columns = samples.values([*names, *([ID] if has_ids else [])])
    paths, heights, widths = columns[:3]
    keys = _new_ids(columns[3] if has_ids else [None] * len(paths))
    inside = root is not None and all(path.startswith(root + os.sep) for path in paths)
    if not inside:
        root = common_folder(paths)
    sizes = [known_size(*row) for row in zip(paths, heights, widths, strict=True)]
    return [
        {
            "id": key,
            "file_name": Path(os.path.relpath(path, root)).as_posix(),
            "height": height,
            "width": width,
        }
        for key, path, (height, width) in zip(keys, paths, sizes, strict=True)
    ]


def common_folder(paths: Sequence[str]) -> str:
    """The folder below which all of some files lie; none of no files."""
    return os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""


def _new_ids(keys: Sequence[Any]) -> list[Any]:
    """The ids, with one of its own for whatever has none or repeats another's."""
    following = max((key for key in keys if isinstance(key, int)), default=0) + 1
    seen: set[Any] = set()
    unique = []
    for given in keys:
        key = given
        if key is None or key in seen:
            key, following = following, following + 1
        seen.add(key)
        unique.append(key)
    return unique


def _rows(
    labels: fol.Detections | fol.Polylines | None, image: Record, ids: dict[str, int]
) -> Iterator[_Row]:
    size = (image["height"], image["width"])
    for label in labels[labels._LABEL_LIST_FIELD] if labels is not None else ():
        shape = label_shape(label, size)
        source = label.get_attribute_value(SOURCE, None) or {}
        yield _Row(
            {
                "image_id": image["id"],
                "category_id": ids[label.label],
                **result_fields(shape),
            },
            key=label.get_attribute_value(ID, None),
            crowd=bool(label.get_attribute_value(CROWD, False)),
            area=shape.area,
            score=label.confidence,
            position=source.get("position", float("inf")),
            empty=shape.is_empty,
        )


def _result(row: _Row) -> Record:
    return {**row.fields, "score": row.score}


def _annotations(rows: list[_Row]) -> list[Record]:
    """In the order of the file they came from; the sort is stable, so new ones keep theirs."""
    ordered = sorted(rows, key=lambda row: row.position)
    keys = _new_ids([row.key for row in ordered])
    return [
        {"id": key, **row.fields, "area": row.area, "iscrowd": int(row.crowd)}
        for key, row in zip(keys, ordered, strict=True)
    ]
