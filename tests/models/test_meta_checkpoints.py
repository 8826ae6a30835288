from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import meta_checkpoints, meta_sam2
from fiftyone_ntt.models.meta_checkpoints import load_meta_checkpoint
from tests.models.conftest import GOLDEN

OFFICIAL = json.loads((GOLDEN / "official_checkpoint_keys.json").read_text())
ARCHITECTURES = {
    # file: heads of the first stage or of every layer, window sizes, global attention blocks
    "sam2_hiera_tiny.pt": (1, [8, 4, 14, 7], [5, 7, 9]),
    "sam2.1_hiera_small.pt": (1, [8, 4, 14, 7], [7, 10, 13]),
    "sam2.1_hiera_base_plus.pt": (2, [8, 4, 14, 7], [12, 16, 20]),
    "sam2_hiera_large.pt": (2, [8, 4, 16, 8], [23, 33, 43]),
}
SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "patch_size": 14}
HEADS = {"s": 6, "b": 12, "l": 16, "g": 24}


def official_state(file: str) -> dict[str, Tensor]:
    keys = OFFICIAL[file]["keys"]
    return {key: torch.empty(shape, device="meta") for key, shape in keys.items()}


def family_of(file: str) -> str:
    return "SAM 2" if file.startswith("sam2") else "DINOv2"


def copy_golden(name: str, folder: Path) -> Path:
    """A golden checkpoint and its configuration, in a folder of the test's own."""
    for file in (name, Path(name).with_suffix(".json").name):
        shutil.copyfile(GOLDEN / file, folder / file)
    return folder / name


def rewrite(path: Path, change: Callable[[dict[str, Tensor]], Any]) -> Path:
    """Applies a change to a checkpoint's tensors, in place."""
    content = torch.load(path, weights_only=True)
    change(content.get("model", content))
    torch.save(content, path)
    return path


@pytest.mark.parametrize("file", OFFICIAL)
def test_every_released_file_fills_its_model(file: str) -> None:
    state = official_state(file)
    path, family = Path(file), family_of(file)
    config = meta_checkpoints._FAMILIES[family].released_config(state)
    model = meta_checkpoints.empty_model(family, config, path)
    converted = meta_checkpoints.convert(state, family, path)
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert {name: tensor.shape for name, tensor in converted.items()} == wanted
    meta_checkpoints.fill(model, converted, path)


@pytest.mark.parametrize("file", [f for f in OFFICIAL if f.startswith("sam2")])
def test_every_tensor_of_a_sam2_file_is_mapped_or_of_the_video_memory(file: str) -> None:
    state = official_state(file)
    unused = [key for key in state if meta_sam2._VIDEO_ONLY.fullmatch(key)]
    converted, unknown = meta_sam2.convert(state)
    assert unknown == []
    # four point embeddings become one tensor, the positions serve twice
    assert len(converted) == len(state) - len(unused) - 3 + 1
    assert not [key for key in unused if key.startswith(("image_encoder", "sam_", "no_mem_embed"))]


@pytest.mark.parametrize(("file", "expected"), ARCHITECTURES.items(), ids=ARCHITECTURES.keys())
def test_what_shapes_do_not_tell_of_sam2(file: str, expected: tuple[Any, ...]) -> None:
    config = meta_sam2.sam2_config(meta_sam2.released_config(official_state(file)) or {})
    trunk = config.vision_config.backbone_config
    heads, windows, global_blocks = expected
    assert trunk.num_attention_heads_per_stage == [heads * 2**stage for stage in range(4)]
    assert (trunk.window_size_per_stage, trunk.global_attention_blocks) == (windows, global_blocks)
    assert config.prompt_encoder_config.image_size == 1024


@pytest.mark.parametrize("file", [f for f in OFFICIAL if f.startswith("dinov2")])
def test_what_shapes_do_not_tell_of_dinov2(file: str) -> None:
    config = meta_checkpoints._FAMILIES["DINOv2"].released_config(official_state(file))
    assert config["num_attention_heads"] == HEADS[file[len("dinov2_vit")]]
    assert (config["image_size"], config["patch_size"]) == (518, 14)
    assert config["use_swiglu_ffn"] == ("vitg" in file)
    assert config.get("num_register_tokens", 0) == (4 if "_reg4" in file else 0)


