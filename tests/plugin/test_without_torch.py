"""The plugin where packages are missing: everything is there, and says what to install."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fiftyone_ntt.plugin.install import install_plugin
from fiftyone_ntt.plugin.parts import OPERATORS
from tests import shapes
from tests.database import PrivateDatabase

CHECKOUT = Path(__file__).resolve().parents[2]

SCRIPT = """
import json, sys

missing = sys.argv[1:]

class Absent:
    # What an environment without these packages looks like to Python.
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

class Hidden:
    find_spec = staticmethod(lambda name, package=None: None if name in missing
                             else original(name, package))

import importlib.util
original = importlib.util.find_spec
importlib.util.find_spec = Hidden.find_spec
sys.meta_path.insert(0, Absent())

import fiftyone as fo
import fiftyone.operators as foo
from tests.plugin.forms import open_form, problems

dataset = fo.Dataset()
found = foo.list_operators(type="operator")
own = [op for op in found if (op.plugin_name or "").startswith("@ntt/")]
names = [op.name for op in own if not isinstance(op, foo.EvaluationMetric)]  # has no form
print(json.dumps({name: problems(open_form(name, dataset)) for name in names}))
dataset.delete()
"""


def form_problems(
    missing: tuple[str, ...], tmp_path: Path, database: PrivateDatabase
) -> dict[str, dict[str, str]]:
    """What each operator's form says is wrong where some packages are missing."""
    install_plugin(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *missing],
        cwd=CHECKOUT,
        env={**shapes.plain_environment(), "FIFTYONE_PLUGINS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, dict[str, str]] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_forms_say_what_to_install(tmp_path: Path, private_database: PrivateDatabase) -> None:
    found = form_problems(("torch", "transformers"), tmp_path, private_database)

    assert list(found) == [operator.NAME for operator in OPERATORS]
    for name in ("sample_references", "build_memory_bank", "segment_with_memory_bank"):
        assert "Run `pip install torch transformers`" in found[name]["missing"]
    # These need no torch: they work, and say what else is wrong.
    for name in ("evaluate_predictions", "manage_memory_banks", "delete_run_predictions"):
        assert found[name] and "missing" not in found[name]


def test_a_plugin_downloaded_into_fiftyone_alone(
    tmp_path: Path, private_database: PrivateDatabase
) -> None:
    # FiftyOne brings lazy_loader along, through scikit-image.
    missing = ("jaxtyping", "pycocotools", "safetensors", "torch", "transformers")
    found = form_problems(missing, tmp_path, private_database)

    assert list(found) == [operator.NAME for operator in OPERATORS]
    for name, problems in found.items():
        assert "pip install jaxtyping pycocotools safetensors" in problems["missing"], name
