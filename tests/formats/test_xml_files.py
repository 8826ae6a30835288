"""XML is read without what could make it endless."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiftyone_ntt.formats.xml_files import UnreadableXML, read_xml


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        ("<a><b></a>", "not well-formed"),
        ("<a>&b;</a>", "not well-formed"),
        ("", "not well-formed"),
        ("<a>" * 200 + "</a>" * 200, "nested too deeply"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "not well-formed"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(UnreadableXML, match=reason):
        read_xml(path)


def test_other_encodings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes('<?xml version="1.0" encoding="utf-16"?><a b="ö">Möwe</a>'.encode("utf-16"))
    root = read_xml(path)
    assert (root.text, root.attrib) == ("Möwe", {"b": "ö"})
