"""The plugin's stub folder, and the three ways in which FiftyOne comes to the plugin's code."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

import fiftyone_ntt
from fiftyone_ntt import plugin
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.plugin import PLUGIN_NAME
from fiftyone_ntt.plugin.install import install_plugin
from tests.database import PrivateDatabase
from tests.shapes import python_path

CHECKOUT = Path(__file__).resolve().parents[2]

LOOK_UP = """
import json, sys
from pathlib import Path

def holds_package(folder):
    # An editable install's site-packages hold a folder of that name too, with data alone.
    return (Path(folder) / "fiftyone_ntt" / "__init__.py").is_file()

if {hide_package}:
    sys.path[:] = [folder for folder in sys.path if not holds_package(folder)]
import fiftyone.plugins as fop
from fiftyone.operators.registry import OperatorRegistry

errors = [error for _ in range(2) for error in OperatorRegistry().list_errors()]
import fiftyone_ntt
found = OperatorRegistry().list_operators()
print(json.dumps({{
    "operators": [op.name for op in found if (op.plugin_name or "").startswith("@ntt/")],
    "plugins": [plugin.name for plugin in fop.list_plugins()],
    "versions": [plugin.version for plugin in fop.list_plugins()],
    "errors": errors,
    "package": fiftyone_ntt.__file__,
}}))
"""


def look_up(plugins_dir: Path, *, hide_package: bool) -> dict[str, Any]:
    """What a new process of FiftyOne finds in a plugins folder, as the App's server would.

    Args:
        plugins_dir: FiftyOne's plugins folder
        hide_package: whether `fiftyone_ntt` is kept off the import path first
    """
    run = subprocess.run(
        [sys.executable, "-c", LOOK_UP.format(hide_package=hide_package)],
        cwd=plugins_dir,
        env={
            **os.environ,
            "FIFTYONE_PLUGINS_DIR": str(plugins_dir),
            "PYTHONPATH": python_path() if hide_package else python_path(CHECKOUT),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def listed_operators() -> list[str]:
    """What `fiftyone.yml` promises; panels are operators too."""
    definition = yaml.safe_load((CHECKOUT / "fiftyone.yml").read_text())
    return [*definition["operators"], *definition["panels"]]


def test_the_stub_is_found_and_loads(tmp_path: Path, private_database: PrivateDatabase) -> None:
    folder = install_plugin(tmp_path)

    found = look_up(tmp_path, hide_package=False)

    assert folder == tmp_path / "@ntt" / "reference_segmentation"
    assert found["plugins"] == [PLUGIN_NAME]
    assert found["versions"] == [fiftyone_ntt.__version__]
    assert found["operators"] == listed_operators()
    assert found["errors"] == []


@pytest.mark.parametrize("way", ["link", "copy"])
def test_a_checkout_loads_without_the_package_installed(
    way: str, tmp_path: Path, private_database: PrivateDatabase
) -> None:
    folder = tmp_path / "downloaded"
    if way == "link":
        folder.symlink_to(CHECKOUT, target_is_directory=True)
    else:
        copy_checkout(folder)

    found = look_up(tmp_path, hide_package=True)

    assert found["plugins"] == [PLUGIN_NAME]
    assert found["errors"] == []
    assert found["operators"] == listed_operators()
    assert Path(found["package"]) == (folder / "fiftyone_ntt" / "__init__.py").resolve()


def copy_checkout(folder: Path) -> None:
    """What `fiftyone plugins download` leaves behind, less the demo's weights."""
    shutil.copytree(
        CHECKOUT / "fiftyone_ntt",
        folder / "fiftyone_ntt",
        ignore=shutil.ignore_patterns("__pycache__", "weights"),
    )
    shutil.copy(CHECKOUT / "fiftyone.yml", folder)


