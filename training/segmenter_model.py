"""The tiny segmenter: its configuration, its initial values, and the parts training calls."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Sam2Config, Sam2Model
from transformers.models.sam2.modeling_sam2 import Sam2Attention

SIDE = 256
STRIDE = 16
GRID = SIDE // STRIDE
MASK_SIDE = SIDE // 4
WIDTH = 96


def segmenter_config() -> Sam2Config:
    """A Sam2 of about 1.5 M parameters for 256 px pictures.

    Every pyramid level gets the top-down path, so that the fine maps know about instances too.
    """
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 32,
        "num_attention_heads": 1,
        "image_size": [SIDE, SIDE],
        "patch_kernel_size": [7, 7],
        "patch_stride": [4, 4],
        "patch_padding": [3, 3],
        "query_stride": [2, 2],
        "window_positional_embedding_background_size": [16, 16],
        "num_query_pool_stages": 3,
        "blocks_per_stage": [1, 2, 3, 1],
        "embed_dim_per_stage": [32, 64, 128, 192],
        "num_attention_heads_per_stage": [1, 2, 4, 6],
        "window_size_per_stage": [8, 4, 16, 8],
        "global_attention_blocks": [4, 5],
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": [192, 128, 64, 32],
        "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]],
        "fpn_hidden_size": WIDTH,
        "fpn_top_down_levels": [0, 1, 2, 3],
        "num_feature_levels": 3,
    }
    prompt = {"hidden_size": WIDTH, "image_size": SIDE, "patch_size": STRIDE}
    decoder = {
        "hidden_size": WIDTH,
        "mlp_dim": 256,
        "num_attention_heads": 2,
        "attention_downsample_rate": 1,
        "iou_head_hidden_dim": 128,
    }
    return Sam2Config(
        vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder
    )


@torch.no_grad()
def _xavier(model: Sam2Model) -> None:
    """The library's standard deviation of 0.02 stalls networks this narrow."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.3)


def _head_order(width: int, heads: int) -> Tensor:
    """Channel order that deals sine k and cosine k of the position code to the same head."""
    half = width // 2
    chunks = torch.arange(half).view(heads, -1)
    return torch.cat([torch.cat([chunk, chunk + half]) for chunk in chunks])


@torch.no_grad()
def _locate(attention: Sam2Attention, gain: float) -> None:
    """Make queries and keys near copies of their input, ``sqrt(gain)`` each.

    The dot product of two position codes then peaks where the positions agree, so that a prompt
    attends to its own place from the first step instead of having to learn to.
    """
    width = attention.q_proj.in_features
    order = _head_order(width, attention.num_attention_heads)
    for projection in (attention.q_proj, attention.k_proj):
        weight = torch.zeros(width, width)
        weight[torch.arange(width), order] = gain**0.5
        projection.weight.copy_(weight + 0.02 * torch.randn(width, width))


@torch.no_grad()
def _share_prompt(attention: Sam2Attention) -> None:
    """First self-attention: every output token starts with a share of the point's position."""
    _locate(attention, 1.0)
    width = attention.v_proj.in_features
    order = _head_order(width, attention.num_attention_heads)
    attention.v_proj.weight.copy_(torch.eye(width)[order] + 0.05 * torch.randn(width, width))
    attention.o_proj.weight.copy_(torch.eye(width)[:, order] + 0.05 * torch.randn(width, width))


@torch.no_grad()
def build_segmenter(seed: int) -> Sam2Model:
    """A fresh segmenter whose prompts already attend to their own place."""
    torch.manual_seed(seed)
    model = Sam2Model(segmenter_config())
    _xavier(model)
    model.shared_image_embedding.positional_embedding.copy_(
        model.prompt_encoder.shared_embedding.positional_embedding
    )
    backbone = model.vision_encoder.backbone
    backbone.pos_embed.normal_(std=0.3)
    backbone.pos_embed_window.normal_(std=0.05)
    transformer = model.mask_decoder.transformer
    _share_prompt(transformer.layers[0].self_attn)
    for layer in transformer.layers:
        _locate(layer.cross_attn_token_to_image, 3.0)
        _locate(layer.cross_attn_image_to_token, 1.0)
    _locate(transformer.final_attn_token_to_image, 3.0)
    model.no_memory_embedding.zero_().requires_grad_(False)
    return model


@dataclass(frozen=True)
class Features:
    """What the decoder reads, ``[B, 12, 64, 64]``, ``[B, 24, 32, 32]`` and ``[B, 96, 16, 16]``, and
    the pyramid it comes from, ``[B, 96, ...]`` at the same three sizes."""

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    pyramid: tuple[Tensor, Tensor, Tensor]


def encode(model: Sam2Model, pixels: Tensor) -> Features:
    """Image features of pictures ``[B, 3, 256, 256]``."""
    pyramid = model.vision_encoder(pixels).fpn_hidden_states
    decoder = model.mask_decoder
    return Features(decoder.conv_s0(pyramid[0]), decoder.conv_s1(pyramid[1]), pyramid[2], pyramid)


