"""Meta's SAM 2 and 2.1 files (`sam2[.1]_hiera_*.pt`) in transformers' terms."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Sam2Config, Sam2Model

from fiftyone_ntt.models.state_dict import StateDict

MARKER = "image_encoder.trunk.pos_embed_window"
"""A tensor that only files of this family hold."""

_VIDEO_ONLY = re.compile(
    r"(mask_downsample|memory_attention|memory_encoder|obj_ptr_proj|obj_ptr_tpos_proj)\..+"
    r"|maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial"
)
"""Tensors of the video memory, which the image model has no use for."""

_STAGES = {
    (96, 12): ((1, 2, 7, 2), (5, 7, 9), 1),
    (96, 16): ((1, 2, 11, 2), (7, 10, 13), 1),
    (112, 24): ((2, 3, 16, 3), (12, 16, 20), 2),
    (144, 48): ((2, 6, 36, 4), (23, 33, 43), 2),
}
"""Width and depth of the released sizes (tiny, small, base plus, large) to what their shapes do
not tell: blocks per stage, blocks with global attention, attention heads of the first stage."""

_LARGE_WIDTH = 144
_SIDE = 1024

_TRUNK_BLOCK = re.compile(r"image_encoder\.trunk\.blocks\.(\d+)\.")
_POINT_EMBEDDING = re.compile(r"sam_prompt_encoder\.point_embeddings\.\d\.weight")
_POSITIONS = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_MLP_LAYER = re.compile(r"(.+)\.layers\.(\d+)\.(weight|bias)")

_PREFIXES = (
    ("image_encoder.trunk.", "vision_encoder.backbone."),
    ("image_encoder.neck.", "vision_encoder.neck."),
    ("sam_prompt_encoder.", "prompt_encoder."),
    ("sam_mask_decoder.", "mask_decoder."),
)
_RENAMES = (
    (r"(convs\.\d+)\.conv\.", r"\1."),
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"norm_final_attn\.", "layer_norm_final_attn."),
    (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"\.out_proj\.", ".o_proj."),
    (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
)


def convert(state: StateDict) -> tuple[StateDict, list[str]]:
    """The file's tensors under transformers' names, and the keys that have no place there."""
    converted: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, tensor in _join_point_embeddings(state).items():
        if _VIDEO_ONLY.fullmatch(key):
            continue
        names = _translate(key, state)
        converted.update(dict.fromkeys(names, tensor))
        if not names:
            unknown.append(key)
    return converted, unknown


def _join_point_embeddings(state: StateDict) -> StateDict:
    """The four prompt kinds' `[1, C]` (negative, positive, two box corners) as one `[4, C]`."""
    keys = sorted(key for key in state if _POINT_EMBEDDING.fullmatch(key))
    if len({state[key].shape for key in keys}) != 1:
        return dict(state)  # damaged: the loose rows show when the model is filled
    joined = {key: tensor for key, tensor in state.items() if key not in keys}
    joined["sam_prompt_encoder.point_embed.weight"] = torch.cat([state[key] for key in keys])
    return joined


def _translate(key: str, state: StateDict) -> list[str]:
    if key == "no_mem_embed":
        return ["no_memory_embedding"]
    if key == _POSITIONS:  # transformers keeps a copy for the image and one for the prompts
        positions = "shared_image_embedding.positional_embedding"
        return [positions, "prompt_encoder.shared_embedding.positional_embedding"]
    for prefix, new_prefix in _PREFIXES:
        if key.startswith(prefix):
            name = new_prefix + _rename_mlp_layer(key, state).removeprefix(prefix)
            for pattern, replacement in _RENAMES:
                name = re.sub(pattern, replacement, name)
            return [name]
    return []


def _rename_mlp_layer(key: str, state: StateDict) -> str:
    """Layers 0 .. n of an MLP are `proj_in`, `layers.0` .. `layers.{n - 2}`, `proj_out`."""
    match = _MLP_LAYER.fullmatch(key)
    if not match:
        return key
    mlp, index, kind = match[1], int(match[2]), match[3]
    if index == 0:
        return f"{mlp}.proj_in.{kind}"
    if f"{mlp}.layers.{index + 1}.{kind}" not in state:
        return f"{mlp}.proj_out.{kind}"
    return f"{mlp}.layers.{index - 1}.{kind}"


def released_config(state: StateDict) -> dict[str, Any] | None:
    """The released architecture that the tensors' shapes fit, as a transformers configuration."""
    _, width, *background = state["image_encoder.trunk.pos_embed"].shape
    depth = 1 + max(int(m[1]) for m in map(_TRUNK_BLOCK.match, state) if m)
    if (width, depth) not in _STAGES:
        return None
    return released_size(width, depth, background)


def released_size(width: int, depth: int, background: Sequence[int]) -> dict[str, Any]:
    """A released architecture as a transformers configuration.

    Args:
        width: of the trunk's first stage.
        depth: blocks of the trunk.
        background: size of the trunk's coarse positional embedding.
    """
    blocks, global_blocks, heads = _STAGES[width, depth]
    widths = [width * 2**stage for stage in range(4)]
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": width,
        "num_attention_heads": heads,
        "image_size": [_SIDE, _SIDE],
        "blocks_per_stage": list(blocks),
        "embed_dim_per_stage": widths,
        "num_attention_heads_per_stage": [heads * 2**stage for stage in range(4)],
        "window_size_per_stage": [8, 4, 16, 8] if width == _LARGE_WIDTH else [8, 4, 14, 7],
        "global_attention_blocks": list(global_blocks),
        "window_positional_embedding_background_size": list(background),
    }
    vision = {"backbone_config": backbone, "backbone_channel_list": widths[::-1]}
    return {"model_type": "sam2", "vision_config": vision}


def build(config: Mapping[str, Any]) -> Sam2Model:
    """The model of a configuration, with whatever weights its class starts with."""
    return Sam2Model(sam2_config(config))


def sam2_config(config: Mapping[str, Any]) -> Sam2Config:
    """A configuration of type `sam2` or `sam2_video`, as the image model's."""
    image = copy.deepcopy({**config, "model_type": "sam2"})
    vision = image.get("vision_config") or {}
    if isinstance(vision.get("backbone_config"), dict):
        vision["backbone_config"].setdefault("model_type", "sam2_hiera_det_model")
    return Sam2Config.from_dict(image)
