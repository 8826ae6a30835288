"""LVIS files: COCO's, of which each image is annotated for some categories alone."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.coco.reading import streamed_content
from fiftyone_ntt.formats.coco_files import LVIS_MARKS
from fiftyone_ntt.formats.coco_parts import class_names, image_names
from fiftyone_ntt.formats.glance import files_ending, json_keys
from fiftyone_ntt.formats.image_lookup import image_folder
from fiftyone_ntt.formats.label_files import LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.one_file import only_file


def recognise(path: Path) -> str | None:
    """What tells an LVIS file, or a folder with one."""
    if path.is_dir():
        found = _files_in(path)
        return f"it holds {found[0].name}, an LVIS file" if found else None
    marks = sorted(LVIS_MARKS & json_keys(path))
    return f"its images have `{marks[0]}`, as LVIS's have" if marks else None


def _files_in(folder: Path) -> list[Path]:
    return [path for path in files_ending(folder, ".json") if recognise(path)]


def read(path: Path, options: ReadOptions) -> LabelFiles:
    """An LVIS file, see `LabelFormat.reader`.

    In the content, images have `neg_category_ids` and `not_exhaustive_category_ids` and categories
    their `frequency`, as the file has them.
    """
    if path.is_dir():
        path = only_file(path, _files_in(path), "LVIS files")
    content = streamed_content(path)
    return LabelFiles(
        "lvis",
        recognise(path) or "it was said to be",
        image_folder(path, image_names(content), options.images),
        class_names(content),
        lambda findings: [streamed_content(path)],
        own_ids=True,
    )


LVIS = LabelFormat(
    "lvis",
    "LVIS v1 (JSON with federated annotations)",
    "LVIS",
    recognise,
    read,
)
