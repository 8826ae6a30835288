"""Processes that tests start are checked as the tests are, and leave nothing of it behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import shapes

ROOT = Path(__file__).parents[1]
WRONG = "from fiftyone_ntt.workers.processes import default_workers as f; f(1000, 0.5)"


def run(arguments: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("folders", [(), (ROOT,)])
def test_a_process_is_checked_unless_it_is_to_be_plain(
    tmp_path: Path, folders: tuple[Path, ...]
) -> None:
    cwd = tmp_path if folders else ROOT
    checked = run(["-c", WRONG], cwd, PYTHONPATH=shapes.python_path(*folders))
    assert "TypeCheckError" in checked.stderr
    plain = run(["-c", WRONG], ROOT, **shapes.plain_environment())
    assert (plain.returncode, plain.stderr) == (0, "")


def test_bytecode_of_a_checked_module_is_not_taken_for_its_own(tmp_path: Path) -> None:
    command = ["-m", "fiftyone_ntt.cli", "--version"]
    caches = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    assert run(command, ROOT, **caches).returncode == 0
    plain = run(command, ROOT, **(shapes.plain_environment() | caches))
    assert (plain.returncode, plain.stderr) == (0, "")
