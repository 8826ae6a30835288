"""The image encoder of SAM 2 (Hiera trunk and its neck), piece by piece.

It computes what transformers' `Sam2Model.get_image_features` computes, with the same weights and up
to rounding, but leaves out what nobody reads and what does not fit in the caches:

- no attention weights beside the fused attention (transformers computes a second, unused product
  and softmax in every block) and no position encodings of the levels (they serve video memory);
- a block runs on a few rows of windows at a time. Attention never leaves a window and everything
  else never leaves a token, so a piece goes through the whole block while it is in the caches, and
  its buffers are small enough to be used again instead of fetched anew from the kernel;
- the position embedding, which only depends on the image's side, is made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_CPU_TOKENS = 1024
"""Tokens of one piece on a CPU: enough to pay for reading a block's weights once more, and few
enough for the widest activations to stay below what the C library hands back to the kernel."""
_NO_LIMIT = 2**31


class ImageEncoder:
    """A segmenter's image encoder, on its own weights."""

    def __init__(self, model: Any) -> None:
        """
        Args:
            model: a `Sam2Model` on its device and in its precision; it shares its weights.
        """
        self._trunk = model.vision_encoder.backbone
        self._neck = model.vision_encoder.neck
        self._levels = int(model.vision_encoder.num_feature_levels)
        self._projections = (model.mask_decoder.conv_s0, model.mask_decoder.conv_s1)
        self._positions: Float[Tensor, "1 h w c"] | None = None

    def __call__(self, pixels: Float[Tensor, "B 3 S S"]) -> list[Float[Tensor, "B _c _h _w"]]:
        """Feature levels of normalised images, finest first; the two finest as the mask decoder
        reads them."""
        levels = self._pyramid(self._stages(pixels))
        for index, projection in enumerate(self._projections):
            levels[index] = projection(levels[index])
        return [level.contiguous() for level in levels]

    def _stages(self, pixels: Float[Tensor, "B 3 S S"]) -> list[Float[Tensor, "B _h _w _c"]]:
        """The trunk's output at the end of each stage."""
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        tokens = self._trunk.patch_embed(pixels)
        if self._positions is None or self._positions.shape[1:3] != tokens.shape[1:3]:
            self._positions = self._trunk._get_pos_embed(tokens.shape[1:3]).contiguous()
        tokens = tokens + self._positions
        stages = []
        for index, block in enumerate(self._trunk.blocks):
            tokens = _run_block(block, tokens)
            if index in self._trunk.stage_ends:
                stages.append(tokens)
        return stages

    def _pyramid(
        self, stages: list[Float[Tensor, "B _h _w _c"]]
    ) -> list[Float[Tensor, "B C _h _w"]]:
        """The neck: every stage in the same width, coarser ones added to some, finest first."""
        last = len(stages) - 1
        levels: list[Tensor] = []
        for index in range(last, -1, -1):
            level = self._neck.convs[last - index](stages[index].permute(0, 3, 1, 2))
            if levels and index in self._neck.fpn_top_down_levels:
                coarser = functional.interpolate(levels[-1].float(), scale_factor=2.0)
                level = level + coarser.to(level.dtype)
            levels.append(level)
        return levels[-self._levels :][::-1]


def _run_block(
    block: Any, tokens: Float[Tensor, "B h w {block.dim}"]
) -> Float[Tensor, "B _ _ {block.dim_out}"]:
    """One block of the trunk.

    Args:
        block: a `Sam2MultiScaleBlock`.
        tokens: overwritten where the block keeps their shape.

    Returns:
        its tokens, fewer by its query stride in both directions.
    """
    stride = block.query_stride[0] if block.query_stride else 1
    batch, height, width, _ = tokens.shape
    out = tokens
    if block.dim != block.dim_out:
        out = tokens.new_empty(batch, height // stride, width // stride, block.dim_out)
    for top, bottom in _bands(block, tokens):
        normed = block.layer_norm1(tokens[:, top:bottom])
        piece = out[:, top // stride : bottom // stride]
        if out is not tokens:
            piece.copy_(_pooled(block.proj(normed), stride))
        piece.add_(_attend(block, normed, stride))
        _add_mlp(block, piece)
    return out


def _bands(block: Any, tokens: Float[Tensor, "B h w c"]) -> Iterator[tuple[int, int]]:
    """Rows that go through a block together: whole windows, or everything."""
    batch, height, width, _ = tokens.shape
    step = height
    if block.window_size:
        windows = max(1, _piece_length(tokens.device) // (batch * width * block.window_size))
        step = windows * block.window_size
    for top in range(0, height, step):
        yield top, min(top + step, height)


def _add_mlp(block: Any, tokens: Float[Tensor, "B h w c"]) -> None:
    """Add what the block's second half makes of each token to it."""
    for image in tokens:
        rows = image.view(-1, image.shape[-1])
        for piece in rows.split(_piece_length(rows.device)):
            piece.add_(block.mlp(block.layer_norm2(piece)))


def _piece_length(device: torch.device) -> int:
    """How many tokens to work on together: a GPU, which has no such caches, takes all there are."""
    return _CPU_TOKENS if device.type == "cpu" else _NO_LIMIT


def _attend(
    block: Any, tokens: Float[Tensor, "B h w {block.dim}"], stride: int
) -> Float[Tensor, "B h//{stride} w//{stride} {block.dim_out}"]:
    """Attention within windows."""
    attention = block.attn
    batch, height, width, _ = tokens.shape
    high, wide = (block.window_size,) * 2 if block.window_size else (height, width)
    beyond = (0, 0, 0, -width % wide, 0, -height % high)
    if any(beyond):  # windows at the border see zeros there, as those of the original do
        tokens = functional.pad(tokens, beyond)
    rows, columns = tokens.shape[1] // high, tokens.shape[2] // wide
    windows = tokens.reshape(batch, rows, high, columns, wide, -1).transpose(2, 3)
    projected = attention.qkv(windows.flatten(3, 4).flatten(0, 2))
    query, key, value = projected.unflatten(-1, (3, attention.num_attention_heads, -1)).unbind(2)
    if stride > 1:
        query = _pooled(query.flatten(2).unflatten(1, (high, wide)), stride)
        query = query.flatten(1, 2).unflatten(-1, (attention.num_attention_heads, -1))
    found = functional.scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), scale=attention.scale
    )
    high, wide = high // stride, wide // stride
    found = found.transpose(1, 2).flatten(2).unflatten(0, (batch, rows, columns))
    found = found.unflatten(3, (high, wide)).transpose(2, 3)
    found = found.reshape(batch, rows * high, columns * wide, -1)
    inside = found[:, : height // stride, : width // stride].contiguous()
    out: Tensor = attention.proj(inside)
    return out


def _pooled(
    tokens: Float[Tensor, "N h w c"], stride: int
) -> Float[Tensor, "N h//{stride} w//{stride} c"]:
    """Maxima over squares."""
    if stride == 1:
        return tokens
    return functional.max_pool2d(tokens.permute(0, 3, 1, 2), stride, stride).permute(0, 2, 3, 1)
