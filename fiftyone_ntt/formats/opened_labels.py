"""Labels of any format as what a COCO file holds, checked as one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.reading import CocoFile, Crowds, StreamedCoco, coco_file, opened_coco
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.label_files import LabelFiles
from fiftyone_ntt.formats.recognising import recognise


def open_labels(
    path: str | Path, format: str | None = None, images: str | Path | None = None
) -> LabelFiles:
    """Recognise labels and look them over.

    Args:
        path: file or folder of the labels.
        format: name of the format; recognised when None.
        images: folder of the images; where the format has them when None.

    Raises:
        InputError: of no known format, of several, or not readable as a whole.
    """
    path = Path(path)
    known, why = recognise(path, format)
    found = known.read(path, None if images is None else Path(images))
    return LabelFiles(**{**vars(found), "why": why})


def checked_parts(
    path: Path, files: LabelFiles, findings: Findings, crowds: Crowds = "ignore"
) -> Iterator[CocoFile | StreamedCoco]:
    """The content in parts, each checked as a COCO file is.

    Args:
        path: of the labels, for messages.
        files: of them.
        findings: told of what cannot be used.
        crowds: see `read_coco`.
    """
    for content in files.parts(findings):
        yield opened_coco(path, content, findings, crowds=crowds)


def read_labels(
    path: str | Path,
    findings: Findings | None = None,
    *,
    format: str | None = None,
    images: str | Path | None = None,
    crowds: Crowds = "ignore",
) -> tuple[CocoFile, Path]:
    """Labels of any format as a whole, for what needs no dataset.

    Args:
        path: file or folder of the labels.
        findings: told of what cannot be used; when None, the first bad record is an error.
        format: see `open_labels`.
        images: likewise.
        crowds: see `read_coco`.

    Raises:
        InputError: see `open_labels`; and none of the images can be used.
        RecordError: a record that cannot be used, unless `findings` skips it.

    Returns:
        What a COCO file would hold, and the folder of the images.

    Example:
        >>> import json
        >>> image = {"id": 1, "file_name": "1.png"}
        >>> content = {"images": [image], "categories": [{"id": 1, "name": "boat"}]}
        >>> _ = Path("truth.json").write_text(json.dumps(content))
        >>> file, _ = read_labels("truth.json")
        >>> file.categories
        {1: 'boat'}
    """
    files, findings = open_labels(path, format, images), findings or Findings()
    rows: dict[str, list[Any]] = {"images": [], "annotations": []}
    whole: Record = {}
    for part in files.parts(findings):
        whole |= part
        for section, listed in rows.items():
            listed.extend(part.get(section) or [])
    whole |= rows
    if not whole["images"]:
        lines = findings.lines() or ["nothing is listed"]
        raise InputError(f"{path}: none of its images can be used:\n" + "\n".join(lines))
    return coco_file(Path(path), whole, findings, crowds=crowds), files.folder
