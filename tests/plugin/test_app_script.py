"""The plugin's script is what npm builds of `app/src`, and its parts do what they should."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
APP = CHECKOUT / "app"
BUILT = CHECKOUT / "fiftyone_ntt" / "plugin" / "app.js"
LOCK = APP / "package-lock.json"


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=APP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def node() -> str:
    """Path of Node.js; the packages that `app/package-lock.json` lists are there."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.fail(
            "No Node.js was found, and this test builds the plugin's script. `make setup` installs "
            "Debian's where it may; or `apt-get install nodejs npm`."
        )
    installed = APP / "node_modules" / "esbuild" / "package.json"
    wanted = json.loads(LOCK.read_text())["packages"]["node_modules/esbuild"]["version"]
    if not installed.exists() or json.loads(installed.read_text())["version"] != wanted:
        run(npm, "ci", "--no-progress")
    return found


def test_the_committed_script_is_what_npm_builds(node: str, tmp_path: Path) -> None:
    run(node, "build.js", tmp_path / "app.js")
    built, committed = (tmp_path / "app.js").read_text(), BUILT.read_text()
    assert built == committed, "Run `npm run build` in app/, and commit fiftyone_ntt/plugin/app.js."


def test_the_script_s_own_tests_pass(node: str) -> None:
    assert "fail 0" in run(node, "--test")


def test_packages_are_pinned_and_name_no_registry() -> None:
    package, lock = json.loads((APP / "package.json").read_text()), LOCK.read_text()
    assert all(version[0].isdigit() for version in package["devDependencies"].values())
    assert '"resolved"' not in lock and "http" not in lock
