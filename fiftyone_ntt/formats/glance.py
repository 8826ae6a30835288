"""A look at files that is quick however large they are: first bytes, and some of the names."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path

from fiftyone_ntt.core.regular_files import require_regular_file

_HEAD_BYTES = 2**16
_MOST_NAMES = 2000
_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:')


def head(path: Path, most_bytes: int = _HEAD_BYTES) -> str:
    """The beginning of a file as text; nothing of what is no regular file or cannot be read.

    Example:
        >>> _ = Path("few.txt").write_text("abc")
        >>> head(Path("few.txt"), 2)
        'ab'
    """
    try:
        require_regular_file(path)
        with path.open("rb") as file:
            return file.read(most_bytes).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def tail(path: Path) -> str:
    """The end of a file that is longer than `head`; likewise."""
    try:
        size = require_regular_file(path)
        with path.open("rb") as file:
            file.seek(max(_HEAD_BYTES, size - _HEAD_BYTES))
            return file.read(_HEAD_BYTES).decode(errors="replace")
    except OSError:
        return ""


def names_in(folder: Path, most: int = _MOST_NAMES) -> list[str]:
    """Names in a folder in order, of a large one only the first that the system lists; none of what
    is no folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, most))
    except OSError:
        return []


def files_ending(folder: Path, *ends: str) -> list[Path]:
    """Files of a folder with such suffixes, in small letters with their dots, as `names_in`."""
    return [folder / name for name in names_in(folder) if name.lower().endswith(ends)]


def json_keys(path: Path) -> frozenset[str]:
    """Keys that occur in the beginning and the end of a JSON file, at any depth; none of another
    file."""
    text = head(path)
    if text.lstrip()[:1] not in ("{", "["):
        return frozenset()
    return frozenset(_KEY.findall(text)).union(_KEY.findall(tail(path)))
