"""What the package promises as a whole: versions, what is in a wheel, what imports what."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest
import yaml

import fiftyone_ntt
from tests import shapes

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "fiftyone_ntt"
SOURCES = sorted(PACKAGE.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_packages(path: Path) -> set[str]:
    """Top-level names of all that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def modules_loaded_by(statement: str) -> set[str]:
    """Top-level modules in memory after a statement in a new process."""
    script = f"{statement}\nimport sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env=shapes.plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_the_plugin_has_the_package_s_version() -> None:
    definition = yaml.safe_load((CHECKOUT / "fiftyone.yml").read_text())

    assert definition["version"] == fiftyone_ntt.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", fiftyone_ntt.__version__)


def test_a_downloaded_plugin_requires_what_the_package_does() -> None:
    project = (CHECKOUT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert listed is not None
    package = re.findall(r'"([^"]+)"', listed[1])
    lines = (CHECKOUT / "requirements.txt").read_text().splitlines()
    plugin = [line for line in lines if not line.startswith("#")]

    assert plugin == [name for name in package if not name.startswith("fiftyone")]


def test_the_plugin_s_entry_exists() -> None:
    definition = yaml.safe_load((CHECKOUT / "fiftyone.yml").read_text())

    assert (CHECKOUT / definition["py_entry"]).is_file()


@pytest.mark.parametrize(
    "module",
    ["fiftyone_ntt", "fiftyone_ntt.cli", "fiftyone_ntt.plugin", "fiftyone_ntt._plugin"],
)
def test_importing_costs_neither_torch_nor_fiftyone(module: str) -> None:
    loaded = modules_loaded_by(f"import {module}")

    assert not loaded & {"torch", "transformers", "fiftyone", "numpy"}


def test_core_runs_without_fiftyone_and_transformers() -> None:
    modules = [
        f"fiftyone_ntt.core.{path.stem}" for path in sorted((PACKAGE / "core").glob("[!_]*.py"))
    ]

    loaded = modules_loaded_by("; ".join(f"import {module}" for module in modules))

    assert len(modules) > 5
    assert not loaded & {"fiftyone", "transformers"}


ROOMS = {
    "core": {"fiftyone", "transformers"},
    "models": {"fiftyone"},
    "store": {"fiftyone", "transformers"},
    "coco": {"fiftyone"},
    "protocols": {"fiftyone"},
    "drawing": {"fiftyone"},
    "trials": {"fiftyone"},
}
"""Packages that no file of a room may import, in a function neither."""


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room: str) -> None:
    paths = sorted((PACKAGE / room).rglob("*.py"))

    offending = {path.name: imported_packages(path) & ROOMS[room] for path in paths}

    assert paths
    assert {name: names for name, names in offending.items() if names} == {}


@pytest.mark.parametrize("name", ["pickle", "dill", "cloudpickle", "torchvision"])
def test_nothing_imports(name: str) -> None:
    assert [path.name for path in SOURCES if name in imported_packages(path)] == []


def test_joblib_runs_processes_and_reads_no_files() -> None:
    """Its files are pickles."""
    attributes = {
        (path.name, node.attr)
        for path in SOURCES
        if "joblib" in imported_packages(path)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "joblib"
    }
    assert {name for _, name in attributes} == {"cpu_count"}


def test_torch_load_reads_weights_alone() -> None:
    calls = [
        (path.name, node)
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]

    assert [name for name, call in calls if not weights_only(call)] == []


def weights_only(call: ast.Call) -> bool:
    return any(
        keyword.arg == "weights_only"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in call.keywords
    )


@pytest.mark.slow
def test_a_wheel_holds_all_that_the_package_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(build, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert wheel.name == f"fiftyone_ntt-{fiftyone_ntt.__version__}-py3-none-any.whl"
    package_data = {
        path.relative_to(CHECKOUT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {*package_data, "fiftyone_ntt/plugin/fiftyone.yml"} <= names
    assert {name.partition("/")[0] for name in names} == {
        "fiftyone_ntt",
        f"fiftyone_ntt-{fiftyone_ntt.__version__}.dist-info",
    }
