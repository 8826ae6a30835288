"""A long JSON list of somebody else's, read item by item."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError

_CHUNK_CHARACTERS = 2**18
_MOST_BYTES = 64 * 2**30
_AFTER = (",", "]", " ", "\t", "\r", "\n")
_SPACE = re.compile(r"[ \t\r\n]*")


def json_items(path: Path, what: str) -> Iterator[Any]:
    """The items of the list that a JSON file holds, without holding more than one.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        InputError: no such file, no JSON list, or nested too deeply; perhaps after some items.

    Example:
        >>> _ = Path("few.json").write_text('[1, {"a": [2, 3]}, "x"]')
        >>> list(json_items(Path("few.json"), "list"))
        [1, {'a': [2, 3]}, 'x']
    """
    try:
        require_regular_file(path, _MOST_BYTES)
        with path.open(encoding="utf-8-sig") as file:
            yield from _Reader(file).items()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file. Check the path.") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply to be of use. Pass a {what}.") from error
    except (ValueError, OSError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} is not a JSON list: {reason}. Pass a {what}.") from error


class _Reader:
    """What of the file is read and not yet taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text, self._place, self._ended = "", 0, False
        self._decode = json.JSONDecoder().raw_decode

    def items(self) -> Iterator[Any]:
        self._take("[")
        between = ""
        while self._sign() != "]":
            if between:
                self._take(between)
            yield self._item()
            between = ","
        self._take("]")
        if self._sign():
            raise ValueError("something follows the list")

    def _item(self) -> Any:
        self._sign()
        while True:
            try:
                item, end = self._decode(self._text, self._place)
                # A number that is cut is a number too.
                if self._text[end : end + 1] in _AFTER or self._ended:
                    self._place = end
                    return item
            except json.JSONDecodeError:
                if self._ended:
                    raise
            self._read_on()

    def _take(self, sign: str) -> None:
        found = self._sign()
        if found != sign:
            raise ValueError(
                f"{found!r} stands where {sign!r} should" if found else "it ends early"
            )
        self._place += 1

    def _sign(self) -> str:
        """The next character that is no space, which is not taken; none at the end."""
        while True:
            space = _SPACE.match(self._text, self._place)
            self._place = space.end() if space else self._place
            if self._place < len(self._text) or self._ended:
                return self._text[self._place : self._place + 1]
            self._read_on()

    def _read_on(self) -> None:
        """As much again as is held already, so that long items are tried few times."""
        rest = self._text[self._place :]
        chunk = self._file.read(max(_CHUNK_CHARACTERS, len(rest)))
        self._text, self._place, self._ended = rest + chunk, 0, not chunk
