"""The journal of a run that may be killed at any byte."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.journal import Journal

RECORDS = [{"image": [1, "a.png"], "results": []}, {"image": [2, "ü\n.png"], "results": [0.1, "x"]}]


def journal_of(path: Path, identity: str = "run-1") -> Journal:
    journal = Journal(path, identity)
    for record in RECORDS[len(journal.records) :]:
        journal.append(record)
    return journal


def test_records_come_back(tmp_path: Path) -> None:
    path = tmp_path / "out.json.journal"
    assert journal_of(path).records == RECORDS
    assert Journal(path, "run-1").records == RECORDS
    assert os.listdir(path.parent) == [path.name]


def test_nothing_is_written_before_the_first_record(tmp_path: Path) -> None:
    assert Journal(tmp_path / "journal", "run-1").records == []
    assert os.listdir(tmp_path) == []


def test_a_run_killed_at_any_byte_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # quick
    path = tmp_path / "journal"
    journal_of(path)
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        finished = sum(end <= length for end in ends[1:])
        assert Journal(path, "run-1").records == RECORDS[:finished]
        journal_of(path)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("place", range(20, 120, 10))
def test_a_damaged_record_is_done_again(tmp_path: Path, place: int) -> None:
    """Also where it is JSON still: a digit of a run length that flips would reach the output."""
    path = tmp_path / "journal"
    journal_of(path)
    head, *lines = path.read_bytes().splitlines(keepends=True)
    damaged = bytearray(b"".join(lines))
    damaged[place % len(damaged)] ^= 1
    path.write_bytes(head + damaged)
    first = place % len(damaged) < len(lines[0])
    assert Journal(path, "run-1").records == ([] if first else RECORDS[:1])


def test_what_was_delivered_may_go(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal_of(path).deliver()
    assert Journal(path, "run-1").records == RECORDS
    assert Journal(path, "run-2").records == []
    assert os.listdir(tmp_path) == []
    journal_of(path).deliver()
    Journal(path, "run-1").append({"more": 1})
    with pytest.raises(StoreError, match=r"holds the unfinished work"):
        Journal(path, "run-2")
    assert Journal(path, "run-1").records == [*RECORDS, {"more": 1}]


@pytest.mark.parametrize("damage", [b"\0" * 40, b"\xff\xfe\n", b'{"a": \n{"b": 1}\n'])
def test_damaged_lines_are_done_again(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal"
    journal_of(path)
    whole = path.read_bytes()
    path.write_bytes(whole + damage)
    assert Journal(path, "run-1").records == RECORDS
    assert path.read_bytes() == whole


def test_another_runs_journal_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal_of(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"run with other images, references.*delete the file"):
        Journal(path, "run-2")
    assert path.read_bytes() == before


def test_another_runs_cut_head_holds_no_work(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal_of(path)
    path.write_bytes(path.read_bytes()[:38])
    assert Journal(path, "run-2").records == []


@pytest.mark.parametrize(
    "content", [b"my notes", b"my notes\n", b"\xff\xd8\xff\xe0", b"[]", b'{"a": 1}\n', b"\n"]
)
def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"something else than the journal"):
        Journal(path, "run-1")
    assert path.read_bytes() == content


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is a folder. Pass the path of a file"):
        Journal(tmp_path, "run-1")


def test_a_full_disk_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_of(tmp_path / "journal")

    def no_space(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(StoreError, match=r"No space left on device. Free space"):
        journal.append({})
    assert journal.records == RECORDS


def test_remove(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "journal")
    journal.remove()
    journal.remove()
    assert os.listdir(tmp_path) == []
