"""XML files of somebody else's, read without entities and document types."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from fiftyone_ntt.core.regular_files import require_regular_file

_MOST_BYTES = 2**30
_MOST_DEPTH = 100


class UnreadableXML(ValueError):
    """No XML, or none of a kind that annotation tools write; the message is the reason."""


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file.

    A document type is refused, since entities that it declares can stand for more text than memory
    holds, or for other files.

    Raises:
        UnreadableXML: it is not well-formed, has a document type, or is nested too deeply.
        OSError: the file cannot be read.

    Example:
        >>> _ = Path("few.xml").write_text("<a><b>1</b></a>")
        >>> read_xml(Path("few.xml")).findtext("b")
        '1'
    """
    require_regular_file(path, _MOST_BYTES)
    builder = ElementTree.TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MOST_DEPTH:
            raise UnreadableXML("its elements are nested too deeply")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> None:
        raise UnreadableXML("it declares a document type, which no annotation tool writes")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except (expat.ExpatError, LookupError) as error:  # LookupError: of an unknown encoding
        raise UnreadableXML(f"it is not well-formed: {error}") from error
    return builder.close()
