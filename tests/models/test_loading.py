from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from fiftyone_ntt import models
from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import (
    Models,
    clear_model_cache,
    load_encoder,
    load_models,
    load_segmenter,
    resolve_device,
)
from fiftyone_ntt.models import model_registry as registry
from tests.models.conftest import GOLDEN

ENCODER = GOLDEN / "dinov2_tiny.pth"
SEGMENTER = GOLDEN / "sam2_tiny.pt"


def copy(file: Path, folder: Path) -> Path:
    shutil.copyfile(file.with_suffix(".json"), folder / file.with_suffix(".json").name)
    return Path(shutil.copyfile(file, folder / file.name))


@pytest.fixture
def demo_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the package's own demo weights: two folders, empty at first."""
    entries = tuple(
        registry.ModelEntry("demo", kind, str(tmp_path / kind), 1, 0)
        for kind in ("encoder", "segmenter")
    )
    monkeypatch.setattr(registry, "_DEMO", entries)
    monkeypatch.setattr(registry, "_DEMO_WEIGHTS", tmp_path)
    return tmp_path


def test_every_exported_name_exists() -> None:
    assert sorted(models.__all__) == dir(models)
    for name in models.__all__:
        assert getattr(models, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        models.nothing  # noqa: B018


def test_models_of_ones_own() -> None:
    loaded = load_models(encoder=ENCODER, segmenter=SEGMENTER)
    assert isinstance(loaded, Models)
    assert loaded.name == f"{ENCODER} + {SEGMENTER}"
    assert loaded.encoder.identity == load_encoder(str(ENCODER)).identity
    assert loaded.segmenter.identity == load_segmenter(str(SEGMENTER)).identity


def test_the_specs_of_ones_own_models_hold_in_another_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(GOLDEN)
    loaded = load_models(encoder="dinov2_tiny.pth", segmenter=SEGMENTER)
    monkeypatch.chdir(tmp_path)
    again = load_models(encoder=loaded.encoder_spec, segmenter=loaded.segmenter_spec)
    assert again == loaded


def test_a_set_by_name(demo_weights: Path) -> None:
    load_encoder(ENCODER).model.save_pretrained(demo_weights / "encoder")
    load_segmenter(SEGMENTER).model.save_pretrained(demo_weights / "segmenter")
    loaded = load_models("demo")
    assert (loaded.name, loaded.encoder_spec, loaded.segmenter_spec) == ("demo",) * 3
    assert loaded.encoder.identity == load_encoder(ENCODER).identity
    assert loaded.segmenter.identity == load_segmenter(SEGMENTER).identity


def test_a_set_with_another_encoder(demo_weights: Path) -> None:
    load_segmenter(SEGMENTER).model.save_pretrained(demo_weights / "segmenter")
    loaded = load_models("demo", encoder=ENCODER)
    assert loaded.name == f"{ENCODER} + demo"
    assert loaded.encoder is load_encoder(ENCODER)


def test_the_no_memory_embedding_is_passed_on() -> None:
    loaded = load_models(encoder=ENCODER, segmenter=SEGMENTER, add_no_memory_embedding=True)
    assert loaded.segmenter.add_no_memory_embedding
    assert not load_segmenter(SEGMENTER).add_no_memory_embedding


def test_missing_demo_weights(demo_weights: Path) -> None:
    with pytest.raises(ModelError, match=r"demo encoder's weights are missing from .*Reinstall"):
        load_models("demo")


def test_relative_paths_and_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN.parent)
    monkeypatch.setenv("HOME", str(GOLDEN))
    assert load_encoder("golden/dinov2_tiny.pth") is load_encoder(ENCODER)
    assert load_encoder("~/dinov2_tiny.pth") is load_encoder(ENCODER)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dinov2-lage", r"no encoder named 'dinov2-lage' \(did you mean 'dinov2-large'\?\)"),
        ("??", r"no encoder named '\?\?'. Named encoders: dinov2-small.*hub repository"),
        ("missing.pth", "no file or folder 'missing.pth'"),
        (Path("some/folder"), "no file or folder 'some/folder'"),
        (SEGMENTER, "sam2_tiny.pt is Sam2Model, a segmenter, but an encoder is needed"),
        (GOLDEN / "images", "not a transformers model: it has no config.json"),
        (GOLDEN / "refs.json", "Cannot read .*not a PyTorch checkpoint"),
        ("sam2-hiera-large", "is a segmenter, not an encoder"),
    ],
)
def test_specs_that_are_no_encoder(spec: str | Path, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_encoder(spec)


def test_an_encoder_is_no_segmenter() -> None:
    with pytest.raises(ModelError, match="Dinov2Model, an encoder, but a segmenter is needed here"):
        load_segmenter(ENCODER)


def test_loaded_models_are_handed_out_again() -> None:
    first = load_encoder(ENCODER)
    assert load_encoder(ENCODER) is first
    assert load_models(encoder=ENCODER, segmenter=SEGMENTER).encoder is first
    clear_model_cache()
    assert load_encoder(ENCODER) is not first


def test_at_most_two_models_of_a_kind_are_kept(tmp_path: Path) -> None:
    first = load_encoder(ENCODER)
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        load_encoder(copy(ENCODER, tmp_path / str(number)))
    assert load_encoder(ENCODER) is not first


def test_replaced_weights_are_read_anew(tmp_path: Path) -> None:
    path = copy(SEGMENTER, tmp_path)
    before = load_segmenter(path)
    shutil.copyfile(GOLDEN / "sam2_tiny_tok.pt", path)
    os.utime(path, ns=(1, 1))
    assert load_segmenter(path).identity != before.identity


@pytest.mark.parametrize(
    ("device", "message"),
    [("gpu", "Device 'gpu' cannot be used"), ("cuda:99", "Device 'cuda:99' cannot be used")],
)
def test_devices_that_are_not_there(device: str, message: str) -> None:
    with pytest.raises(ModelError, match=f"{message}: .*Use 'cpu' or 'auto'"):
        load_encoder(ENCODER, device)


def test_the_automatic_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda")
