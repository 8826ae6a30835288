"""What the tests share, besides the `conftest.py` at the root."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import shapes

Collectors = list[pytest.Collector]


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, Collectors, Collectors]:
    """Here are tests but no examples: `--doctest-modules` is meant for the package alone."""
    collectors = yield
    return [collector for collector in collectors if type(collector) is pytest.Module]


@pytest.fixture
def dataset() -> Iterator[Any]:
    """An empty FiftyOne dataset under a name of its own, deleted afterwards."""
    import fiftyone as fo

    name = f"test-{uuid4().hex}"
    yield fo.Dataset(name)
    if fo.dataset_exists(name):
        fo.delete_dataset(name)


@pytest.fixture
def device() -> Iterator[Path]:
    """A device that is there for one test: a mistake of ours, run as root, would replace a real one
    such as `/dev/null` for the whole machine. A terminal's folder takes no files."""
    controller, terminal = os.openpty()
    yield Path(os.ttyname(terminal))
    os.close(controller)
    os.close(terminal)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Shapes and types go unchecked: what a user hands over wrongly reaches our own refusals."""
    with shapes.unchecked():
        yield
