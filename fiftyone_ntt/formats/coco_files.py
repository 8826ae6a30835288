"""COCO's own files, among the formats: recognised, and found in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.reading import read_content
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.glance import files_ending, json_keys
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat

_OTHERS = frozenset({"segments_info", "neg_category_ids", "not_exhaustive_category_ids"})
"""Keys of formats that are built like COCO's and have readers of their own."""
_FOLDERS = ("", "annotations")


def _is_coco(path: Path) -> bool:
    keys = json_keys(path) if path.suffix.lower() == ".json" else frozenset()
    lists = "images" in keys and bool(keys & {"annotations", "categories", "file_name"})
    return (lists or {"image_id", "category_id", "annotations"} <= keys) and not keys & _OTHERS


def _found(path: Path) -> list[Path]:
    """The COCO files that a path may mean."""
    if path.is_file():
        return [path] if _is_coco(path) else []
    for name in _FOLDERS:
        if found := [file for file in files_ending(path / name, ".json") if _is_coco(file)]:
            return found
    return []


def coco_path(path: Path) -> Path:
    """The COCO file that a file or folder means.

    Raises:
        InputError: there is none, or several.
    """
    if not path.is_dir():
        return path
    found = _found(path)
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"{path} holds no COCO file. Pass the file itself.")
    names = ", ".join(file.name for file in found[:5])
    raise InputError(
        f"{path} holds {len(found)} COCO files: {names}. Pass one of them, and the folder of its "
        "images as images=."
    )


def _recognise(path: Path) -> str | None:
    found = _found(path)
    if not found:
        return None
    where = found[0].name
    return f"{where} lists images and annotations as a COCO file does"


def _read(path: Path, images: Path | None) -> LabelFiles:
    file = coco_path(path)

    def parts(findings: Findings) -> Iterable[Content]:
        return [read_content(file)]

    why = _recognise(path) or "it was said to be a COCO file"
    return LabelFiles("coco", why, images or file.parent, (), parts, own_ids=True)


COCO = LabelFormat(
    name="coco",
    title="COCO annotations (JSON)",
    tool="CVAT, Label Studio, Roboflow, pycocotools and others",
    recognise=_recognise,
    read=_read,
)
