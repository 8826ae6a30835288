"""Rows on disk: in their order, image by image, to the last bit."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fiftyone_ntt.coco import disk_rows as module
from fiftyone_ntt.coco.disk_rows import DiskRows
from fiftyone_ntt.errors import InputError


@pytest.mark.parametrize("in_memory", [1, 2**20])
def test_rows_come_back(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", in_memory)
    draw = random.Random(1)
    expected: dict[int, list[Any]] = {}
    rows = DiskRows()
    for number in range(500):
        row = [number, draw.random(), -0.0, 2**62, True, None, "é\n\ud800", {"a": 1e-300}]
        image = draw.randrange(40)
        assert rows.put(image, row)
        expected.setdefault(image, []).append(row)
    wanted = [3, 39, 40, 0]
    assert repr(list(rows.take(wanted))) == repr([expected.get(key, []) for key in wanted])
    assert list(rows.take(range(40))) == [expected.get(key, []) for key in range(40)]
    with rows:
        pass
    with pytest.raises(ValueError, match="closed"):
        list(rows.take([0]))


def test_no_rows() -> None:
    with DiskRows() as rows:
        assert list(rows.take([0, 1])) == [[], []]


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, line: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.tempfile, "SpooledTemporaryFile", lambda max_size: Full())
    with pytest.raises(InputError, match=r"failed: No space left on device. Make room there, or"):
        DiskRows().put(0, [])
