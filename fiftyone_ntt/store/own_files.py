"""Which files this package wrote, told by their content: only those may it replace or delete."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COCO_MARK = b"\t \t\t \n"
"""White space before the JSON of annotations and results that are written here. To a reader of JSON
it means nothing, and no other program begins so. A key would not do: a list of results has no place
for one, and annotation tools keep the keys of `info` in a file that holds a person's labels by now,
while whatever rewrites a file loses this."""
_REPORT_MARK = b"\t \t\t\t\n"
_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD = 4096
"""Bytes in which a PNG's texts stand, as all are written before its pixels."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file that this package writes.

    Attributes:
        name: as users call it: "memory bank".
        wrote: whether the ordinary file at a path was written here, as one of this kind.
    """

    name: str
    wrote: Callable[[Path], bool]


@dataclass(frozen=True)
class JsonKind(FileKind):
    """A kind of JSON file, known by the white space that it begins with.

    Attributes:
        mark: that white space.
    """

    mark: bytes

    def content(self, values: Any, **options: Any) -> bytes:
        """What to write into such a file; `options` are `json.dumps`'s."""
        return self.mark + json.dumps(values, **options).encode()


def _json_kind(name: str, mark: bytes) -> JsonKind:
    return JsonKind(name, lambda path: _head(path).startswith(mark), mark)


def png_kind(name: str, key: str, text: str = "") -> FileKind:
    """PNG files that hold a text under a key."""
    chunk = b"tEXt" + key.encode() + b"\0" + text.encode()

    def wrote(path: Path) -> bool:
        head = _head(path)
        return head.startswith(_PNG) and chunk in head

    return FileKind(name, wrote)


def is_drawn_here(path: Path) -> bool:
    """Whether a file is a picture that this package drew, of any kind; not an unreadable one."""
    try:
        return path.is_file() and any(kind.wrote(path) for kind in _PICTURES)
    except OSError:
        return False


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


COCO_FILE = _json_kind("COCO file", _COCO_MARK)
"""Annotations or results."""
REPORT_FILE = _json_kind("report of benchmarks", _REPORT_MARK)
"""What `python -m benchmarks` and its like write."""

PICTURE_TEXT = ("Software", "fiftyone-ntt")
"""Key and text of every picture."""
PICTURE = png_kind("picture", *PICTURE_TEXT)

PREDICTIONS_TEXT = "fiftyone-ntt predictions"
"""Key of the text in a picture of predictions that tells what is drawn there."""
PREDICTIONS_PICTURE = png_kind("picture of predictions", PREDICTIONS_TEXT)
REFERENCE_TEXT = "fiftyone-ntt bank"
"""Key of the text in a picture of a reference that names its bank."""
REFERENCE_PICTURE = png_kind("picture of a reference", REFERENCE_TEXT)
_PICTURES = (PICTURE, PREDICTIONS_PICTURE, REFERENCE_PICTURE)
PAGE_MARK = b"<!DOCTYPE html>\n<!-- pictures of predictions, by fiftyone-ntt -->\n"
"""How the page that shows them begins."""
PICTURES_PAGE = FileKind("page of pictures", lambda path: _head(path).startswith(PAGE_MARK))
