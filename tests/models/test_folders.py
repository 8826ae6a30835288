from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, Dinov2ForImageClassification, Dinov2Model

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import TransformersEncoder, TransformersSegmenter, load_encoder
from fiftyone_ntt.models.folders import download, load_folder

SMALL = Dinov2Config(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
)
REPOSITORY = "someone/some-model"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    Dinov2Model(SMALL).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put_in_cache(folder: Path, cache: Path) -> None:
    repository = cache / f"models--{REPOSITORY.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123")
    shutil.copytree(folder, repository / "snapshots" / "0123")


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))


def test_a_folder_gives_the_saved_weights(folder: Path) -> None:
    model = load_folder(folder)
    torch.manual_seed(0)
    for name, tensor in Dinov2Model(SMALL).state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_half_precision_weights_become_float32(tmp_path: Path) -> None:
    original = Dinov2Model(SMALL)
    original.half().save_pretrained(tmp_path)
    loaded = load_folder(tmp_path)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert torch.equal(loaded.layernorm.weight, original.layernorm.weight.float())


def test_several_weight_files(tmp_path: Path, folder: Path) -> None:
    load_folder(folder).save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    assert len(list((tmp_path / "parts").glob("model-*.safetensors"))) > 1
    assert load_encoder(tmp_path / "parts").identity == load_encoder(folder).identity


def test_a_classifier_is_read_as_its_backbone(tmp_path: Path) -> None:
    classifier = Dinov2ForImageClassification(SMALL)
    classifier.save_pretrained(tmp_path)
    weight = load_folder(tmp_path).layernorm.weight
    assert torch.equal(weight, classifier.dinov2.layernorm.weight)


def test_a_video_models_folder_is_read_as_the_image_model(
    segmenter: TransformersSegmenter, tmp_path: Path
) -> None:
    segmenter.model.save_pretrained(tmp_path)
    change_config(tmp_path, model_type="sam2_video", memory_attention_num_layers=4)
    change_weights(tmp_path, lambda state: state.__setitem__("memory_attention.x", torch.zeros(1)))
    again = TransformersSegmenter(load_folder(tmp_path))
    assert again.identity == segmenter.identity


@pytest.mark.parametrize("place", ["prompt_encoder.shared_embedding", "shared_image_embedding"])
def test_positions_saved_once_are_restored(
    segmenter: TransformersSegmenter, tmp_path: Path, place: str
) -> None:
    segmenter.model.save_pretrained(tmp_path)
    change_weights(tmp_path, lambda state: state.pop(f"{place}.positional_embedding"))
    assert TransformersSegmenter(load_folder(tmp_path)).identity == segmenter.identity


def widen(state: dict[str, torch.Tensor]) -> None:
    state["layernorm.bias"] = torch.zeros(7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layernorm.bias"), r"1 missing \(layernorm.bias\)"),
        (lambda state: state.__setitem__("extra", torch.zeros(1)), r"1 not part of .*\(extra\)"),
        (widen, r"1 of another shape \(layernorm.bias\)"),
    ],
    ids=["missing", "unexpected", "shape"],
)
def test_weights_that_do_not_fit(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], Any], message: str
) -> None:
    change_weights(folder, change)
    with pytest.raises(ModelError, match=message) as caught:
        load_folder(folder)
    assert str(folder) in str(caught.value)


def test_a_depth_that_would_cut_the_model_short(folder: Path) -> None:
    # a shorter model's own configuration also names its only stage
    change_config(folder, num_hidden_layers=1, out_features=["stage1"], out_indices=[1])
    with pytest.raises(ModelError, match="not part of the model"):
        load_folder(folder)


def spoil_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[9] ^= 255  # in the header
    path.write_bytes(content)


def index_outside(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "other.safetensors")
    index = {"metadata": {}, "weight_map": {"a": "../other.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def only_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "it has no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "Cannot read .*config.json"),
        (lambda f: (f / "config.json").write_text("[]"), "not a transformers configuration"),
        (
            lambda f: change_config(f, model_type="bert"),
            "type 'bert', which is not supported.*sam2",
        ),
        (lambda f: change_config(f, hidden_size="wide"), "Cannot load the model"),
        (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
        (only_pickle, "no model.safetensors. Other weight files are not read"),
        (lambda f: (f / "model.safetensors").write_bytes(b"12345678"), "they have 8 bytes"),
        (lambda f: change_config(f, hidden_size=512), "asks for a model of"),
        (lambda f: change_config(f, image_size=10**6), "image_size of 1000000, beyond any"),
        (spoil_weights, "files are damaged"),
        (index_outside, "names '../other.safetensors', which does not lie"),
    ],
)
def test_broken_folders(folder: Path, spoil: Callable[[Path], Any], message: str) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_folder(folder)
    assert str(folder) in str(caught.value)


def test_the_local_cache_serves_offline(folder: Path, offline: Path) -> None:
    put_in_cache(folder, offline)
    from_cache = load_encoder(REPOSITORY)
    assert isinstance(from_cache, TransformersEncoder)
    assert from_cache.identity == load_encoder(folder).identity


def test_offline_without_cache_says_what_to_do(offline: Path) -> None:
    with pytest.raises(ModelError, match=f"fetch '{REPOSITORY}'.*unset HF_HUB_OFFLINE.*'demo'"):
        load_encoder(REPOSITORY)


class GatedRepoError(Exception):
    """Named like the hub's own."""


class RepositoryNotFoundError(Exception):
    """Named like the hub's own."""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (GatedRepoError("403"), "Accept its licence .*hf auth login"),
        (RepositoryNotFoundError("404"), "Check the spelling"),
        (LocalEntryNotFoundError("no entry"), "not in the local cache: go online once"),
        (ConnectionError("refused"), "ConnectionError: refused. Check the connection"),
    ],
)
def test_failed_downloads(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(ModelError, match=message) as caught:
        download(REPOSITORY)
    assert "local transformers folder" in str(caught.value)