@pytest.mark.parametrize("file", ["dinov2_tiny.pth", "sam2_tiny.pt", "sam2_tiny_tok.pt"])
def test_loaded_models_are_ready_for_use(file: str) -> None:
    model = load_meta_checkpoint(GOLDEN / file)
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    storages = [tensor.data_ptr() for tensor in model.state_dict().values()]
    assert len(set(storages)) == len(storages)  # save_pretrained refuses shared memory


def test_old_and_half_precision_files_load(tmp_path: Path) -> None:
    path = copy_golden("dinov2_tiny.pth", tmp_path)
    state = torch.load(path, weights_only=True)
    half = {key: tensor.half() for key, tensor in state.items()}
    torch.save(half, path, _use_new_zipfile_serialization=False)
    loaded = load_meta_checkpoint(path).state_dict()["layernorm.weight"]
    assert torch.equal(loaded, state["norm.weight"].half().float())


def test_swiglu_gates_with_the_first_half(tmp_path: Path) -> None:
    width, hidden = 96, 256
    generator = torch.Generator().manual_seed(0)

    def use_swiglu(state: dict[str, Tensor]) -> None:
        for key in [key for key in state if ".mlp." in key]:
            del state[key]
        for block in range(3):
            for name, shape in (("w12", (2 * hidden, width)), ("w3", (width, hidden))):
                prefix = f"blocks.{block}.mlp.{name}"
                state[f"{prefix}.weight"] = torch.randn(shape, generator=generator) / 10
                state[f"{prefix}.bias"] = torch.randn(shape[0], generator=generator)

    path = rewrite(copy_golden("dinov2_tiny.pth", tmp_path), use_swiglu)
    config = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**config, "use_swiglu_ffn": True}))
    mlp = load_meta_checkpoint(path).encoder.layer[1].mlp
    state = torch.load(path, weights_only=True)
    w12, b12, w3, b3 = (
        state[f"blocks.1.mlp.{name}"] for name in ("w12.weight", "w12.bias", "w3.weight", "w3.bias")
    )
    x = torch.randn(4, width, generator=generator)
    gate, up = (x @ w12.T + b12).chunk(2, dim=-1)
    expected = (torch.nn.functional.silu(gate) * up) @ w3.T + b3
    torch.testing.assert_close(mlp(x).detach(), expected, atol=1e-4, rtol=1e-4)


def test_register_tokens_are_read(tmp_path: Path) -> None:
    registers = torch.arange(2 * 96.0).view(1, 2, 96)
    path = rewrite(
        copy_golden("dinov2_tiny.pth", tmp_path), lambda s: s.update(register_tokens=registers)
    )
    config = json.loads(path.with_suffix(".json").read_text())
    config.update(model_type="dinov2_with_registers", num_register_tokens=2)
    path.with_suffix(".json").write_text(json.dumps(config))
    model = load_meta_checkpoint(path)
    assert torch.equal(model.embeddings.register_tokens.detach(), registers)


def drop(key: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: state.pop(key)


def put(key: str, *shape: int) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: state.__setitem__(key, torch.zeros(shape))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("dinov2_tiny.pth", drop("norm.bias"), r"1 missing \(layernorm.bias\)"),
        ("dinov2_tiny.pth", drop("blocks.1.attn.qkv.weight"), "3 missing .*k_proj.weight"),
        ("dinov2_tiny.pth", put("head.weight", 2, 2), "1 tensors that no released .*head.weight"),
        ("dinov2_tiny.pth", put("norm.bias", 7), r"layernorm.bias \[7\] not \[96\]"),
        ("dinov2_tiny.pth", put("blocks.0.attn.qkv.bias", 2), "missing .*_proj.bias"),
        ("dinov2_tiny.pth", put("blocks.3.norm1.bias", 96), "1 not part of .*layer.3.norm1.bias"),
        ("sam2_tiny.pt", drop("no_mem_embed"), r"1 missing \(no_memory_embedding\)"),
        ("sam2_tiny.pt", put("sam_mask_decoder.new.weight", 2), "not part of .*decoder.new.weight"),
        ("sam2_tiny.pt", put("ema.weight", 2), "no released SAM 2 file has: ema.weight"),
        (
            "sam2_tiny.pt",
            put("sam_prompt_encoder.point_embeddings.3.weight", 1, 5),
            "does not fit .*1 missing .*point_embed.weight",
        ),
        (
            "sam2_tiny.pt",
            drop("sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
            "2 missing .*positional_embedding",
        ),
    ],
)
def test_tensors_that_do_not_fit(
    file: str, change: Callable[[dict[str, Tensor]], Any], message: str, tmp_path: Path
) -> None:
    path = rewrite(copy_golden(file, tmp_path), change)
    with pytest.raises(ModelError, match=message) as caught:
        load_meta_checkpoint(path)
    assert str(path) in str(caught.value)


