from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import meta_checkpoints
from fiftyone_ntt.models import model_registry as registry
from tests import shapes
from tests.models.conftest import GOLDEN

OFFICIAL = json.loads((GOLDEN / "official_checkpoint_keys.json").read_text())
META_NAMES = {
    **{
        f"dinov2{'-with-registers' if registers else ''}-{size}": (
            f"dinov2_vit{size[0]}14{'_reg4' if registers else ''}_pretrain.pth"
        )
        for size in ("small", "base", "large", "giant")
        for registers in (False, True)
    },
    **{
        f"{version}-hiera-{size}": f"{version}_hiera_{size.replace('-', '_')}.pt"
        for version in ("sam2", "sam2.1")
        for size in ("tiny", "small", "base-plus", "large")
    },
}


def test_every_official_model_is_named() -> None:
    names = {entry.name for entry in registry.list_models() if not entry.is_bundled}
    assert names == META_NAMES.keys()
    assert set(META_NAMES.values()) == OFFICIAL.keys()


@pytest.mark.parametrize("entry", registry.list_models(), ids=lambda e: f"{e.name}-{e.kind}")
def test_entries(entry: registry.ModelEntry) -> None:
    assert entry.licence == "Apache-2.0"
    assert registry.find_model(entry.name, entry.kind) == entry
    if not entry.is_bundled:
        assert entry.source == f"facebook/{entry.name}"


@pytest.mark.parametrize(("name", "file"), META_NAMES.items(), ids=META_NAMES.keys())
def test_sizes_are_those_of_the_released_files(name: str, file: str) -> None:
    (entry,) = [entry for entry in registry.list_models() if entry.name == name]
    keys = OFFICIAL[file]["keys"]
    state = {key: torch.empty(shape, device="meta") for key, shape in keys.items()}
    megabytes = sum(tensor.numel() for tensor in state.values()) * 4 / 1e6
    assert entry.download_mb == pytest.approx(megabytes, abs=0.6)
    family = "SAM 2" if entry.kind == "segmenter" else "DINOv2"
    config = meta_checkpoints._FAMILIES[family].released_config(state)
    model = meta_checkpoints.empty_model(family, config, Path(file))
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert entry.parameters_millions == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("model_set", registry.list_model_sets(), ids=lambda s: s.name)
def test_sets_are_made_of_named_models(model_set: registry.ModelSet) -> None:
    assert registry.find_model(model_set.encoder, "encoder") is not None
    assert registry.find_model(model_set.segmenter, "segmenter") is not None
    assert registry.find_model_set(model_set.name) == model_set


def test_the_paper_set_is_the_published_one_and_the_default() -> None:
    first = registry.list_model_sets()[0]
    assert (first.name, first.encoder, first.segmenter) == (
        "paper",
        "dinov2-large",
        "sam2-hiera-large",
    )


@pytest.mark.parametrize("kind", ["encoder", "segmenter"])
def test_listing_one_kind(kind: registry.Kind) -> None:
    listed = registry.list_models(kind)
    assert {entry.kind for entry in listed} == {kind}
    assert "demo" in {entry.name for entry in listed}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("sam2-hiera-tiny", "encoder", "is a segmenter, not an encoder. Named encoders: dinov2-sm"),
        ("dinov2-base", "segmenter", "is an encoder, not a segmenter. Named segmenters: sam2-hie"),
        ("paper", "encoder", "is a set of models, not an encoder"),
    ],
)
def test_names_of_something_else(name: str, kind: registry.Kind, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        registry.find_model(name, kind)


def test_an_unknown_set_names_the_closest_and_all() -> None:
    with pytest.raises(ModelError, match=r"'papper' \(did you mean 'paper'\?\).*large, base"):
        registry.find_model_set("papper")


def test_availability_follows_the_local_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    entry = registry.list_models("encoder")[0]
    assert not registry.is_available(entry)
    repository = tmp_path / f"models--{entry.source.replace('/', '--')}"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    (snapshot / "config.json").write_text("{}")
    assert not registry.is_available(entry)
    (snapshot / "model.safetensors").write_bytes(b"")
    assert registry.is_available(entry)


def test_the_description_names_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    lines = registry.describe_models().splitlines()
    for model_set in registry.list_model_sets():
        assert any(line.split()[:1] == [model_set.name] for line in lines)
    for entry in registry.list_models():
        (line,) = [x for x in lines if x.split()[:1] == [entry.name] and "Apache-2.0" in x][:1]
        assert entry.is_bundled or "not fetched" in line
    assert max(map(len, lines)) <= 100


def test_bundled_weights_are_available_when_their_folder_is_whole(tmp_path: Path) -> None:
    assert not registry.has_weights(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert not registry.has_weights(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert registry.has_weights(tmp_path)


def test_listing_models_imports_no_torch() -> None:
    code = (
        "import sys, fiftyone_ntt.models.model_registry as r; r.list_models();"
        "print([m for m in ('torch', 'transformers', 'huggingface_hub') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=shapes.plain_environment(),
    )
    assert done.stdout.strip() == "[]"
