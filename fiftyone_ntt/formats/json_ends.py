"""A look at both ends of a JSON file: large ones list thousands of images before all else."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.formats.glance import json_keys

_TAIL_BYTES = 2**16
_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:')


def keys_at_ends(path: Path) -> frozenset[str]:
    """Keys in the beginning and the end of a JSON file, at any depth; none of another file.

    Example:
        >>> _ = Path("few.json").write_text('{"images": [], "categories": []}')
        >>> sorted(keys_at_ends(Path("few.json")))
        ['categories', 'images']
    """
    keys = json_keys(path)
    if not keys:
        return keys
    try:
        size = require_regular_file(path)
        with path.open("rb") as file:
            file.seek(max(0, size - _TAIL_BYTES), os.SEEK_SET)
            text = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return keys
    return keys | frozenset(_KEY.findall(text))
