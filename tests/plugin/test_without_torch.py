"""The plugin where torch is not installed: everything is there, and says what to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fiftyone_ntt.plugin.install import install_plugin
from tests.database import PrivateDatabase

CHECKOUT = Path(__file__).resolve().parents[2]

SCRIPT = """
import json, sys

class Absent:
    # What an environment without torch and transformers looks like to Python.
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

class Hidden:
    find_spec = staticmethod(lambda name, package=None: None if name in
                             ("torch", "transformers") else original(name, package))

import importlib.util
original = importlib.util.find_spec
importlib.util.find_spec = Hidden.find_spec
sys.meta_path.insert(0, Absent())

import fiftyone as fo
import fiftyone.operators as foo
from tests.plugin.forms import open_form, problems

dataset = fo.Dataset()
found = foo.list_operators(type="operator")
names = [op.name for op in found if (op.plugin_name or "").startswith("@ntt/")]
print(json.dumps({name: problems(open_form(name, dataset)) for name in names}))
dataset.delete()
"""


def test_forms_say_what_to_install(tmp_path: Path, private_database: PrivateDatabase) -> None:
    install_plugin(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "FIFTYONE_PLUGINS_DIR": str(tmp_path),
            "PYTHONPATH": str(CHECKOUT),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])

    assert set(found) == {
        "sample_references",
        "tag_references",
        "build_memory_bank",
        "segment_with_memory_bank",
        "relabel_with_memory_bank",
        "evaluate_predictions",
        "boxes_to_masks",
        "manage_memory_banks",
        "delete_run_predictions",
        "make_thumbnails",
        "place_predictions",
    }
    for name in ("sample_references", "build_memory_bank", "segment_with_memory_bank"):
        assert "Run `pip install torch transformers`" in found[name]["missing"]
    # These need no torch: they work, and say what else is wrong.
    for name in ("evaluate_predictions", "manage_memory_banks", "delete_run_predictions"):
        assert found[name] and "missing" not in found[name]
