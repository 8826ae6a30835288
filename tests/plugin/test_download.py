"""`fiftyone plugins download`, for real: an archive of the checkout, served on this machine."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.plugin import PLUGIN_NAME
from tests.database import PrivateDatabase
from tests.plugin.test_install import CHECKOUT, listed_operators, look_up
from tests.shapes import python_path

FIFTYONE = [sys.executable, "-c", "from fiftyone.core.cli import main; main()"]

BUILD_AND_SEGMENT = """
import sys
from pathlib import Path
sys.path[:] = [p for p in sys.path if not (Path(p) / "fiftyone_ntt" / "__init__.py").is_file()]
import json
import fiftyone as fo
import fiftyone.operators as foo

foo.list_operators()  # FiftyOne comes to the plugin before anything else imports the package
import fiftyone_ntt
from fiftyone_ntt.demo.demo_dataset import _sample

dataset = fo.Dataset()
dataset.add_samples([_sample(Path(sys.argv[1]), index) for index in range(2)], progress=False)
name = "@ntt/reference_segmentation/{}".format
ctx = {"dataset": dataset, "params": {"name": "b", "source": "view", "models": "demo"}}
foo.execute_operator(name("build_memory_bank"), ctx)
ctx["params"] = {"bank": "b", "points_per_side": 4}
foo.execute_operator(name("segment_with_memory_bank"), ctx)
print(json.dumps({
    "package": fiftyone_ntt.__file__,
    "references": len(fiftyone_ntt.load_memory_bank(dataset, "b").references),
    "labels": dataset.count("ground_truth.detections"),
    "predictions": dataset.count("predictions.detections"),
    "images": len(dataset.exists("predictions")),
}))
dataset.delete()
"""


@pytest.fixture(scope="module")
def archive_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A zip of what git has of the checkout, in one folder, as GitHub makes them."""
    if shutil.which("git") is None or not (CHECKOUT / ".git").exists():
        pytest.skip("not a git checkout: there is nothing to make the archive of")
    folder = tmp_path_factory.mktemp("served")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    with zipfile.ZipFile(folder / "fiftyone-ntt.zip", "w", zipfile.ZIP_DEFLATED, False, 1) as file:
        for name in filter(None, listed.split("\0")):
            if (CHECKOUT / name).is_file():
                file.write(CHECKOUT / name, f"fiftyone-ntt-main/{name}")
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/fiftyone-ntt.zip"
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def plugins_dir(
    archive_url: str, tmp_path_factory: pytest.TempPathFactory, private_database: PrivateDatabase
) -> Path:
    """FiftyOne's plugins folder after `fiftyone plugins download <url>`."""
    folder = tmp_path_factory.mktemp("plugins")
    run = _python([*FIFTYONE, "plugins", "download", archive_url], folder)
    assert f"Copying plugin '{PLUGIN_NAME}'" in run.stdout + run.stderr
    return folder


def _python(command: list[str], plugins_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run a new process that does not see the checkout, but this plugins folder."""
    run = subprocess.run(
        command,
        cwd=plugins_dir,
        env={
            **os.environ,
            "FIFTYONE_PLUGINS_DIR": str(plugins_dir),
            "PYTHONPATH": python_path(),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run


def test_all_operators_are_listed(plugins_dir: Path) -> None:
    found = look_up(plugins_dir, hide_package=True)

    assert found["plugins"] == [PLUGIN_NAME]
    assert found["errors"] == []
    assert found["operators"] == listed_operators()
    assert Path(found["package"]).is_relative_to(plugins_dir)


@pytest.mark.slow
def test_operators_run_from_the_downloaded_copy(plugins_dir: Path, tmp_path: Path) -> None:
    run = _python([sys.executable, "-c", BUILD_AND_SEGMENT, str(tmp_path)], plugins_dir)
    found = json.loads(run.stdout.splitlines()[-1])

    assert Path(found["package"]).is_relative_to(plugins_dir)
    assert found["references"] == found["labels"] > 0
    assert found["images"] == 2 and found["predictions"] > 0


def test_downloading_again_keeps_the_copy_unless_told(plugins_dir: Path, archive_url: str) -> None:
    (entry,) = plugins_dir.glob("**/_plugin.py")
    whole = entry.read_text()
    entry.write_text(f"{whole}\n# mine\n")
    _python([*FIFTYONE, "plugins", "download", archive_url], plugins_dir)
    assert "# mine" in entry.read_text()
    _python([*FIFTYONE, "plugins", "download", archive_url, "--overwrite"], plugins_dir)
    assert entry.read_text() == whole


def test_fiftyone_knows_what_the_plugin_requires(plugins_dir: Path) -> None:
    command = [*FIFTYONE, "plugins", "requirements", PLUGIN_NAME]
    listed = _python([*command, "--print"], plugins_dir).stdout
    for package in ("torch", "transformers", "pycocotools", "safetensors"):
        assert f"{package}>=" in listed
    _python([*command, "--ensure", "--error-level", "0"], plugins_dir)
