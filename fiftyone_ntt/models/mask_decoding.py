"""The two-way mask decoder of the SAM 2 family, rearranged to prompt one image many times.

It computes what transformers' `Sam2MaskDecoder` computes, with the same weights and up to rounding,
but

- projections of the image's tokens, the same for every prompt in the first layer, are made once
  per image;
- where they differ per prompt they are not made at all: with 8 prompt tokens and 4096 image
  tokens it is cheaper to move the projection to the prompt's side (`q · (K x) = (Kᵀ q) · x`);
- the last attention is computed for the IoU token alone and, where that passes, for the one mask
  token that is chosen: prompts below the threshold, and the outputs that are not chosen, are never
  upscaled;
- image tokens are kept in tiles; a tile is written where the prompts before had theirs, and read
  by the next attention right away, whose softmax goes on from tile to tile;
- a tile's 4 x 4 pixels per token are extra axes, so nothing is transposed until the mask itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batching import fitting, in_batches

IOU_TOKEN = 1
FIRST_MASK_TOKEN = 2
"""Output tokens: object score, IoU, then one per mask, the single-mask output first."""

_PROMPTS_AT_ONCE = 32
_TILE_BYTES = 4 * 2**20
"""On a CPU, of the image tokens of all prompts at once: measured, a compromise between the caches
and the cost of a call."""

_NORM_BYTES = 256 * 2**10
"""On a CPU, of what is normalised at once: that needs as much again, which should stay cached."""

_FEW_ROWS = 16
"""Of queries, for which a product with the positions costs less than adding them to the tokens."""

_ROWS_PER_TOKEN = 16
"""More than decoding a prompt takes per image token, in rows `D` wide: the tokens before and after
a layer, with positions, and what they are upscaled to, which is twice as wide."""


@dataclass(frozen=True, eq=False)
class Tile:
    """What all prompts share of `t` neighbouring image tokens, `D` wide, heads' width `I` in all.

    Attributes:
        tokens: `[t, D]`, image embedding plus the "no mask" embedding.
        positions: `[t, D]`, positional encoding.
        queries: `[h, t, I / h]`, of the first layer's image-to-token attention.
        middle: finer features, `[t * 4, D / 4]`, plus the bias of what is added to them.
        fine: `[t * 4, 4 * D / 8]`, the finest, likewise.
    """

    tokens: Tensor
    positions: Tensor
    queries: Tensor
    middle: Tensor
    fine: Tensor


class Room:
    """Memory for each prompt's own image tokens, kept from one batch of prompts to the next: the
    kernel takes about as long to hand out fresh pages as the decoder to fill them."""

    def __init__(self, tokens: Tensor, lengths: Sequence[int]) -> None:
        """
        Args:
            tokens: of the image, `[T, D]`: width, type and device of what is kept.
            lengths: of its tiles.
        """
        self._lengths, self._width = lengths, tokens.shape[1]
        self._tokens, self._placed = tokens.new_empty(0), tokens.new_empty(0)

    def tiles(self, count: int) -> list[Tensor]:
        """A place for each tile of this many prompts, `[count, t, D]`, until the next call."""
        sizes = [count * length * self._width for length in self._lengths]
        if len(self._tokens) < sum(sizes):
            self._tokens = self._tokens.new_empty(sum(sizes))
        parts = self._tokens[: sum(sizes)].split(sizes)
        return [part.view(count, -1, self._width) for part in parts]

    def placed(self, tile: Tile, own: Tensor) -> Tensor:
        """`own` `[P, t, D]` plus the tile's positions, until the next call."""
        if len(self._placed) < own.numel():
            self._placed = self._placed.new_empty(own.numel())
        return torch.add(own, tile.positions, out=self._placed[: own.numel()].view_as(own))


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """What all prompts of one image share. Not for two threads at once.

    Attributes:
        keys, values: `[h, T, I / h]`, of the first layer's token-to-image attention.
        tiles: of the `T` image tokens.
        prompts_at_once: how many to decode together.
        room: where their image tokens are kept.
    """

    keys: Tensor
    values: Tensor
    tiles: tuple[Tile, ...]
    prompts_at_once: int
    room: Room


