"""COCO's own files, among the formats: recognised, and found in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.reading import streamed_content
from fiftyone_ntt.formats.coco_parts import class_names, image_names
from fiftyone_ntt.formats.glance import files_ending, json_keys
from fiftyone_ntt.formats.image_lookup import image_folder
from fiftyone_ntt.formats.label_files import Content, LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.one_file import only_file

LVIS_MARKS = frozenset({"neg_category_ids", "not_exhaustive_category_ids"})
"""What the images of LVIS have, and no other COCO file's."""
PANOPTIC_MARKS = frozenset({"segments_info", "isthing"})
"""What COCO's panoptic files have."""
_FOLDERS = ("", "annotations")


def is_coco(path: Path) -> bool:
    """Whether a file looks like a COCO file, and not like another that is built like one."""
    keys = json_keys(path) if path.suffix.lower() == ".json" else frozenset()
    lists = "images" in keys and bool(keys & {"annotations", "categories", "file_name"})
    found = lists or {"image_id", "category_id", "annotations"} <= keys
    captions = "caption" in keys and not keys & {"category_id", "bbox", "segmentation"}
    return found and not captions and not keys & (LVIS_MARKS | PANOPTIC_MARKS)


def _found(path: Path) -> list[Path]:
    """The COCO files that a path may mean."""
    if path.is_file():
        return [path] if is_coco(path) else []
    for name in _FOLDERS:
        if found := [file for file in files_ending(path / name, ".json") if is_coco(file)]:
            return found
    return []


def coco_path(path: Path) -> Path:
    """The COCO file that a file or folder means.

    Raises:
        InputError: there is none, or several.
    """
    if not path.is_dir():
        return path
    return only_file(path, _found(path), "COCO files")


def _recognise(path: Path) -> str | None:
    found = _found(path)
    if not found:
        return None
    where = found[0].name
    return f"{where} lists images and annotations as a COCO file does"


def _read(path: Path, options: ReadOptions) -> LabelFiles:
    file = coco_path(path)

    def parts(findings: Findings) -> Iterable[Content]:
        return [streamed_content(file)]

    why = _recognise(path) or "it was said to be a COCO file"
    content = streamed_content(file)
    folder = image_folder(file, image_names(content), options.images)
    return LabelFiles(
        "coco", why, folder, class_names(content), parts, _lost(file, content), own_ids=True
    )


def _lost(path: Path, content: Content) -> tuple[str, ...]:
    """Key points, of files such as `person_keypoints_val2017.json`."""
    if "keypoints" not in json_keys(path):  # then the annotations need not be read for this alone
        return ()
    rows = (row for row in content.get("annotations") or () if isinstance(row, dict))
    count = sum(bool(row.get("keypoints")) for row in rows)
    return (f"key points of {count} annotations",) if count else ()


COCO = LabelFormat(
    name="coco",
    title="COCO annotations (JSON)",
    tool="CVAT, Label Studio, Roboflow, pycocotools and others",
    recognise=_recognise,
    reader=_read,
)
