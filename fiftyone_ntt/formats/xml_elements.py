"""XML files of somebody else's, read without entities and without holding the whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, XMLParser

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError

_CHUNK_BYTES = 2**16
_MOST_BYTES = 4 * 2**30
_MOST_LEVELS = 50


def xml_elements(path: Path, root: str) -> Iterator[Element]:
    """The elements right under a file's root, each with all that is in it, one after the other.

    A document type is refused: its entities can stand for other files, or for gigabytes.

    Args:
        path: of the file.
        root: the name that its root must have.

    Raises:
        InputError: no such file, no XML, another root, a document type, nested too deeply.

    Example:
        >>> _ = Path("few.xml").write_text("<a><b x='1'><c/></b><d/></a>")
        >>> [(element.tag, len(element)) for element in xml_elements(Path("few.xml"), "a")]
        [('b', 1), ('d', 0)]
    """
    builder = _Builder(path, root)
    parser = XMLParser(target=builder)
    try:
        require_regular_file(path, _MOST_BYTES)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                parser.feed(chunk)
                while builder.complete:
                    yield builder.complete.popleft()
        parser.close()
    except (ParseError, ValueError, LookupError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} is no whole XML file: {error}. Export it from the tool again."
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    yield from builder.complete


class _Builder:
    """What the parser calls; holds one element under the root at a time."""

    def __init__(self, path: Path, root: str) -> None:
        self.complete: deque[Element] = deque()
        self._path, self._root = path, root
        self._open: list[Element] = []

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise InputError(
            f"{self._path} has a document type ({name}), which can make a reader open other files "
            "or fill its memory, and which no annotation tool writes. Remove the line <!DOCTYPE."
        )

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._open and tag != self._root:
            raise InputError(f"{self._path} holds <{tag}>, not <{self._root}>.")
        if len(self._open) == _MOST_LEVELS:
            raise InputError(f"{self._path} is nested deeper than {_MOST_LEVELS} elements.")
        element = Element(tag, attributes)
        if len(self._open) > 1:
            self._open[-1].append(element)
        self._open.append(element)

    def data(self, text: str) -> None:
        if len(self._open) > 1 and not len(self._open[-1]):
            self._open[-1].text = (self._open[-1].text or "") + text

    def end(self, tag: str) -> None:
        element = self._open.pop()
        if len(self._open) == 1:
            self.complete.append(element)

    def close(self) -> None:
        """Nothing is left to do."""