def in_precision(decoder: Any, dtype: torch.dtype) -> Any:
    """A `Sam2MaskDecoder` that computes in `dtype`, except for the predicted IoUs: proposals are
    ranked by them, and rounding would make many equal. The given one if that is its type."""
    if decoder.iou_token.weight.dtype == dtype:
        return decoder
    converted = copy.deepcopy(decoder).to(dtype)
    converted.iou_prediction_head.to(decoder.iou_token.weight.dtype)
    return converted


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
    dtype = decoder.iou_token.weight.dtype
    tokens = embedding[0].flatten(1).T.to(dtype).contiguous()
    position_tokens = positions[0].flatten(1).T.to(dtype).contiguous()
    placed = tokens + position_tokens
    first = decoder.transformer.layers[0]
    reading, writing = first.cross_attn_token_to_image, first.cross_attn_image_to_token
    fine, middle = (level.to(dtype) for level in details)
    middle = _in_token_order(middle, levels=1) + decoder.upscale_conv1.bias
    fine = _in_token_order(fine, levels=2) + decoder.upscale_conv2.bias
    at_once, length = _sizes(tokens)
    parts = (
        tokens.split(length),
        position_tokens.split(length),
        _heads(writing.q_proj(placed), writing).contiguous().split(length, dim=1),
        [part.flatten(0, 1) for part in middle.split(length)],
        [part.unflatten(1, (4, 4)).flatten(0, 1).flatten(1) for part in fine.split(length)],
    )
    return PreparedImage(
        keys=_heads(reading.k_proj(placed), reading),
        values=_heads(reading.v_proj(tokens), reading),
        tiles=tuple(Tile(*of_tile) for of_tile in zip(*parts, strict=True)),
        prompts_at_once=at_once,
        room=Room(tokens, [len(part) for part in tokens.split(length)]),
    )