def test_long_lists_of_tensors_are_shortened(tmp_path: Path) -> None:
    path = rewrite(
        copy_golden("dinov2_tiny.pth", tmp_path),
        lambda state: [state.pop(key) for key in list(state) if key.startswith("blocks.2")],
    )
    with pytest.raises(ModelError, match=r"18 missing .* 13 more"):
        load_meta_checkpoint(path)


class Code:
    """What a checkpoint must not hold."""


def write_truncated(path: Path) -> None:
    path.write_bytes((GOLDEN / "dinov2_tiny.pth").read_bytes()[:50_000])


def write_damaged(path: Path) -> None:
    content = bytearray((GOLDEN / "dinov2_tiny.pth").read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), "truncated or not a PyTorch checkpoint"),
        (lambda path: path.write_text("<html>Not found</html>"), "truncated or not a PyTorch"),
        (write_truncated, "truncated or not a PyTorch checkpoint"),
        (write_damaged, "Cannot read"),
        (lambda path: torch.save({"model": Code()}, path), "Python objects besides tensors"),
        (lambda path: torch.save([1, 2], path), "expected named tensors"),
        (lambda path: torch.save({}, path), "expected named tensors"),
        (lambda path: torch.save({"model": {"a": 1}}, path), "expected named tensors"),
        (lambda path: torch.save({"a": torch.zeros(1)}, path), "neither a SAM 2 nor a DINOv2"),
        (
            lambda path: torch.save({"blocks.0.ls1.gamma": torch.zeros(1)}, path),
            "incomplete DINOv2 checkpoint.*pos_embed",
        ),
        (
            lambda path: shutil.copyfile(GOLDEN / "dinov2_tiny.pth", path),
            r"put its transformers configuration beside it, as .*weights\.json",
        ),
        (
            lambda path: shutil.copyfile(GOLDEN / "sam2_tiny.pt", path),
            r"put its transformers configuration beside it, as .*weights\.json",
        ),
    ],
    ids=[
        "missing",
        "empty",
        "page",
        "truncated",
        "damaged",
        "code",
        "list",
        "nothing",
        "numbers",
        "foreign",
        "incomplete",
        "unknown dinov2",
        "unknown sam2",
    ],
)
def test_unreadable_files(write: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    write(path)
    with pytest.raises(ModelError, match=message) as caught:
        load_meta_checkpoint(path)
    assert "weights.pt" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Cannot read .*json: Expecting property name"),
        ("[]", "it is not a transformers configuration"),
        ("{}", "has model_type None"),
        ('{"model_type": "sam2"}', "has model_type 'sam2', but dinov2_tiny.pth is a DINOv2"),
        ('{"model_type": "dinov2", "hidden_size": "wide"}', "describes no valid DINOv2 model"),
        (json.dumps({"model_type": "dinov2", **SMALL}), "does not fit the model Dinov2Model"),
        ('{"model_type": "dinov2"}', "asks for a model of 85,725,696 parameters"),
        ('{"model_type": "dinov2", "hidden_size": 99999}', "hidden_size of 99999, beyond any"),
        ('{"model_type": "dinov2", "num_hidden_layers": 600}', "600 layers, more than any"),
    ],
)
def test_wrong_configurations(text: str, message: str, tmp_path: Path) -> None:
    path = copy_golden("dinov2_tiny.pth", tmp_path)
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError, match=message):
        load_meta_checkpoint(path)


def test_an_archive_that_unpacks_to_more_than_torch_writes(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", bytes(3 * 2**20))  # zeros pack well
    with pytest.raises(ModelError, match=r"weights.pt: it has .* would unpack to 3,145,728"):
        load_meta_checkpoint(path)


def test_a_pipe_is_no_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weights.pt")
    with pytest.raises(ModelError, match=r"weights.pt: It is a pipe or a device, not a file"):
        load_meta_checkpoint(tmp_path / "weights.pt")
