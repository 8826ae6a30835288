"""The plugin in FiftyOne's registry, and a small dataset to run its operators on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.plugin import PLUGIN_NAME
from fiftyone_ntt.plugin.install import install_plugin


@pytest.fixture(scope="session")
def _plugin_folder() -> Path:
    return install_plugin()


@pytest.fixture
def uri(_plugin_folder: Path) -> Callable[[str], str]:
    """Name of an operator to its URI; makes sure that the plugin is installed."""
    return lambda name: f"{PLUGIN_NAME}/{name}"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that goes on in the background ends before the App is answered, however slow this
    machine is."""
    monkeypatch.setattr("fiftyone_ntt.plugin.shared.background._PATIENCE", 60.0)


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo set of models is the quick one that sees colours."""
    from tests.dataset.colour_models import colour_models

    monkeypatch.setattr(
        "fiftyone_ntt.dataset.work.model_resolution.load_models",
        lambda *_, **__: replace(colour_models("demo"), encoder_spec="demo", segmenter_spec="demo"),
    )


@pytest.fixture
def scenes(dataset: Any, tmp_path: Path, colours: None) -> Iterator[Any]:
    """Six scenes; two of them, tagged `reference`, with their labels."""
    import fiftyone as fo

    from tests.dataset.scenes import add_scenes

    add_scenes(dataset, tmp_path, 6)
    dataset[:2].tag_samples("reference")
    dataset[:2].tag_labels("reference", label_fields="ground_truth")
    assert isinstance(dataset, fo.Dataset)
    yield dataset
