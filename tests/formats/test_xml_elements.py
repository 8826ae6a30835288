"""Elements of XML files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.xml_elements import xml_elements

_LAUGHS = "".join(
    f"<!ENTITY e{n} '{'&e' + str(n - 1) + ';' if n else 'ha'}" + f"&e{n - 1};" * 9 * bool(n) + "'>"
    for n in range(12)
)


def _write(folder: Path, text: str) -> Path:
    (folder / "a.xml").write_text(text, encoding="utf-8")
    return folder / "a.xml"


def test_elements_come_whole_and_in_order(tmp_path: Path) -> None:
    text = "<r>" + "".join(f"<a n='{n}'><b>x &amp; {n}</b><c/></a>" for n in range(5000)) + "</r>"
    found = [
        (e.get("n"), e.findtext("b"), len(e)) for e in xml_elements(_write(tmp_path, text), "r")
    ]
    assert found == [(f"{n}", f"x & {n}", 2) for n in range(5000)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<!DOCTYPE r [{_LAUGHS}]><r><a>&e11;</a></r>", "document type"),
        ("<!DOCTYPE r [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><r>&f;</r>", "document type"),
        ("<!DOCTYPE r SYSTEM 'http://127.0.0.1/r.dtd'><r/>", "document type"),
        ("<r><a>&unknown;</a></r>", "no whole XML"),
        ("<r><a></r>", "no whole XML"),
        ("<r><a/>", "no whole XML"),
        ("", "no whole XML"),
        ("<?xml version='1.0' encoding='no-such'?><r/>", "no whole XML"),
        ("<other/>", "not <r>"),
        ("<r>" + "<a>" * 100 + "</a>" * 100 + "</r>", "deeper than"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        list(xml_elements(_write(tmp_path, text), "r"))


def test_files_that_are_not_there_or_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.xml"):
        with pytest.raises(InputError, match="cannot be read"):
            list(xml_elements(path, "r"))