@dataclass(frozen=True)
class Decoded:
    """Per prompt: mask logits ``[B, P, 4, 64, 64]``, IoU ``[B, P, 4]``, object logit ``[B, P]``."""

    masks: Tensor
    iou: Tensor
    present: Tensor


def decode(model: Sam2Model, features: Features, sparse: Tensor) -> Decoded:
    """All four masks of every prompt; the library's forward returns either the first or the others.

    ``sparse`` are prompt tokens ``[B, P, T, 96]`` of the model's prompt encoder.
    """
    decoder = model.mask_decoder
    batch, prompts = sparse.shape[:2]
    learned = (decoder.obj_score_token, decoder.iou_token, decoder.mask_tokens)
    output = torch.cat([token.weight for token in learned]).expand(batch, prompts, -1, -1)
    image = features.coarse + model.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1)
    position = model.get_image_wide_positional_embeddings().expand(batch, -1, -1, -1)
    tokens, image = decoder.transformer(
        point_embeddings=torch.cat([output, sparse], dim=2),
        image_embeddings=image.repeat_interleave(prompts, dim=0),
        image_positional_embeddings=position.repeat_interleave(prompts, dim=0),
        attention_similarity=None,
    )
    masks = _paint(model, features, tokens[:, :, 2:6], image)
    return Decoded(
        masks,
        decoder.iou_prediction_head(tokens[:, :, 1]),
        decoder.pred_obj_score_head(tokens[:, :, 0]).squeeze(-1),
    )


def _blocks(maps: Tensor, levels: int) -> Tensor:
    """Maps ``[B, C, h, w]`` as ``[B, 1, 16, 16, 2, 2, .., C]``: which half of each coarse cell,
    then which half of that half, rows before columns at each of the ``levels``."""
    batch, channels = maps.shape[:2]
    split = maps.view(batch, channels, *((GRID, *[2] * levels) * 2))
    row, column = 2, 3 + levels
    order = [axis for i in range(levels + 1) for axis in (row + i, column + i)]
    return split.permute(0, *order, 1).unsqueeze(1)


def _double(layer: nn.ConvTranspose2d, blocks: Tensor) -> Tensor:
    """The 2 x 2 transposed convolution as a matrix product: ``[..., C]`` to ``[..., 2, 2, D]``."""
    weight = layer.weight.permute(0, 2, 3, 1)
    doubled = blocks @ weight.flatten(1).to(blocks.dtype)
    result: Tensor = doubled.unflatten(-1, weight.shape[1:]) + layer.bias
    return result


def _paint(model: Sam2Model, features: Features, tokens: Tensor, image: Tensor) -> Tensor:
    """Mask logits ``[B, P, 4, 64, 64]`` from mask tokens ``[B, P, 4, 96]`` and what the transformer
    made of the image, ``[B, P, 256, 96]``.

    The library's arithmetic with the channels last throughout: several times faster to train.
    """
    decoder = model.mask_decoder
    batch, prompts = tokens.shape[:2]
    norm = decoder.upscale_layer_norm
    up = _double(decoder.upscale_conv1, image.reshape(batch, prompts, GRID, GRID, WIDTH))
    up = up + _blocks(features.middle, 1)
    up = F.gelu(F.layer_norm(up, norm.normalized_shape, norm.weight, norm.bias, norm.eps))
    up = F.gelu(_double(decoder.upscale_conv2, up) + _blocks(features.fine, 2))
    heads = decoder.output_hypernetworks_mlps
    weights = torch.stack([head(tokens[:, :, i]) for i, head in enumerate(heads)], dim=2)
    masks = up.flatten(2, 7) @ weights.transpose(2, 3).to(up.dtype)
    masks = masks.view(batch, prompts, GRID, GRID, 2, 2, 2, 2, -1)
    masks = masks.permute(0, 1, 8, 2, 4, 6, 3, 5, 7)
    painted: Tensor = masks.reshape(batch, prompts, -1, MASK_SIDE, MASK_SIDE)
    return painted


def point_tokens(model: Sam2Model, points: Tensor) -> Tensor:
    """Prompt tokens of positive points ``[B, P, 2]`` (x, y in pixels), each alone."""
    labels = torch.ones(points.shape[:2], dtype=torch.int32).unsqueeze(-1)
    tokens: Tensor = model.prompt_encoder._embed_points(points.unsqueeze(2), labels, pad=True)
    return tokens


def box_tokens(model: Sam2Model, boxes: Tensor) -> Tensor:
    """Prompt tokens of boxes ``[B, P, 4]`` (x1, y1, x2, y2 in pixels)."""
    tokens: Tensor = model.prompt_encoder._embed_boxes(boxes)
    return tokens
