"""Long JSON lists of somebody else's, alone in a file or in an object, read item by item."""

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
_AFTER = (",", "]", "}", ":", " ", "\t", "\r", "\n")
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


class JsonRows:
    """A list in a JSON file's object, read from the file at each pass and never held.

    Args:
        path: of the file.
        key: of the list in the object.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self._key = path, key
        self._stamp = _stamp(path)

    def __iter__(self) -> Iterator[Any]:
        """The items.

        Raises:
            InputError: the file is not what it was any more.
        """
        try:
            if _stamp(self.path) == self._stamp:
                with self.path.open(encoding="utf-8-sig") as file:
                    for name, value in _Reader(file).members(self._key):
                        if name == self._key:
                            yield from value
            changed = _stamp(self.path) != self._stamp
        except (ValueError, OSError, RecursionError) as error:
            if isinstance(error, InputError):
                raise  # of whoever takes the items
            changed = True
        if changed:
            raise InputError(
                f"{self.path} was changed while it was read. Make the same call again."
            )


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def object_with_rows(path: Path, key: str) -> dict[str, Any] | None:
    """What the object of a JSON file holds, with one list of it as `JsonRows`.

    Args:
        path: of the file.
        key: of the list.

    Returns:
        None where the file is to be read as a whole: it is no such object, or no JSON, and that
        reading says what is wrong.

    Example:
        >>> _ = Path("few.json").write_text('{"a": 1, "b": [2, {"c": 3}], "d": []}')
        >>> found = object_with_rows(Path("few.json"), "b")
        >>> found["a"], list(found["b"]), found["d"]
        (1, [2, {'c': 3}], [])
    """
    found: dict[str, Any] = {}
    try:
        require_regular_file(path, _MOST_BYTES)
        rows = JsonRows(path, key)
        with path.open(encoding="utf-8-sig") as file:
            for name, value in _Reader(file).members(key):
                if name == key:
                    if key in found:
                        return None
                    for _ in value:
                        pass
                found[name] = rows if name == key else value
    except (ValueError, OSError, RecursionError):
        return None
    return found


class _Reader:
    """What of the file is read and not yet taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text, self._place, self._ended = "", 0, False
        self._decode = json.JSONDecoder().raw_decode

    def items(self) -> Iterator[Any]:
        """Of a list that is all there is."""
        yield from self._listed()
        if self._sign():
            raise ValueError("something follows the list")

    def _listed(self) -> Iterator[Any]:
        self._take("[")
        between = ""
        while self._sign() != "]":
            if between:
                self._take(between)
            yield self._item()
            between = ","
        self._take("]")

    def members(self, key: str) -> Iterator[tuple[str, Any]]:
        """Names and values of an object that is all there is; of the list `key`, an iterator of its
        items, which is to be used up before the next member is asked for.

        Raises:
            ValueError: no object, `key` is no list, or no JSON.
        """
        self._take("{")
        between = ""
        while self._sign() != "}":
            if between:
                self._take(between)
            if self._sign() != '"':
                raise ValueError("a name is no text")
            name = self._item()
            self._take(":")
            yield name, self._listed() if name == key else self._item()
            between = ","
        self._take("}")
        if self._sign():
            raise ValueError("something follows the object")

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
