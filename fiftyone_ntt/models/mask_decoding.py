"""The two-way mask decoder of the SAM 2 family, rearranged to prompt one image many times.

It computes what transformers' `Sam2MaskDecoder` computes, with the same weights and up to rounding,
but

- projections of the image's tokens, the same for every prompt in the first layer, are made once
  per image;
- where they differ per prompt they are not made at all: with 8 prompt tokens and 4096 image
  tokens it is cheaper to move the projection to the prompt's side (`q · (K x) = (Kᵀ q) · x`);
- predicted IoUs are read before any mask is upscaled: prompts below the threshold, and the outputs
  that are not chosen, never are;
- upscaling runs on tokens with their 4 x 4 pixels as extra axes, so nothing is transposed until
  the mask itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IOU_TOKEN = 1
FIRST_MASK_TOKEN = 2
"""Output tokens: object score, IoU, then one per mask, the single-mask output first."""

_CACHE_BYTES = 16 * 2**20
"""4 prompts of 4096 x 256 tokens at once took a CPU half the time per prompt of 64 at once."""


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """What all prompts of one image share; `T` tokens `D` wide, heads' width `I` in all.

    Attributes:
        tokens: `[T, D]`, image embedding plus the "no mask" embedding.
        positions: `[T, D]`, positional encoding.
        keys, values: `[h, T, I / h]`, of the first layer's token-to-image attention.
        queries: `[h, T, I / h]`, of its image-to-token attention.
        details: finer features in token order, `[T, 4, D / 4]` and `[T, 16, D / 8]`.
    """

    tokens: Tensor
    positions: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor
    details: tuple[Tensor, Tensor]


def prepare_image(
    decoder: Any, embedding: Tensor, details: tuple[Tensor, ...], positions: Tensor
) -> PreparedImage:
    """Compute once what all prompts of an image share.

    Args:
        decoder: a `Sam2MaskDecoder`.
        embedding: `[1, D, s, s]`, the "no mask" embedding added.
        details: finest first, `[1, D / 8, 4s, 4s]` and `[1, D / 4, 2s, 2s]`.
        positions: `[1, D, s, s]`.
    """
    tokens = embedding[0].flatten(1).T.contiguous()
    position_tokens = positions[0].flatten(1).T.contiguous()
    placed = tokens + position_tokens
    first = decoder.transformer.layers[0]
    reading, writing = first.cross_attn_token_to_image, first.cross_attn_image_to_token
    fine, middle = details
    return PreparedImage(
        tokens=tokens,
        positions=position_tokens,
        keys=_heads(reading.k_proj(placed), reading),
        values=_heads(reading.v_proj(tokens), reading),
        queries=_heads(writing.q_proj(placed), writing),
        details=(_in_token_order(middle, levels=1), _in_token_order(fine, levels=2)),
    )


def decode_best(
    decoder: Any, image: PreparedImage, prompts: Tensor, iou_threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The best of the multimask outputs of each prompt, where its predicted IoU is high enough.

    Args:
        decoder: a `Sam2MaskDecoder`.
        image: from `prepare_image`.
        prompts: `[P, k, D]`, sparse prompt embeddings.
        iou_threshold: outputs above it are kept.

    Returns:
        rows of the kept prompts `[N]`, their IoUs `[N]` and mask logits `[N, 4s, 4s]`.
    """
    at_once = _prompts_at_once(image)
    parts = [
        _decode_part(decoder, image, prompts[start : start + at_once], iou_threshold)
        for start in range(0, len(prompts), at_once)
    ]
    rows = [start * at_once + part[0] for start, part in enumerate(parts)]
    ious, masks = ([part[index] for part in parts] for index in (1, 2))
    return torch.cat(rows), torch.cat(ious), torch.cat(masks)


