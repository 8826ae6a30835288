"""Labels of any format as what a COCO file holds, checked as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.image_files import ImageFolder
from fiftyone_ntt.coco.json_items import JsonRows
from fiftyone_ntt.coco.reading import CocoFile, Crowds, StreamedCoco, coco_file, opened_coco
from fiftyone_ntt.errors import InputError, shown
from fiftyone_ntt.formats.label_files import LabelFiles, LabelFormat
from fiftyone_ntt.formats.recognising import FORMATS, recognise


def open_labels(
    path: str | Path,
    format: str | None = None,
    images: str | Path | None = None,
    **options: str | None,
) -> LabelFiles:
    """Recognise labels and look them over.

    Args:
        path: file or folder of the labels.
        format: name of the format; recognised when None.
        images: folder of the images; where the format has them when None.
        options: others of `ReadOptions`, by name; None for one that is not given.

    Raises:
        InputError: of no known format, of several, or not readable as a whole; or an option means
            nothing to the format.
    """
    path = Path(path)
    known, why = recognise(path, format)
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        _check_option(name, known, why)
    found = known.read(path, None if images is None else Path(images), **given)
    return replace(found, why=why)


def _check_option(name: str, known: LabelFormat, why: str) -> None:
    if name not in known.options:
        others = [other.name for other in FORMATS if name in other.options]
        raise InputError(
            f"{name}= (--{name.replace('_', '-')}) means nothing to labels read as {known.name} "
            f"({why}): it is for {' and '.join(others)}. Leave it out."
        )


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
    **options: str | None,
) -> tuple[CocoFile, Path]:
    """Labels of any format as a whole, for what needs no dataset.

    Args:
        path: file or folder of the labels.
        findings: told of what cannot be used; when None, the first bad record is an error.
        format: see `open_labels`.
        images: likewise.
        crowds: see `read_coco`.
        options: see `open_labels`.

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
    content, folder = read_label_content(path, findings, format=format, images=images, **options)
    return coco_file(Path(path), content, findings, crowds=crowds), folder


def read_label_content(
    path: str | Path,
    findings: Findings | None = None,
    *,
    format: str | None = None,
    images: str | Path | None = None,
    **options: str | None,
) -> tuple[Record, Path]:
    """Labels of any format as what a COCO file would hold, unchecked, and the folder of the images;
    see `read_labels`. A COCO file's content is as it stands."""
    files = open_labels(path, format, images, **options)
    findings = findings or Findings()
    rows: dict[str, list[Any]] = {"images": [], "annotations": []}
    whole: Record = {}
    for part in files.parts(findings):
        whole |= part
        for section, listed in rows.items():
            listed.extend(_entries(path, part, section))
    whole |= rows
    if not whole["images"]:
        lines = findings.lines() or ["nothing is listed"]
        raise InputError(f"{path}: none of its images can be used:\n" + "\n".join(lines))
    return whole, files.folder


def _entries(path: str | Path, content: Record, section: str) -> Iterable[Any]:
    entries = content.get(section)
    if entries is not None and not isinstance(entries, (list, JsonRows)):
        raise InputError(
            f"{path}: {section!r} is {shown(entries)}, not a list. Correct it, or export it again."
        )
    return entries or []


def read_truth(path: str | Path, findings: Findings, **options: Any) -> CocoFile:
    """Labels of any format to score results against, which lie on the pixels as stored.

    Args:
        path: file or folder of the labels.
        findings: told of what cannot be used.
        options: see `read_labels`.

    Raises:
        InputError: see `read_labels`.

    Returns:
        What a COCO file would hold; images of which the labels do not state the size have that of
        their files, as far as those are there.
    """
    file, folder = read_labels(path, findings, **options)
    lookup = ImageFolder(folder, Findings(as_it_stands=True))
    images = {key: _with_size(record, lookup) for key, record in file.images.items()}
    return replace(file, images=images)


def _with_size(record: Record, lookup: ImageFolder) -> Record:
    if {"height", "width"} <= set(record):
        return record
    try:
        height, width = lookup.open(record).size
    except RecordError:
        return record  # which matters to polygons alone, and then is said
    return {**record, "height": height, "width": width}