def test_a_leftover_folder_does_not_hide_the_checkout(
    tmp_path: Path, private_database: PrivateDatabase
) -> None:
    # What an uninstall leaves where the package wrote files: it imports, as a namespace package.
    (tmp_path / "fiftyone_ntt" / "demo").mkdir(parents=True)
    copy_checkout(tmp_path / "plugins" / "downloaded")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import fiftyone_ntt;"
        f"sys.path[:] = [p for p in sys.path if p != {str(CHECKOUT)!r}];"
        "import runpy; import pathlib;"
        "entry = pathlib.Path('plugins/downloaded/fiftyone_ntt/_plugin.py').resolve();"
        "assert 'register' in runpy.run_path(str(entry));"
        "import fiftyone_ntt; assert 'downloaded' in fiftyone_ntt.__file__, fiftyone_ntt.__file__"
    )
    script = f"import sys; sys.path[:] = [p for p in sys.path if p != {str(CHECKOUT)!r}];" + script

    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr


def test_fiftyone_s_own_plugins_folder_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fiftyone as fo

    monkeypatch.setattr(fo.config, "plugins_dir", str(tmp_path))

    assert install_plugin().is_relative_to(tmp_path)


def test_the_stub_names_its_own_entry_and_keeps_the_rest(tmp_path: Path) -> None:
    written = yaml.safe_load((install_plugin(tmp_path) / "fiftyone.yml").read_text())
    shipped = yaml.safe_load((CHECKOUT / "fiftyone.yml").read_text())

    assert written == {**shipped, "py_entry": "__init__.py", "js_bundle": "app.js"}


def test_fiftyone_finds_the_script_in_the_stub_and_in_a_checkout(tmp_path: Path) -> None:
    from fiftyone.plugins.definitions import PluginDefinition

    shipped = CHECKOUT / "fiftyone_ntt" / "plugin" / "app.js"
    for folder in (install_plugin(tmp_path), CHECKOUT):
        metadata = yaml.safe_load((folder / "fiftyone.yml").read_text())
        found = PluginDefinition(str(folder), metadata)
        assert found.has_js
        assert Path(found.js_bundle_path).read_bytes() == shipped.read_bytes()


def test_installing_again_changes_nothing(tmp_path: Path) -> None:
    folder = install_plugin(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "__pycache__").mkdir()

    assert install_plugin(tmp_path) == folder
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}
    assert after == before


def test_installing_over_another_version_updates_it(tmp_path: Path) -> None:
    folder = install_plugin(tmp_path)
    entry, definition = folder / "__init__.py", folder / "fiftyone.yml"
    stub = entry.read_text()
    entry.write_text(stub.replace("import register", "import another"))
    script = folder / "app.js"
    shipped = script.read_text()
    script.write_text(shipped + "// of before")
    definition.write_text(definition.read_text().replace(fiftyone_ntt.__version__, "0.0.1"))

    install_plugin(tmp_path)

    assert (entry.read_text(), script.read_text()) == (stub, shipped)
    assert yaml.safe_load(definition.read_text())["version"] == fiftyone_ntt.__version__


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "mine"),
        ("__init__.py", "def register(plugin):\n    pass\n"),
        ("app.js", "console.log('mine')\n"),
        ("fiftyone.yml", "name: '@someone/else'\n"),
        ("fiftyone.yml", "- not\n- a definition\n"),
        ("fiftyone.yml", "name: [unclosed\n"),
    ],
)
def test_a_folder_of_another_s_is_left_alone(name: str, content: str, tmp_path: Path) -> None:
    folder = install_plugin(tmp_path)
    (folder / name).write_text(content)

    with pytest.raises(InputError, match=name):
        install_plugin(tmp_path)

    assert (folder / name).read_text() == content


def test_a_linked_checkout_is_not_written_into(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (tmp_path / "plugins" / "@ntt").mkdir(parents=True)
    (tmp_path / "plugins" / PLUGIN_NAME).symlink_to(checkout, target_is_directory=True)

    with pytest.raises(InputError, match="is a link to"):
        install_plugin(tmp_path / "plugins")

    assert list(checkout.iterdir()) == []


def test_a_plugins_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "plugins"
    blocked.write_text("a file")

    with pytest.raises(InputError, match="cannot be written: Not a directory"):
        install_plugin(blocked)


def test_another_version_in_the_plugins_folder_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "_warned_of", set())
    context = SimpleNamespace(
        plugin_definition=SimpleNamespace(version="0.0.1", directory="/plugins/old"),
        register=lambda operator: None,
    )

    with caplog.at_level(logging.WARNING):
        plugin.register(context)
        plugin.register(context)

    assert len(caplog.records) == 1
    assert "/plugins/old has version 0.0.1" in caplog.text
