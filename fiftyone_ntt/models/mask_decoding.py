"""The two-way mask decoder of the SAM 2 family, rearranged to prompt one image many times.

It computes what transformers' `Sam2MaskDecoder` computes, with the same weights and up to rounding,
but

- everything that depends on the image alone is made once per image, not once per prompt;
- a prompt's image tokens are never written out: they are sums of few rows, see `image_tokens`;
- the last attention is computed for the IoU token alone and, where that passes, for the one mask
  token that is chosen: prompts below the threshold, and the outputs that are not chosen, are never
  upscaled.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from fiftyone_ntt.models.batching import fitting, in_batches
from fiftyone_ntt.models.image_tokens import SharedLayer, by_token, share_layers
from fiftyone_ntt.models.mask_upscaling import UpscalingTile, share_upscaling, upscale
from fiftyone_ntt.models.token_attention import (
    PromptTile,
    ShareBuffer,
    read,
    read_shared,
    values_of,
    write,
)

_IOU_TOKEN = 1
_FIRST_MASK_TOKEN = 2
"""Output tokens: object score, IoU, then one per mask, the single-mask output first."""

_TILE_TOKENS = 512
_PROMPTS_TIMES_TOKENS = 2**14
"""On a CPU, tokens of a tile, and prompts at once times those: measured, a compromise between the
caches and the cost of a call."""

_Best = tuple[Int64[Tensor, " N"], Float32[Tensor, " N"], Float32[Tensor, "N m m"]]
"""Rows of the prompts kept, their IoUs and mask logits."""

_ROWS_PER_TOKEN = 16
"""More than a prompt takes per image token of released models, in rows `D` wide; upscaling takes
most. Where another model takes more, `in_batches` helps itself."""


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """What all prompts of one image share. Not for two threads at once.

    Attributes:
        keys, values: of the first attention, before image tokens differ by prompt.
        layers: of the transformer.
        upscaling: of the tiles.
        prompts_at_once: how many to decode together.
        buffer: for the shares of prompts' image tokens.
    """

    keys: Float[Tensor, "h T d"]
    values: Float[Tensor, "h T d"]
    layers: tuple[SharedLayer, ...]
    upscaling: tuple[UpscalingTile, ...]
    prompts_at_once: int
    buffer: ShareBuffer

    @property
    def mask_side(self) -> int:
        """Of the logits."""
        return 4 * round(self.keys.shape[1] ** 0.5)


def in_precision(decoder: Any, dtype: torch.dtype) -> Any:
    """A `Sam2MaskDecoder` that computes in `dtype`, except for the predicted IoUs: proposals are
    ranked by them, and rounding would make many equal. The given one if that is its type."""
    if decoder.iou_token.weight.dtype == dtype:
        return decoder
    converted = copy.deepcopy(decoder).to(dtype)
    converted.iou_prediction_head.to(decoder.iou_token.weight.dtype)
    return converted


def prepare_image(
    decoder: Any,
    embedding: Float32[Tensor, "1 D s s"],
    details: tuple[Float32[Tensor, "1 D//8 4*s 4*s"], Float32[Tensor, "1 D//4 2*s 2*s"]],
    positions: Float32[Tensor, "1 D s s"],
) -> PreparedImage:
    """Compute once what all prompts of an image share.

    Args:
        decoder: a `Sam2MaskDecoder`.
        embedding: of the image, the "no mask" embedding added.
        details: finer levels of its features, finest first.
        positions: encoding of the image tokens' positions.
    """
    dtype = decoder.iou_token.weight.dtype
    tokens, places = (level[0].flatten(1).T.float() for level in (embedding, positions))
    first = decoder.transformer.layers[0].cross_attn_token_to_image
    at_once, length = _sizes(tokens, dtype)
    layers, common = share_layers(decoder.transformer, tokens, places, length)
    return PreparedImage(
        keys=by_token(first.k_proj((tokens + places).to(dtype)), first).transpose(0, 1),
        values=by_token(first.v_proj(tokens.to(dtype)), first).transpose(0, 1),
        layers=layers,
        upscaling=share_upscaling(decoder, common, details, length),
        prompts_at_once=at_once,
        buffer=ShareBuffer(tokens.to(dtype), [len(part) for part in tokens.split(length)]),
    )


def _sizes(tokens: Float32[Tensor, "T D"], dtype: torch.dtype) -> tuple[int, int]:
    """Prompts to decode at once, and the length of a tile.

    A CPU works on what fits its caches, a GPU on what fits its memory.
    """
    if tokens.device.type == "cpu":
        length = min(_TILE_TOKENS, len(tokens))
        return max(1, _PROMPTS_TIMES_TOKENS // length), length
    return fitting(tokens.device, _ROWS_PER_TOKEN * dtype.itemsize * tokens.numel()), len(tokens)


def decode_best(
    decoder: Any, image: PreparedImage, prompts: Float32[Tensor, "P k D"], iou_threshold: float
) -> _Best:
    """The best of the multimask outputs of each prompt, where its predicted IoU is high enough.

    Args:
        decoder: a `Sam2MaskDecoder`.
        image: from `prepare_image`.
        prompts: sparse prompt embeddings.
        iou_threshold: outputs above it are kept.

    Returns:
        rows of the prompts kept, their IoUs and mask logits.

    Raises:
        ModelError: memory does not suffice for one prompt.
    """

    def part(start: int, stop: int) -> _Best:
        rows, *best = _decode_part(decoder, image, prompts[start:stop], iou_threshold)
        return start + rows, best[0], best[1]

    parts = in_batches(len(prompts), image.prompts_at_once, part, "prompts")
    rows, ious, masks = (torch.cat(column) for column in zip(*parts, strict=True))
    return rows, ious, masks


def _decode_part(
    decoder: Any, image: PreparedImage, prompts: Float32[Tensor, "P k D"], iou_threshold: float
) -> _Best:
    outputs = torch.cat(
        [decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight]
    )
    given = torch.cat([outputs.expand(len(prompts), -1, -1), prompts.to(outputs.dtype)], dim=1)
    prompted = _run_layers(decoder.transformer, image, given)
    columns = torch.full((len(prompts),), _IOU_TOKEN, device=prompts.device)
    iou_tokens, tiles = _read_last(decoder.transformer, image, prompted, columns)
    head = decoder.iou_prediction_head
    predicted = head(iou_tokens.to(head.proj_out.weight.dtype))
    ious, best = predicted[:, 1:].max(dim=1)
    rows = torch.nonzero(ious > iou_threshold)[:, 0]
    if not len(rows):
        return rows, ious[rows], ious.new_zeros(0, image.mask_side, image.mask_side)
    kept = replace(prompted, tiles=tiles)
    if len(rows) < len(prompts):
        kept = kept.of(rows)
    return rows, ious[rows], _masks(decoder, image, kept, 1 + best[rows])


@dataclass(frozen=True, eq=False)
class _Prompted:
    """Tokens after the layers.

    Attributes:
        given: tokens of the prompts before the layers, their positions too.
        tokens: after them.
        rows: of the image tokens.
        tiles: of the image tokens, perhaps still to be made.
    """

    given: Float[Tensor, "P n D"]
    tokens: Float[Tensor, "P n D"]
    rows: Float[Tensor, "P R D"]
    tiles: Iterable[PromptTile]

    def of(self, which: Int64[Tensor, " N"]) -> _Prompted:
        """Of some prompts."""
        tiles = [tile[which] for tile in self.tiles]
        return _Prompted(self.given[which], self.tokens[which], self.rows[which], tiles)


def _run_layers(transformer: Any, image: PreparedImage, given: Float[Tensor, "P n D"]) -> _Prompted:
    width = given.shape[1] * len(image.keys) * len(image.layers)
    tiles: Iterable[PromptTile] = image.buffer.tiles(len(given), width)
    tokens: Tensor = given
    rows: Tensor | None = None
    values: list[Tensor] = []
    for depth, layer in enumerate(transformer.layers):
        if layer.skip_first_layer_pe:
            tokens = _self_attention(layer.self_attn, tokens, tokens)
        else:
            tokens = tokens + _self_attention(layer.self_attn, tokens + given, tokens)
        tokens = layer.layer_norm1(tokens)
        reader, queries = layer.cross_attn_token_to_image, tokens + given
        if rows is None:
            found = read_shared(reader, image.keys, image.values, queries)
        else:
            found, tiles = read(reader, image.layers[depth - 1], queries, rows, tiles)
        tokens = layer.layer_norm2(tokens + found)
        tokens = layer.layer_norm3(tokens + layer.mlp(tokens))
        writer, shared = layer.cross_attn_image_to_token, image.layers[depth]
        values = [*values, values_of(writer, tokens)]
        tiles = write(writer, shared, tokens + given, rows, values, tiles)
        rows = shared.basis.rows(values)
    assert rows is not None
    return _Prompted(given, tokens, rows, tiles)


def _read_last(
    transformer: Any,
    image: PreparedImage,
    prompted: _Prompted,
    columns: Int64[Tensor, " P"],
) -> tuple[Float[Tensor, "P D"], list[PromptTile]]:
    """One token of each prompt, by its column, after the last attention; and the image tokens, all
    made by now."""
    every = torch.arange(len(columns), device=columns.device)
    token = prompted.tokens[every, columns][:, None]
    queries = token + prompted.given[every, columns][:, None]
    reader = transformer.final_attn_token_to_image
    found, tiles = read(reader, image.layers[-1], queries, prompted.rows, prompted.tiles)
    normed: Tensor = transformer.layer_norm_final_attn(token + found)
    return normed[:, 0], tiles


def _self_attention(
    attention: Any, placed: Float[Tensor, "P n D"], values: Float[Tensor, "P n D"]
) -> Float[Tensor, "P n D"]:
    query, key, value = (
        by_token(projection(tokens), attention).transpose(1, 2)
        for projection, tokens in (
            (attention.q_proj, placed),
            (attention.k_proj, placed),
            (attention.v_proj, values),
        )
    )
    mixed = F.scaled_dot_product_attention(query, key, value, scale=attention.scaling)
    out: Tensor = attention.o_proj(mixed.transpose(1, 2).flatten(2))
    return out


def _masks(
    decoder: Any, image: PreparedImage, kept: _Prompted, chosen: Int64[Tensor, " N"]
) -> Float32[Tensor, "N {image.mask_side} {image.mask_side}"]:
    """Mask logits of each prompt's chosen mask token."""
    tokens, tiles = _read_last(decoder.transformer, image, kept, _FIRST_MASK_TOKEN + chosen)
    weights = tokens.new_empty(len(chosen), decoder.upscale_conv2.out_channels)
    for index, head in enumerate(decoder.output_hypernetworks_mlps):
        weights[chosen == index] = head(tokens[chosen == index])
    return upscale(decoder, image.upscaling, kept.rows, tiles, weights)