def _sizes(tokens: Tensor) -> tuple[int, int]:
    """Prompts to decode at once, and the length of a tile.

    A CPU works on what fits its caches, a GPU on what fits its memory.
    """
    row = tokens.shape[1] * tokens.element_size()
    if tokens.device.type != "cpu":
        return fitting(tokens.device, _ROWS_PER_TOKEN * row * len(tokens)), len(tokens)
    return _PROMPTS_AT_ONCE, max(1, _TILE_BYTES // (row * _PROMPTS_AT_ONCE))


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

    Raises:
        ModelError: memory does not suffice for one prompt.
    """

    def part(start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        rows, *best = _decode_part(decoder, image, prompts[start:stop], iou_threshold)
        return start + rows, best[0], best[1]

    parts = in_batches(len(prompts), image.prompts_at_once, part, "prompts")
    rows, ious, masks = (torch.cat(column) for column in zip(*parts, strict=True))
    return rows, ious, masks


def _decode_part(
    decoder: Any, image: PreparedImage, prompts: Tensor, iou_threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    outputs = torch.cat(
        [decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight]
    )
    prompts = prompts.to(outputs.dtype)
    prompt_tokens = torch.cat([outputs.expand(len(prompts), -1, -1), prompts], dim=1)
    tokens, pixels = prompt_tokens, None
    for layer in decoder.transformer.layers:
        tokens, pixels = _layer(layer, image, tokens, prompt_tokens, pixels)
    assert pixels is not None

    def last(
        rows: Tensor, columns: Tensor | int, pixels: Iterable[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """One token of each prompt after the last attention, `[N, D]`, and the tiles it read."""
        token = tokens[rows, columns][:, None]
        placed = token + prompt_tokens[rows, columns][:, None]
        attention = decoder.transformer.final_attn_token_to_image
        found, tiles = _read(attention, image, placed, pixels)
        normed: Tensor = decoder.transformer.layer_norm_final_attn(token + found)
        return normed[:, 0], tiles

    every = torch.arange(len(prompts), device=prompts.device)
    head = decoder.iou_prediction_head
    iou_token, tiles = last(every, IOU_TOKEN, pixels)
    predicted = head(iou_token.to(head.proj_out.weight.dtype))
    ious, best = predicted[:, 1:].max(dim=1)
    rows = torch.nonzero(ious > iou_threshold)[:, 0]
    if not len(rows):
        side = 4 * round(sum(len(tile.tokens) for tile in image.tiles) ** 0.5)
        return rows, ious[rows], ious.new_zeros(0, side, side)
    if len(rows) < len(prompts):
        tiles = [tile[rows] for tile in tiles]
    chosen = 1 + best[rows]
    mask_tokens, tiles = last(rows, FIRST_MASK_TOKEN + chosen, tiles)
    return rows, ious[rows], _masks(decoder, image, tiles, mask_tokens, chosen)


def _layer(
    layer: Any,
    image: PreparedImage,
    tokens: Tensor,
    prompts: Tensor,
    pixels: Iterable[Tensor] | None,
) -> tuple[Tensor, Iterator[Tensor]]:
    """Prompt tokens `[P, n, D]` and image tokens, tiles `[P, t, D]` (None: still the shared
    ones), after a layer; the tiles are made as they are asked for."""
    if layer.skip_first_layer_pe:
        tokens = _self_attention(layer.self_attn, tokens, tokens)
    else:
        tokens = tokens + _self_attention(layer.self_attn, tokens + prompts, tokens)
    tokens = layer.layer_norm1(tokens)
    if pixels is None:
        read = _read_shared(layer.cross_attn_token_to_image, image, tokens + prompts)
    else:
        read, pixels = _read(layer.cross_attn_token_to_image, image, tokens + prompts, pixels)
    tokens = layer.layer_norm2(tokens + read)
    tokens = layer.layer_norm3(tokens + layer.mlp(tokens))
    writing = layer.cross_attn_image_to_token
    written = _write(writing, image, tokens + prompts, tokens, pixels, layer.layer_norm4)
    return tokens, written


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
    # Of one image, because for fewer axes the fused attention is not used.
    keys, values = image.keys[None], image.values[None]
    mixed = F.scaled_dot_product_attention(query[None], keys, values, scale=attention.scaling)[0]
    out: Tensor = attention.o_proj(_joined(mixed).view(count, width, -1))
    return out


def _read(
    attention: Any, image: PreparedImage, queries: Tensor, pixels: Iterable[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Prompt tokens `[P, n, D]` attend to their own image tokens, tiles `[P, t, D]`.

    The key projection is moved to the queries and the value projection behind the sum. The key bias
    adds the same to all of a query's scores, so the softmax does not see it. The softmax goes on
    from tile to tile: what was summed so far fades where a higher score turns up.

    Returns:
        what they gathered, `[P, n, D]`, and the tiles, all made by now.
    """
    query = _heads(attention.q_proj(queries), attention) * attention.scaling
    folded = (query @ _per_head(attention.k_proj.weight, attention)).flatten(1, 2)
    highest = torch.full_like(folded[..., :1], -torch.inf, dtype=torch.float32)
    total, sums = torch.zeros_like(highest), torch.zeros_like(folded, dtype=torch.float32)
    tiles = []
    for tile, own in zip(image.tiles, pixels, strict=True):
        tiles.append(own)
        scores = _placed_scores(folded, tile, own, image.room)
        top = torch.maximum(highest, scores.amax(dim=-1, keepdim=True))
        fading, shares = (highest - top).exp_(), scores.sub_(top).exp_()
        total.mul_(fading).add_(shares.sum(dim=-1, keepdim=True, dtype=torch.float32))
        sums.mul_(fading).add_(torch.bmm(shares, own))
        highest = top
    found = (sums / total).to(folded.dtype)
    values = _per_head(attention.v_proj.weight, attention).transpose(1, 2)
    mixed = found.unflatten(1, (attention.num_attention_heads, -1)) @ values
    out: Tensor = attention.o_proj(_joined(mixed) + attention.v_proj.bias)
    return out, tiles


def _placed_scores(folded: Tensor, tile: Tile, own: Tensor, room: Room) -> Tensor:
    """`folded` `[P, r, D]` times the image tokens `own` `[P, t, D]` plus their positions, as
    `[P, r, t]`."""
    if own.dtype == torch.float32 and folded.shape[1] > _FEW_ROWS:
        return torch.bmm(folded, room.placed(tile, own).transpose(1, 2))
    # Where products are fast or small, one more is cheaper than the sum.
    by_position = (folded.flatten(0, 1) @ tile.positions.T).view(*folded.shape[:2], -1)
    return by_position.baddbmm_(folded, own.transpose(1, 2))


def _write(
    attention: Any,
    image: PreparedImage,
    keys: Tensor,
    values: Tensor,
    pixels: Iterable[Tensor] | None,
    norm: nn.Module,
) -> Iterator[Tensor]:
    """Image tokens, tiles `[P, t, D]`, after they gathered from prompt tokens `[P, n, D]`; made one
    by one, as they are asked for.

    The output projection is applied to the few values, not to the many sums; its bias to the first
    head's, as a head's shares add up to 1. `pixels` (None: the shared ones) are overwritten.
    """
    heads = attention.num_attention_heads
    key = _heads(attention.k_proj(keys), attention) * attention.scaling
    value = _heads(attention.v_proj(values), attention)
    projected = value @ attention.o_proj.weight.unflatten(1, (heads, -1)).permute(1, 2, 0)
    projected[:, 0] += attention.o_proj.bias
    projected = projected.flatten(1, 2)
    if pixels is None:
        stacked = key.transpose(0, 1).flatten(1, 2)
        for tile, own in zip(image.tiles, image.room.tiles(len(keys)), strict=True):
            scores = _shared_scores(stacked, tile.queries, len(keys))
            yield _gathered(tile.tokens, scores, projected, heads, norm, own)
        return
    folded = (key @ _per_head(attention.q_proj.weight, attention)).flatten(1, 2)
    bias = (key * attention.q_proj.bias.view(heads, 1, -1)).sum(-1).flatten(1)[:, :, None]
    for tile, own in zip(image.tiles, pixels, strict=True):
        scores = _placed_scores(folded, tile, own, image.room).add_(bias)
        yield _gathered(own, scores, projected, heads, norm, own)


def _gathered(
    tokens: Tensor, scores: Tensor, projected: Tensor, heads: int, norm: nn.Module, out: Tensor
) -> Tensor:
    """Image tokens plus what each gathered, normalised, in `out` `[P, t, D]` (may be `tokens`)."""
    shares = scores.unflatten(1, (heads, -1)).softmax(dim=2).flatten(1, 2)
    torch.baddbmm(tokens, shares.transpose(1, 2), projected, out=out)
    rows = out.view(-1, out.shape[-1])
    at_once = max(1, _NORM_BYTES // (rows.element_size() * rows.shape[1]))
    for piece in rows.split(at_once if rows.device.type == "cpu" else len(rows)):
        piece.copy_(norm(piece))
    return out


def _shared_scores(stacked: Tensor, queries: Tensor, count: int) -> Tensor:
    """Scores `[P, h * n, t]` of keys `[h, P * n, d]` for queries `[h, t, d]`, in one product."""
    scores = stacked @ queries.transpose(1, 2)
    return scores.unflatten(1, (count, -1)).transpose(0, 1).flatten(1, 2)


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
    decoder: Any, image: PreparedImage, pixels: list[Tensor], mask_tokens: Tensor, chosen: Tensor
) -> Tensor:
    """Mask logits `[N, 4s, 4s]` of image tokens, tiles `[N, t, D]`, and mask tokens `[N, D]`."""
    weights = mask_tokens.new_empty(len(chosen), decoder.upscale_conv2.out_channels)
    for index, head in enumerate(decoder.output_hypernetworks_mlps):
        weights[chosen == index] = head(mask_tokens[chosen == index])
    logits = [
        torch.bmm(weights[:, None], _upscaled(decoder, tile, own).transpose(1, 2))[:, 0]
        for tile, own in zip(image.tiles, pixels, strict=True)
    ]
    return _as_pixels(torch.cat(logits, dim=1).float())


def _upscaled(decoder: Any, tile: Tile, tokens: Tensor) -> Tensor:
    """Features `[N, t * 16, D / 8]` of the pixels of image tokens `[N, t, D]`."""
    norm = decoder.upscale_layer_norm
    features = (tokens @ _as_matrix(decoder.upscale_conv1)).view(len(tokens), *tile.middle.shape)
    features = features.add_(tile.middle)
    features = F.layer_norm(features, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
    features = (F.gelu(features) @ _as_matrix(decoder.upscale_conv2)).add_(tile.fine)
    return F.gelu(features).view(len(tokens), 4 * features.shape[1], -1)


def _as_matrix(convolution: nn.ConvTranspose2d) -> Tensor:
    """A 2 x 2 transposed convolution's weight as `[C, 4 * C']`: each token's four pixels."""
    return convolution.weight.permute(0, 2, 3, 1).flatten(1)


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