def _prompts_at_once(image: PreparedImage) -> int:
    """On a CPU as many as keep the image tokens of all prompts in its caches; else all."""
    if image.tokens.device.type != "cpu":
        return 2**31
    return max(1, _CACHE_BYTES // (image.tokens.numel() * image.tokens.element_size()))


def _decode_part(
    decoder: Any, image: PreparedImage, prompts: Tensor, iou_threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    outputs = torch.cat(
        [decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight]
    )
    prompt_tokens = torch.cat([outputs.expand(len(prompts), -1, -1), prompts], dim=1)
    tokens, pixels = _two_way(decoder.transformer, image, prompt_tokens)
    ious, best = decoder.iou_prediction_head(tokens[:, IOU_TOKEN])[:, 1:].max(dim=1)
    rows = torch.nonzero(ious > iou_threshold)[:, 0]
    chosen = 1 + best[rows]
    mask_tokens = tokens[rows, FIRST_MASK_TOKEN + chosen]
    return rows, ious[rows], _masks(decoder, image, pixels[rows], mask_tokens, chosen)


def _two_way(transformer: Any, image: PreparedImage, prompts: Tensor) -> tuple[Tensor, Tensor]:
    """Prompt tokens `[P, n, D]` and image tokens `[P, T, D]` after all layers."""
    tokens, pixels = prompts, None
    for layer in transformer.layers:
        tokens, pixels = _layer(layer, image, tokens, prompts, pixels)
    assert pixels is not None
    read = _read(transformer.final_attn_token_to_image, image, tokens + prompts, pixels)
    return transformer.layer_norm_final_attn(tokens + read), pixels


def _layer(
    layer: Any, image: PreparedImage, tokens: Tensor, prompts: Tensor, pixels: Tensor | None
) -> tuple[Tensor, Tensor]:
    if layer.skip_first_layer_pe:
        tokens = _self_attention(layer.self_attn, tokens, tokens)
    else:
        tokens = tokens + _self_attention(layer.self_attn, tokens + prompts, tokens)
    tokens = layer.layer_norm1(tokens)
    if pixels is None:
        read = _read_shared(layer.cross_attn_token_to_image, image, tokens + prompts)
    else:
        read = _read(layer.cross_attn_token_to_image, image, tokens + prompts, pixels)
    tokens = layer.layer_norm2(tokens + read)
    tokens = layer.layer_norm3(tokens + layer.mlp(tokens))
    written = _write(layer.cross_attn_image_to_token, image, tokens + prompts, tokens, pixels)
    before = image.tokens if pixels is None else pixels
    return tokens, layer.layer_norm4(written.add_(before))


def _self_attention(attention: Any, placed: Tensor, values: Tensor) -> Tensor:
    query = _heads(attention.q_proj(placed), attention)
    key = _heads(attention.k_proj(placed), attention)
    mixed = F.scaled_dot_product_attention(
        query, key, _heads(attention.v_proj(values), attention), scale=attention.scaling
    )
    out: Tensor = attention.o_proj(_joined(mixed))
    return out


def _read_shared(attention: Any, image: PreparedImage, queries: Tensor) -> Tensor:
    """Prompt tokens `[P, n, D]` attend to image tokens that are the same for all prompts."""
    count, width = queries.shape[:2]
    query = _heads(attention.q_proj(queries).flatten(0, 1), attention)
    mixed = F.scaled_dot_product_attention(query, image.keys, image.values, scale=attention.scaling)
    out: Tensor = attention.o_proj(_joined(mixed).view(count, width, -1))
    return out


def _read(attention: Any, image: PreparedImage, queries: Tensor, pixels: Tensor) -> Tensor:
    """Prompt tokens `[P, n, D]` attend to their own image tokens, `pixels` `[P, T, D]`.

    The key projection is moved to the queries and the value projection behind the sum. The key bias
    adds the same to all of a query's scores, so the softmax does not see it.
    """
    query = _heads(attention.q_proj(queries), attention) * attention.scaling
    folded = (query @ _per_head(attention.k_proj.weight, attention)).flatten(1, 2)
    scores = folded @ (pixels + image.positions).transpose(1, 2)
    sums = scores.softmax(dim=-1) @ pixels
    values = _per_head(attention.v_proj.weight, attention).transpose(1, 2)
    mixed = sums.unflatten(1, (attention.num_attention_heads, -1)) @ values
    out: Tensor = attention.o_proj(_joined(mixed) + attention.v_proj.bias)
    return out


def _write(
    attention: Any, image: PreparedImage, keys: Tensor, values: Tensor, pixels: Tensor | None
) -> Tensor:
    """What image tokens `[P, T, D]` (`pixels`, or the shared ones) gather from prompt tokens
    `[P, n, D]`; the output projection is applied to the few values, not to the many sums."""
    heads = attention.num_attention_heads
    key = _heads(attention.k_proj(keys), attention) * attention.scaling
    if pixels is None:
        scores = _shared_scores(key, image.queries)
    else:
        folded = (key @ _per_head(attention.q_proj.weight, attention)).flatten(1, 2)
        bias = (key * attention.q_proj.bias.view(heads, 1, -1)).sum(-1).flatten(1)
        placed = pixels + image.positions
        scores = torch.baddbmm(bias[:, :, None], folded, placed.transpose(1, 2))
    shares = scores.unflatten(1, (heads, -1)).softmax(dim=2).flatten(1, 2)
    value = _heads(attention.v_proj(values), attention)
    output_weight = attention.o_proj.weight.unflatten(1, (heads, -1)).permute(1, 2, 0)
    projected = (value @ output_weight).flatten(1, 2)
    return torch.baddbmm(attention.o_proj.bias, shares.transpose(1, 2), projected)


def _shared_scores(key: Tensor, queries: Tensor) -> Tensor:
    """Scores `[P, h * n, T]` of keys `[P, h, n, d]` for queries `[h, T, d]`, in one product."""
    count, heads, width = key.shape[:3]
    stacked = key.transpose(0, 1).reshape(heads, count * width, -1) @ queries.transpose(1, 2)
    return stacked.unflatten(1, (count, width)).transpose(0, 1).reshape(count, heads * width, -1)


def _heads(projected: Tensor, attention: Any) -> Tensor:
    """`[..., n, I]` to `[..., h, n, I / h]`."""
    return projected.unflatten(-1, (attention.num_attention_heads, -1)).transpose(-3, -2)


def _joined(heads: Tensor) -> Tensor:
    """`[..., h, n, I / h]` to `[..., n, I]`."""
    return heads.transpose(-3, -2).flatten(-2)


def _per_head(weight: Tensor, attention: Any) -> Tensor:
    """A projection's weight `[I, D]` as `[h, I / h, D]`."""
    return weight.unflatten(0, (attention.num_attention_heads, -1))


def _masks(
    decoder: Any, image: PreparedImage, pixels: Tensor, mask_tokens: Tensor, chosen: Tensor
) -> Tensor:
    """Mask logits `[N, 4s, 4s]` of image tokens `[N, T, D]` and mask tokens `[N, D]`."""
    middle, fine = image.details
    norm = decoder.upscale_layer_norm
    features = _upscaled(decoder.upscale_conv1, pixels) + middle
    features = F.layer_norm(features, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
    features = _upscaled(decoder.upscale_conv2, F.gelu(features)).flatten(2, 3) + fine
    weights = torch.empty(len(pixels), fine.shape[-1], dtype=pixels.dtype, device=pixels.device)
    for index, head in enumerate(decoder.output_hypernetworks_mlps):
        weights[chosen == index] = head(mask_tokens[chosen == index])
    logits = F.gelu(features).flatten(1, 2) @ weights[:, :, None]
    return _as_pixels(logits[..., 0])


def _upscaled(convolution: nn.ConvTranspose2d, features: Tensor) -> Tensor:
    """A 2 x 2 transposed convolution of `[..., C]`, its four pixels as an axis: `[..., 4, C']`."""
    weight = convolution.weight.permute(0, 2, 3, 1).flatten(1)
    product = (features @ weight).unflatten(-1, (4, -1))
    assert convolution.bias is not None
    return product + convolution.bias


def _in_token_order(details: Tensor, levels: int) -> Tensor:
    """Pixels `[1, C, 2**levels * s, ...]` by the token they lie in: `[T, 4 ** levels, C]`.

    Within a token they are ordered as `_upscaled` makes them: by 2 x 2 block, then inside it.
    """
    side = details.shape[-1] >> levels
    split = (side, *[2] * levels)
    blocks = details[0].unflatten(2, split).unflatten(1, split)
    rows, columns = range(1, levels + 2), range(levels + 2, 2 * levels + 3)
    order = [axis for pair in zip(rows, columns, strict=True) for axis in pair]
    return blocks.permute(*order, 0).reshape(side * side, 4**levels, -1)


def _as_pixels(logits: Tensor) -> Tensor:
    """The inverse of `_in_token_order` for two levels: `[N, T * 16]` to `[N, 4s, 4s]`."""
    side = round((logits.shape[1] // 16) ** 0.5)
    blocks = logits.view(-1, side, side, 2, 2, 2, 2)
    return blocks.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, 4 * side, 4 * side)
