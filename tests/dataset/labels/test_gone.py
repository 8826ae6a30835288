"""A database that does not answer any more is said to be gone, soon, and the same call goes on."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError

from fiftyone_ntt.dataset.labels.gone import told_if_gone
from fiftyone_ntt.errors import DatabaseError, InputError
from tests.dataset.database_loss import WAIT_MS

CHECKOUT = Path(__file__).parents[3]

AGAIN = {
    "segment": "predictions: 12 detections in 4 of 6 images, 2 already done",
    "relabel": "relabelled: 18 detections in 6 of 6 images",
    "boxes_to_masks": "masks: 12 detections in 4 of 6 images, 2 already done",
    "draw_memory_bank": "memory: 6 of 6 references drawn",
    "import_coco": "imported: 18 annotations of 6 images",
    "evaluate": "          box_ap",
    "tag_references": "{'blue': 6, 'green': 6, 'red': 6}",
    "undo": "regretted: run taken back in 6 samples",
    "delete_run_predictions": "18 detections of run",
}
"""What the same call says once the database is back."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of every action; one process for all, as FiftyOne takes seconds to start."""
    command = [sys.executable, "-m", "tests.dataset.database_loss"]
    command.append(str(tmp_path_factory.mktemp("loss")))
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("action", AGAIN)
def test_a_killed_database(action: str, found: dict[str, Any]) -> None:
    loss = found["losses"][action]
    assert loss["raised"] == "DatabaseError", loss["message"]
    assert f"127.0.0.1:{found['port']}" in loss["message"]
    assert "is kept; start the database and make the same call again" in loss["message"]
    # One wait for the server; a second one would take as long again.
    assert loss["seconds"] < 1.9 * WAIT_MS / 1000
    assert loss["again"].startswith(AGAIN[action])


def test_every_public_function_on_a_dataset_tells_it() -> None:
    package = CHECKOUT / "fiftyone_ntt"
    silent = []
    for line in (package / "__init__.pyi").read_text().splitlines():
        found = re.match(r"from \.(dataset\.\S+) import ([a-z]\w*)", line)
        if found is not None:
            module = ast.parse((package / f"{found[1].replace('.', '/')}.py").read_text())
            decorators = [
                ast.unparse(decorator)
                for node in module.body
                if isinstance(node, ast.FunctionDef) and node.name == found[2]
                for decorator in node.decorator_list
            ]
            silent += [] if "needs_database" in decorators else [found[2]]
    assert silent == []


@pytest.mark.parametrize("kind", [AutoReconnect, ServerSelectionTimeoutError])
def test_what_the_driver_raises_is_told(kind: type[AutoReconnect]) -> None:
    error = kind("db.example:27017: refused (configured timeouts: a lot), Timeout: 30s, Topology")
    message = r"any more: db\.example:27017: refused\. What"
    with pytest.raises(DatabaseError, match=message), told_if_gone():
        raise error


def test_other_errors_stay_as_they_are(dataset: fo.Dataset) -> None:
    with pytest.raises(KeyError, match="a"), told_if_gone(dataset, "a", dataset[:0]):
        raise KeyError("a")


def test_what_fails_for_a_dataset_is_gone(dataset: fo.Dataset) -> None:
    view = dataset[:0]
    dataset.delete()
    with pytest.raises(InputError, match="was deleted meanwhile"), told_if_gone(view):
        view.count()
