"""A bank's word is not enough to fetch a model from the hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import loading
from fiftyone_ntt.models.trust import require_trusted
from tests.store.test_bank_file import example


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The repositories that were asked for; none is there."""
    asked: list[str] = []

    def download(repository: str) -> Path:
        asked.append(repository)
        raise ModelError("there is no network in this test")

    monkeypatch.setattr(loading, "download", download)
    return asked


@pytest.mark.parametrize("spec", ["somebody/some-model", "no/such/repository", "/no/such/folder"])
def test_what_a_stranger_names_is_not_fetched(spec: str, fetched: list[str]) -> None:
    bank = replace(example(), models={"encoder": spec, "segmenter": "demo"})
    with pytest.raises(ModelError, match="not fetched on the bank's word") as found:
        models_of_bank(bank)
    assert fetched == [] and f"load_models(encoder={spec!r})" in str(found.value)
    bank = replace(example(), models={"encoder": "demo", "segmenter": spec})
    with pytest.raises(ModelError, match="names the segmenter"):
        models_of_bank(bank)


def test_named_models_are_fetched(fetched: list[str]) -> None:
    for spec in ("dinov2-small", "facebook/dinov2-small"):
        bank = replace(example(), models={"encoder": spec, "segmenter": "demo"})
        with pytest.raises(ModelError, match="no network"):
            models_of_bank(bank)
    assert fetched == ["facebook/dinov2-small"] * 2


def test_what_is_on_this_machine_is_trusted(tmp_path: Path, monkeypatch: Any) -> None:
    require_trusted(str(tmp_path), "encoder", "bank")
    monkeypatch.setattr("fiftyone_ntt.models.trust.in_hub_cache", lambda spec: spec == "a/b")
    require_trusted("a/b", "encoder", "bank")
    with pytest.raises(ModelError):
        require_trusted("a/c", "encoder", "bank")
