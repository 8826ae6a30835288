"""Meta's DINOv2 files (`dinov2_vit{s,b,l,g}14[_reg4]_pretrain.pth`) in transformers' terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jaxtyping import Shaped
from torch import Tensor
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

from fiftyone_ntt.models.state_dict import StateDict

MARKER = "blocks.0.ls1.gamma"
"""A tensor that only files of this family hold."""

_RELEASED = {384: (12, 6), 768: (12, 12), 1024: (24, 16), 1536: (40, 24)}
"""Width to (depth, attention heads) of the four released sizes: small, base, large, giant."""

_RENAMES = (
    (r"cls_token|mask_token|register_tokens", r"embeddings.\g<0>"),
    (r"pos_embed", "embeddings.position_embeddings"),
    (r"patch_embed\.proj\.(weight|bias)", r"embeddings.patch_embeddings.projection.\1"),
    (r"norm\.(weight|bias)", r"layernorm.\1"),
    (r"blocks\.(\d+)\.(norm[12]|mlp\.fc[12])\.(weight|bias)", r"encoder.layer.\1.\2.\3"),
    (r"blocks\.(\d+)\.ls([12])\.gamma", r"encoder.layer.\1.layer_scale\2.lambda1"),
    (r"blocks\.(\d+)\.attn\.proj\.(weight|bias)", r"encoder.layer.\1.attention.o_proj.\2"),
    (r"blocks\.(\d+)\.mlp\.w3\.(weight|bias)", r"encoder.layer.\1.mlp.down_proj.\2"),
)
_FUSED = re.compile(r"blocks\.(\d+)\.(attn\.qkv|mlp\.w12)\.(weight|bias)")
_PARTS = {
    "attn.qkv": ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    "mlp.w12": ("mlp.gate_proj", "mlp.up_proj"),  # SwiGLU: silu(first half) * second half
}


def convert(state: StateDict) -> tuple[StateDict, list[str]]:
    """The file's tensors under transformers' names, and the keys that have no place there."""
    converted: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, tensor in state.items():
        parts = dict(_translate(key, tensor))
        converted.update(parts)
        if not parts:
            unknown.append(key)
    return converted, unknown


def _translate(
    key: str, tensor: Shaped[Tensor, " ..."]
) -> Iterator[tuple[str, Shaped[Tensor, " ..."]]]:
    fused = _FUSED.fullmatch(key)
    if fused:
        layer, module, kind = fused.groups()
        names = _PARTS[module]
        # a tensor of a wrong shape may give fewer parts: the missing ones show in the model
        for name, part in zip(names, tensor.chunk(len(names)), strict=False):
            yield f"encoder.layer.{layer}.{name}.{kind}", part
        return
    for pattern, replacement in _RENAMES:
        match = re.fullmatch(pattern, key)
        if match:
            yield match.expand(replacement), tensor
            return


def released_config(state: StateDict) -> dict[str, Any] | None:
    """The released architecture that the tensors' shapes fit, as a transformers configuration."""
    _, tokens, width = state["pos_embed"].shape
    patch = state["patch_embed.proj.weight"].shape[-1]
    depth, heads = _RELEASED.get(width, (0, 0))
    if f"blocks.{depth - 1}.norm1.weight" not in state or f"blocks.{depth}.norm1.weight" in state:
        return None
    config: dict[str, Any] = {
        "model_type": "dinov2",
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": heads,
        "patch_size": patch,
        "image_size": round((tokens - 1) ** 0.5) * patch,
        "use_swiglu_ffn": "blocks.0.mlp.w12.weight" in state,
        "layer_norm_eps": 1e-6,
    }
    if "register_tokens" in state:
        config["model_type"] = "dinov2_with_registers"
        config["num_register_tokens"] = state["register_tokens"].shape[1]
    return config


def build(config: Mapping[str, Any]) -> Dinov2Model | Dinov2WithRegistersModel:
    """The model of a configuration, with whatever weights its class starts with."""
    if config["model_type"] == "dinov2_with_registers":
        return Dinov2WithRegistersModel(Dinov2WithRegistersConfig.from_dict(dict(config)))
    return Dinov2Model(Dinov2Config.from_dict(dict(config)))
