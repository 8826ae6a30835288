"""Files are written whole, as new ones or over our own, and over nothing else."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

import fiftyone_ntt
from fiftyone_ntt.drawing.charts import save_chart, shots_chart
from fiftyone_ntt.drawing.overlays import save_picture
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.protocols.draws import Setup
from fiftyone_ntt.protocols.record import Benchmark
from fiftyone_ntt.store.atomic import make_folder, write_atomically, write_folder
from fiftyone_ntt.store.journal import Journal
from fiftyone_ntt.store.own_files import COCO_FILE, REPORT_FILE, FileKind
from tests.store.test_bank_file import example

PIXELS = np.zeros((4, 5, 3), np.uint8)
SETUP = Setup("toy", "demo", "e", "s", "paper", 32, None)


def write_bank(path: Path) -> None:
    example().save(path)


def write_results(path: Path) -> None:
    write_atomically(path, COCO_FILE.content([{"image_id": 1, "score": 0.5}]), COCO_FILE)


def write_chart(path: Path) -> None:
    save_chart(shots_chart({"AP": {1: [0.5]}}), path)


def write_drawing(path: Path) -> None:
    save_picture(path, PIXELS)


def write_report(path: Path) -> None:
    write_atomically(path, REPORT_FILE.content({"rows": []}), REPORT_FILE)


WRITERS = [write_bank, write_results, write_report, write_chart, write_drawing]

FOREIGN = {
    "text": b"my thesis",
    "empty": b"",
    "weights": save({"layer": np.ones(3)}),
    "weights with a header": save({"layer": np.ones(3)}, {"format": "pt"}),
    "COCO of others": b'[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}]',
    "spaced JSON": b" \n[]",
    "picture of others": b"",  # filled in below
}


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "file"
    if request.param == "picture of others":
        Image.fromarray(PIXELS).save(path, "PNG")
    else:
        path.write_bytes(FOREIGN[request.param])
    return path


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_of_others_is_refused_and_kept(foreign: Path, write: Callable[[Path], None]) -> None:
    before = foreign.read_bytes()
    with pytest.raises(StoreError, match=r"file is no .* that fiftyone-ntt wrote.*Move it"):
        write(foreign)
    assert foreign.read_bytes() == before
    assert os.listdir(foreign.parent) == ["file"]


@pytest.mark.parametrize("write", WRITERS)
def test_our_own_are_replaced(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "file"
    write(path)
    number = path.stat().st_ino
    write(path)
    assert path.stat().st_ino != number
    assert os.listdir(tmp_path) == ["file"]


def test_one_kind_is_not_replaced_by_another(tmp_path: Path) -> None:
    for first in WRITERS[:4]:
        for second in WRITERS[:4]:
            path = tmp_path / f"{first.__name__} {second.__name__}"
            first(path)
            if first is not second:
                with pytest.raises(StoreError, match="is no"):
                    second(path)


@pytest.fixture(params=["folder", "pipe", "socket", "link to a pipe", "device"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path, device: Path) -> Iterator[Path]:
    path = tmp_path / "special"
    if request.param == "folder":
        path.mkdir()
    elif request.param == "socket":
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.close()
    elif request.param == "device":
        path = device
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
        path = path if request.param.startswith("link") else tmp_path / "pipe"
    kind = path.stat().st_mode
    yield path
    assert path.stat().st_mode == kind


@pytest.mark.parametrize("write", [*WRITERS, lambda path: Journal(path, "run")])
def test_what_is_no_ordinary_file_is_refused(no_file: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(StoreError, match=r"is a (folder|device).*Pass the path of a file"):
        write(no_file)


@pytest.mark.parametrize("write", WRITERS)
def test_missing_folders_are_named_and_not_made(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    with pytest.raises(StoreError, match=r"there is no folder .*typo. Make it, or choose another"):
        write(tmp_path / "typo" / "file")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["zero\0byte", "lone \ud800 surrogate", "long" * 100])
def test_names_that_no_file_can_have_are_told(tmp_path: Path, name: str) -> None:
    for write in (write_results, make_folder):
        with pytest.raises(StoreError, match=r"[cC]hoose another path"):
            write(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_mark_means_nothing_to_readers_and_is_lost_when_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(path)
    rows = json.loads(path.read_text())
    assert rows == [{"image_id": 1, "score": 0.5}]
    path.write_text(json.dumps(rows, indent=1))  # as an annotation tool saves a person's work
    with pytest.raises(StoreError, match="is no COCO file that fiftyone-ntt wrote"):
        write_results(path)
    assert json.loads(path.read_text()) == rows


WRITES_FILES = {
    *("link", "mkdir", "makedirs", "remove", "removedirs", "rename", "renames", "replace", "rmdir"),
    *("rmtree", "symlink", "touch", "truncate", "unlink", "write_bytes", "write_text"),
    *("imwrite", "savefig", "save_file", "copyfile", "copy2", "move", "mkstemp"),
}
OF_A_MODULE = {"link", "move", "remove", "rename", "replace", "symlink", "truncate"}
"""Also names of methods of strings, lists and data sets: counted as functions of `os`, `shutil`."""
ELSEWHERE = {
    ("journal.py", "open"),  # appends to a journal that it read
    ("journal.py", "unlink"),
    ("proposal_store.py", "mkdir"),
    ("proposal_store.py", "unlink"),  # what is a proposal file by place, name and content
    ("benchmark_running.py", "unlink"),  # results that were looked at, or just written
    ("charts.py", "savefig"),  # into memory
    ("exports.py", "mkdir"),  # the default folder
    ("install.py", "mkdir"),  # after a look at what is there
}


def writing(node: ast.Call) -> str | None:
    """What a call does to files, if anything, by the name it has."""
    if not isinstance(node.func, ast.Attribute | ast.Name):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    owner = getattr(getattr(node.func, "value", None), "id", None)
    if name in OF_A_MODULE:
        return name if owner in ("os", "shutil") else None
    if name in ("open", "fdopen", "ZipFile"):
        modes = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = [str(mode.value) for mode in modes if isinstance(mode, ast.Constant)]
        return (
            name
            if any(re.fullmatch("[rwaxbt+]*[wax+][rwaxbt+]*", text) for text in texts)
            else None
        )
    return name if name in WRITES_FILES else None


def test_nothing_else_writes_replaces_or_deletes_files() -> None:
    package = Path(fiftyone_ntt.__file__).parent
    calls = {
        (path.name, writing(node))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    assert {(file, name) for file, name in calls if name and file != "atomic.py"} == ELSEWHERE
    assert {("atomic.py", name) for name in ("open", "link", "replace", "unlink")} <= calls


def test_output_folders_are_made_but_not_those_above(tmp_path: Path) -> None:
    make_folder(tmp_path / "out")
    make_folder(tmp_path / "out")
    (tmp_path / "out" / "file").touch()
    with pytest.raises(StoreError, match=r"file is a file. Pass the path of a folder"):
        make_folder(tmp_path / "out" / "file")
    with pytest.raises(StoreError, match=r"there is no folder .*typo"):
        make_folder(tmp_path / "typo" / "out")
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "out"

    def broken() -> Iterator[tuple[str, bytes]]:
        yield "a/b.txt", b"1"
        raise InputError("the second cannot be made")

    with pytest.raises(InputError):
        write_folder(folder, broken())
    assert os.listdir(tmp_path) == []
    folder.mkdir()  # an empty one may be there
    write_folder(folder, [("a/b.txt", b"1"), ("c.txt", b"2")])
    assert sorted(os.listdir(folder)) == ["a", "c.txt"]
    assert (folder / "a" / "b.txt").read_bytes() == b"1"
    with pytest.raises(StoreError, match="is there already, and may hold somebody's work"):
        write_folder(folder, [("d.txt", b"3")])
    assert os.listdir(tmp_path) == ["out"] and sorted(os.listdir(folder)) == ["a", "c.txt"]
    with pytest.raises(StoreError, match="there is no folder"):
        write_folder(tmp_path / "typo" / "out", [])


def test_a_folder_that_comes_at_the_last_moment_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "out"

    def meanwhile() -> Iterator[tuple[str, bytes]]:
        folder.mkdir()
        (folder / "theirs.txt").touch()
        yield "ours.txt", b"1"

    with pytest.raises(StoreError, match="is there already"):
        write_folder(folder, meanwhile())
    assert os.listdir(tmp_path) == ["out"] and os.listdir(folder) == ["theirs.txt"]


def test_links_are_followed_and_stay(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere" / "bank")
    for _ in range(2):
        write_bank(link)
        assert link.is_symlink()
    assert os.listdir(tmp_path / "elsewhere") == ["bank"]


def test_a_file_that_comes_at_the_last_moment_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sync = tmp_path / "file", os.fsync

    def meanwhile(number: int) -> None:
        path.write_text("another process's")
        sync(number)

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(StoreError, match="is no COCO file"):
        write_results(path)
    assert path.read_text() == "another process's"
    assert os.listdir(tmp_path) == ["file"]


def test_without_links_files_are_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        write_results(tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_only_a_benchmark_is_replaced_by_one(tmp_path: Path) -> None:
    Benchmark(SETUP, {}).save(tmp_path)
    path = Benchmark(SETUP, {"all": {"a": 1}}).save(tmp_path)
    path.write_text(path.read_text().strip())  # as formatted by somebody: its content tells
    Benchmark(SETUP, {}).save(tmp_path)
    path.write_text('{"version": 7}')
    with pytest.raises(StoreError, match="is no benchmark that fiftyone-ntt wrote"):
        Benchmark(SETUP, {}).save(tmp_path)


def test_a_file_that_goes_at_the_last_moment_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(path)

    def wrote(found: Path) -> bool:
        found.unlink()  # as another process's eviction does
        return COCO_FILE.wrote(found)

    write_atomically(path, b"[]", FileKind("results", wrote))
    assert path.read_bytes() == b"[]"
