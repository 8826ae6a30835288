"""Make FiftyOne see the plugin of an installed package.

FiftyOne has no entry point for plugins: it looks for folders in its plugins folder alone. So a
stub goes there: a `fiftyone.yml`, two lines that import the package, and the script for the App.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import fiftyone_ntt
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME
from fiftyone_ntt.store.atomic import write_atomically
from fiftyone_ntt.store.own_files import FileKind

DEFINITION = "fiftyone.yml"
ENTRY = "__init__.py"
SCRIPT = "app.js"
_FORMER_SCRIPT = "opened_samples.js"
"""What it was called in the stubs of earlier versions, where it may stay."""

MARK = '"""Written by `fiftyone-ntt install-plugin`'
"""How the stub of every version of this package begins."""

SCRIPT_MARK = "// Part of fiftyone-ntt"
"""How the script of every version of this package begins."""

STUB = f'''\
{MARK}: the plugin itself is the package fiftyone-ntt."""
from fiftyone_ntt.plugin import register as register
'''


def install_plugin(plugins_dir: str | Path | None = None) -> Path:
    """Write the plugin's stub folder, or bring the one that is there up to date.

    Args:
        plugins_dir: where FiftyOne looks for plugins; None takes `fiftyone.config.plugins_dir`

    Returns:
        the stub's folder

    Raises:
        InputError: the folder holds something else than our stub, or cannot be written
    """
    root = _fiftyone_plugins_dir() if plugins_dir is None else Path(plugins_dir)
    folder = root.expanduser().joinpath(*PLUGIN_NAME.split("/"))
    try:
        _check_stub_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / ENTRY, STUB)
        _write(folder / SCRIPT, _script())
        # Last: it is what makes a folder a plugin.
        _write(folder / DEFINITION, _stub_definition())
    except OSError as error:
        raise InputError(
            f"the plugin folder {folder} cannot be written: {error.strerror or error}. Pass "
            "another one with --plugins-dir, and name it in FIFTYONE_PLUGINS_DIR for FiftyOne."
        ) from error
    return folder


def _fiftyone_plugins_dir() -> Path:
    with _without_database():
        import fiftyone as fo

    return Path(fo.config.plugins_dir)


@contextlib.contextmanager
def _without_database() -> Iterator[None]:
    """Let a first `import fiftyone` skip its database: it then connects when one is needed."""
    name = "FIFTYONE_DISABLE_SERVICES"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _check_stub_folder(folder: Path) -> None:
    """Refuse a folder with anything in it that this module did not write."""
    if folder.is_symlink():
        raise InputError(
            f"{folder} is a link to {folder.resolve()}, so FiftyOne has the plugin from there "
            "already. Remove the link to use the installed package instead."
        )
    if not folder.exists():
        return
    foreign = sorted(
        path.name
        for path in folder.iterdir()
        if path.name != "__pycache__" and not _is_stub_file(path)
    )
    if foreign:
        raise InputError(
            f"{folder} holds files that `install-plugin` did not write ({', '.join(foreign[:3])}): "
            "a downloaded copy of the plugin, or another's work. Move it away and try again."
        )


def _is_stub_file(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    marks = {ENTRY: MARK, SCRIPT: SCRIPT_MARK, _FORMER_SCRIPT: SCRIPT_MARK}
    if path.name in marks:
        return path.read_text(encoding="utf-8", errors="replace").startswith(marks[path.name])
    return path.name == DEFINITION and _read_definition(path).get("name") == PLUGIN_NAME


_STUB_FILE = FileKind("file of the plugin's stub", _is_stub_file)


def _read_definition(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _stub_definition() -> str:
    definition = _read_definition(_shipped_definition())
    definition |= {"py_entry": ENTRY, "js_bundle": SCRIPT}
    text: str = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True)
    return text


def _script() -> str:
    path = Path(fiftyone_ntt.__file__).parent / "plugin" / SCRIPT
    if not path.is_file():
        raise InputError(
            f"the installed package in {path.parents[1]} lacks its {SCRIPT}. Install fiftyone-ntt "
            "again."
        )
    return path.read_text(encoding="utf-8")


def _shipped_definition() -> Path:
    """The plugin's definition: inside a wheel's package, or at the root of a checkout."""
    package = Path(fiftyone_ntt.__file__).parent
    for path in (package / "plugin" / DEFINITION, package.parent / DEFINITION):
        if path.is_file():
            return path
    raise InputError(
        f"the installed package in {package} lacks its {DEFINITION}. Install fiftyone-ntt again."
    )


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: FiftyOne may be reading the folder."""
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text:
        return
    write_atomically(path, text.encode(), _STUB_FILE)
