"""Items of long JSON lists, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.coco import json_items as module
from fiftyone_ntt.coco.json_items import json_items
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
