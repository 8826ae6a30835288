"""Names that are listed in a stub, and looked up when they are first used."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import fiftyone_ntt

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = "lazily_named"

INIT = """
from fiftyone_ntt.lazy_names import lazy_names

origin = "here"
__getattr__, __dir__ = lazy_names(__name__, __file__, eager=["origin"])
"""
STUB = """
from .kitchen import cook as cook
from .rooms.cellar import store as store

origin: str
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package whose stub lists two names, of modules in two folders."""
    files = {
        "__init__.py": INIT,
        "__init__.pyi": STUB,
        "kitchen.py": "def cook(): return 'soup'\n\ndef wash(): return 'plates'\n",
        "rooms/__init__.py": "",
        "rooms/cellar.py": "def store(): return 'wine'\n",
    }
    for name, content in files.items():
        path = tmp_path / PACKAGE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(PACKAGE)
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_a_name_is_what_the_stub_says_and_loads_its_module_alone(package: ModuleType) -> None:
    assert package.store() == "wine"

    assert f"{PACKAGE}.rooms.cellar" in sys.modules
    assert f"{PACKAGE}.kitchen" not in sys.modules
    assert package.cook() == "soup"


def test_a_name_that_the_stub_does_not_list_is_unknown(package: ModuleType) -> None:
    with pytest.raises(AttributeError) as unknown:
        package.wash  # noqa: B018

    # As Python words it.
    assert str(unknown.value) == f"module {PACKAGE!r} has no attribute 'wash'"
    with pytest.raises(AttributeError) as usual:
        ast.wash  # type: ignore[attr-defined]  # noqa: B018
    assert str(usual.value) == str(unknown.value).replace(PACKAGE, "ast")
    with pytest.raises(ImportError, match="cannot import name 'wash'"):
        exec(f"from {PACKAGE} import wash")
    assert not hasattr(package, "wash")


def test_the_names_are_listed(package: ModuleType) -> None:
    assert dir(package) == package.__all__ == ["cook", "origin", "store"]


def test_the_lists_are_the_caller_s_own(package: ModuleType) -> None:
    package.__all__.clear()
    package.__dir__().clear()

    assert dir(package) == package.__all__ == ["cook", "origin", "store"]


def test_all_names_can_be_imported_at_once(package: ModuleType) -> None:
    names: dict[str, object] = {}
    exec(f"from {PACKAGE} import *", names)

    assert set(names) - {"__builtins__"} == {"cook", "origin", "store"}
    assert names["origin"] == "here"
    assert names["store"] is package.store


@pytest.mark.parametrize("room", ["fiftyone_ntt", "fiftyone_ntt.models"])
def test_what_the_package_s_stubs_list_is_there(room: str) -> None:
    module = importlib.import_module(room)
    stub = ast.parse(Path(str(module.__file__)).with_suffix(".pyi").read_text())
    homes = {
        alias.asname: f"{room}.{node.module}"
        for node in ast.walk(stub)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert len(homes) > 10
    assert set(homes) == set(module.__all__) - {"__version__"}
    for name, home in homes.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), str(name))


def test_the_package_s_own_names() -> None:
    names: dict[str, object] = {}
    exec("from fiftyone_ntt import *", names)

    assert set(names) - {"__builtins__"} == set(fiftyone_ntt.__all__) == set(dir(fiftyone_ntt))
    assert names["__version__"] == fiftyone_ntt.__version__
    assert {"segment", "relabel", "MemoryBank"} <= set(names)


WATCHED = """
import json, sys

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)

def seen():
    stubs = sum(name.endswith(".pyi") for name in opened)
    loaded = [name for name in ("lazy_loader", "fiftyone_ntt.errors") if name in sys.modules]
    return [stubs, loaded]

import fiftyone_ntt
fiftyone_ntt.__version__
found = [seen()]
fiftyone_ntt.NttError
found.append(seen())
print(json.dumps(found))
"""


def test_importing_the_package_reads_no_stub() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )

    imported, used = json.loads(run.stdout)
    assert imported == [0, []]
    assert used == [1, ["lazy_loader", "fiftyone_ntt.errors"]]
