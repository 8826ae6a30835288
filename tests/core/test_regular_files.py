"""Only files that end are opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fiftyone_ntt.core.regular_files import require_regular_file


def test_files_and_links_to_them_have_a_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert [require_regular_file(tmp_path / name) for name in ("file", "link")] == [3, 3]


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"abcd")
    with pytest.raises(FileNotFoundError):
        require_regular_file(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        require_regular_file(tmp_path)
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OSError, match="a pipe or a device, not a file"):
            require_regular_file(path)
    with pytest.raises(OSError, match="more than"):
        require_regular_file(tmp_path / "file", 3)
