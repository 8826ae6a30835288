"""Items of long JSON lists, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.coco import json_items as module
from fiftyone_ntt.coco.json_items import JsonRows, json_items, object_with_rows
from fiftyone_ntt.errors import InputError

_ITEMS: list[Any] = [
    12,
    -1.5e3,
    'a, ]\\"[',
    None,
    True,
    [],
    [[1], {}],
    {"é": [1, 2]},
    {"x": "y" * 99},
]


@pytest.mark.parametrize("characters", [1, 2, 3, 7, 2**18])
@pytest.mark.parametrize("indent", [None, 2])
def test_items_come_whole_wherever_the_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, characters: int, indent: int | None
) -> None:
    monkeypatch.setattr(module, "_CHUNK_CHARACTERS", characters)
    for items in (_ITEMS, [], [5]):
        text = json.dumps(items, indent=indent, ensure_ascii=False)
        (tmp_path / "a.json").write_text(f"\ufeff {text}\n ", encoding="utf-8")
        assert list(json_items(tmp_path / "a.json", "list")) == items


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends early"),
        ("[1, 2", "ends early"),
        ("[1, ", "Expecting value"),
        ("[1, ]", "Expecting value"),
        ("[1 2]", "'2' stands where ',' should"),
        ("[1] [2]", "follows the list"),
        ('{"a": 1}', "'{' stands where"),
        ('[{"a": 1]', "Expecting"),
        ("[\x00]", "Expecting value"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=reason):
        list(json_items(tmp_path / "a.json", "list"))


def test_what_is_no_text_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'["\xff"]')
    for name in ("a.json", "none.json", "."):
        with pytest.raises(InputError):
            list(json_items(tmp_path / name, "list"))


@pytest.mark.parametrize("characters", [1, 3, 2**18])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_in_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, characters: int, indent: int | None
) -> None:
    monkeypatch.setattr(module, "_CHUNK_CHARACTERS", characters)
    path = tmp_path / "a.json"
    for held in ({"a": 12, "rows": _ITEMS, "b": {"rows": 1}}, {"rows": []}, {"a": 1}, {}):
        text = json.dumps(held, indent=indent, ensure_ascii=False)
        path.write_text(f"\ufeff {text}\n", encoding="utf-8")
        found = object_with_rows(path, "rows")
        assert found is not None and list(found) == list(held)
        rows = found.get("rows", [])
        assert isinstance(rows, JsonRows) or not rows
        assert [*rows] == [*rows] == held.get("rows", [])
        assert {**found, "rows": 0} == {**held, "rows": 0}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[1]", '{"rows": 1}', '{"rows": [1}', '{"rows": [1], "rows": [2]}', '{"rows": [1,]}'),
        *('{"a": 1 "b": 2}', "{1: 2}", '{"a": 1,}', '{"rows": [1]} x', '{"rows": [' + "[" * 99_999),
    ],
)
def test_an_object_that_is_to_be_read_as_a_whole(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert object_with_rows(tmp_path / "a.json", "rows") is None
    assert object_with_rows(tmp_path / "none.json", "rows") is None
