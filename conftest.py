"""What every test and every example in a docstring gets: no network, few threads, and a FiftyOne of
its own; and every call of the package is held to its annotations.

At the root, for pytest to read it whatever it collects: `tests`, or the package's examples alone.
"""

from __future__ import annotations

import os
import tempfile

import pytest

from tests import database, shapes

# Set while conftest is imported, that is before a test module can import torch or FiftyOne.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
# The test models are tiny: a second thread mostly waits, and stalls where a browser wants the core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

shapes.check()

_STORE = tempfile.TemporaryDirectory(prefix="fiftyone-ntt-tests-store-")
os.environ["FIFTYONE_NTT_PROPOSALS"] = _STORE.name

_DATABASE = database.isolate()

pytest_plugins = ["tests.examples"]

# Importing it needs torchvision, which is no dependency; it holds no example.
collect_ignore = ["fiftyone_ntt/dataset/runs/get_item.py"]


@pytest.fixture(scope="session")
def private_database() -> database.PrivateDatabase:
    """The running database, for tests whose child processes are the ones to import FiftyOne."""
    _DATABASE.start()
    return _DATABASE


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of files that several processes share, those with slow tests come first: else one process
    would be left with them when all others are done."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
        items.sort(key=lambda item: item.path not in slow)
