"""What every test gets: no network, few threads, and a FiftyOne of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

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


@pytest.fixture(scope="session")
def private_database() -> database.PrivateDatabase:
    """The running database, for tests whose child processes are the ones to import FiftyOne."""
    _DATABASE.start()
    return _DATABASE


@pytest.fixture
def dataset() -> Iterator[Any]:
    """An empty FiftyOne dataset under a name of its own, deleted afterwards."""
    import fiftyone as fo

    name = f"test-{uuid4().hex}"
    yield fo.Dataset(name)
    if fo.dataset_exists(name):
        fo.delete_dataset(name)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Shapes and types go unchecked: what a user hands over wrongly reaches our own refusals."""
    with shapes.unchecked():
        yield
