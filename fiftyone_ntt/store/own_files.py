"""Which files this package wrote, told by their content: only those may it replace or delete."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_JSON_MARK = b"\t \t\t \n"
"""Before the JSON of every file written here. White space means nothing to a reader of JSON, which
has no comments, and a list of results has no place for a name; no other program begins so."""
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


def json_bytes(content: Any, **options: Any) -> bytes:
    """JSON values as the content of a file that is known again; `options` are `json.dumps`'s."""
    return _JSON_MARK + json.dumps(content, **options).encode()


def png_kind(name: str, keyword: str, text: str = "") -> FileKind:
    """PNG files that hold a text under a keyword."""
    chunk = b"tEXt" + keyword.encode() + b"\0" + text.encode()

    def wrote(path: Path) -> bool:
        head = _head(path)
        return head.startswith(_PNG) and chunk in head

    return FileKind(name, wrote)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _begins_with_mark(path: Path) -> bool:
    return _head(path).startswith(_JSON_MARK)


JSON_FILE = FileKind("JSON file", _begins_with_mark)
"""What `json_bytes` made."""
COCO_FILE = FileKind("COCO file", _begins_with_mark)
"""The same, of annotations or results."""

PICTURE_TEXT = ("Software", "fiftyone-ntt")
"""Keyword and text of every picture."""
PICTURE = png_kind("picture", *PICTURE_TEXT)
