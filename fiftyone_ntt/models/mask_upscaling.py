"""A prompt's mask from its image tokens, as `image_tokens` keeps these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor, nn

from fiftyone_ntt.models.image_tokens import Common
from fiftyone_ntt.models.token_attention import PromptTile


@dataclass(frozen=True, eq=False)
class UpscalingTile:
    """What all prompts share of `t` image tokens that are upscaled.

    A token's 4 x 4 pixels are extra axes, so nothing is transposed until the mask itself.

    Attributes:
        own: the first convolution of `own`; a token's 4 pixels are as wide together as the token.
        middle: finer features, plus the biases of tokens and convolution.
        fine: the finest, plus the second convolution's bias.
    """

    own: Float[Tensor, "t D"]
    middle: Float[Tensor, "t D"]
    fine: Float[Tensor, "4*t D//2"]


def share_upscaling(
    decoder: Any,
    common: Common,
    details: tuple[Float32[Tensor, "1 c f f"], Float32[Tensor, "1 2*c f//2 f//2"]],
    length: int,
) -> tuple[UpscalingTile, ...]:
    """Compute once what all prompts share of an image's upscaling.

    Args:
        decoder: a `Sam2MaskDecoder`.
        common: of the image tokens after the last layer.
        details: finer levels of the image's features, finest first.
        length: of a tile.
    """
    first, second = decoder.upscale_conv1, decoder.upscale_conv2
    weight, (fine, middle) = _as_matrix(first).float(), (level.float() for level in details)
    middle = _in_token_order(middle, levels=1) + first.bias
    fine = _in_token_order(fine, levels=2) + second.bias
    whole = (common.own @ weight, middle.flatten(1) + common.bias @ weight, fine)
    tiles = zip(*(part.to(first.weight.dtype).split(length) for part in whole), strict=True)
    return tuple(
        UpscalingTile(own, middle, fine.unflatten(1, (4, 4)).flatten(0, 1).flatten(1))
        for own, middle, fine in tiles
    )


def upscale(
    decoder: Any,
    shared: Sequence[UpscalingTile],
    rows: Float[Tensor, "N R D"],
    tiles: Sequence[PromptTile],
    weights: Float[Tensor, "N D//8"],
) -> Float32[Tensor, "N m m"]:
    """Mask logits.

    Args:
        decoder: a `Sam2MaskDecoder`.
        shared: from `share_upscaling`.
        rows: of the image tokens.
        tiles: of the image tokens after the last layer.
        weights: of the features.
    """
    rows = rows @ _as_matrix(decoder.upscale_conv1)
    logits = [
        torch.bmm(weights[:, None], _features(decoder, part, rows, tile).transpose(1, 2))[:, 0]
        for part, tile in zip(shared, tiles, strict=True)
    ]
    return _as_pixels(torch.cat(logits, dim=1).float())


def _features(
    decoder: Any, shared: UpscalingTile, rows: Float[Tensor, "N R D"], tile: PromptTile
) -> Float[Tensor, "N 16*{len(shared.own)} D//8"]:
    """Features of the pixels of a tile, 16 a token."""
    norm = decoder.upscale_layer_norm
    tokens = tile.mapped(shared.own, rows, shared.middle)
    features = tokens.view(len(rows), -1, *norm.normalized_shape)
    features = F.layer_norm(features, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
    features = (F.gelu(features) @ _as_matrix(decoder.upscale_conv2)).add_(shared.fine)
    return F.gelu(features).view(len(rows), 4 * features.shape[1], -1)


def _as_matrix(
    convolution: nn.ConvTranspose2d,
) -> Float[Tensor, "{convolution.in_channels} 4*{convolution.out_channels}"]:
    """A 2 x 2 transposed convolution's weight: of each token's four pixels."""
    return convolution.weight.permute(0, 2, 3, 1).flatten(1)


def _in_token_order(
    details: Float32[Tensor, "1 C f f"], levels: int
) -> Float32[Tensor, "(f>>{levels})**2 4**{levels} C"]:
    """Pixels by the token they lie in.

    Within a token they are ordered as `_features` makes them: by 2 x 2 block, then inside it.
    """
    side = details.shape[-1] >> levels
    split = (side, *[2] * levels)
    blocks = details[0].unflatten(2, split).unflatten(1, split)
    rows, columns = range(1, levels + 2), range(levels + 2, 2 * levels + 3)
    order = [axis for pair in zip(rows, columns, strict=True) for axis in pair]
    return blocks.permute(*order, 0).reshape(side * side, 4**levels, -1)


def _as_pixels(logits: Float32[Tensor, "N pixels"]) -> Float32[Tensor, "N m m"]:
    """The inverse of `_in_token_order` for two levels."""
    side = round((logits.shape[1] // 16) ** 0.5)
    blocks = logits.view(-1, side, side, 2, 2, 2, 2)
    return blocks.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, 4 * side, 4 * side)
