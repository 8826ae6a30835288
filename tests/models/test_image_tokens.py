"""Image tokens as sums against the ones that transformers' own decoder writes out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from fiftyone_ntt.models.image_tokens import Common, share_layers
from fiftyone_ntt.models.mask_decoding import in_precision
from fiftyone_ntt.models.token_attention import PromptTile, ShareBuffer, read, values_of, write
from tests.models.conftest import random_model

PROMPTS, TOKENS, SIDE, LENGTH = 5, 8, 6, 10


def random(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape))) * 4 - 2


def written_out(tile: PromptTile, own: Tensor, rows: Tensor, bias: Tensor) -> Tensor:
    """Image tokens `[P, t, D]`."""
    weight = tile.weights[0][:, :, None] if tile.weights else 1
    assert tile.scale is not None
    gathered = tile.shares[:, : rows.shape[1]].transpose(1, 2) @ rows
    return tile.scale[:, :, None] * (weight * own + gathered) + bias


@pytest.mark.parametrize("layers", [1, 2, 3])
@torch.no_grad()
def test_sums_equal_tokens_written_out(layers: int) -> None:
    decoder: dict[str, Any] = {"num_hidden_layers": layers}
    transformer = random_model(layers, decoder=decoder).mask_decoder.transformer
    width = transformer.layers[0].layer_norm1.weight.numel()
    image, positions = random(SIDE**2, width), random(SIDE**2 + 1, width)[1:]
    shared, common = share_layers(transformer, image, positions, LENGTH)
    heads = transformer.final_attn_token_to_image.num_attention_heads
    buffer = ShareBuffer(image, [len(part) for part in image.split(LENGTH)])
    tiles: Any = buffer.tiles(PROMPTS, TOKENS * heads * layers)
    expected, rows, values = image.expand(PROMPTS, -1, -1), None, []
    for depth, layer in enumerate(transformer.layers):
        keys, tokens = (
            random(PROMPTS, TOKENS, width) + depth,
            random(PROMPTS, TOKENS, width) - depth,
        )
        writer = layer.cross_attn_image_to_token
        values = [*values, values_of(writer, tokens)]
        tiles = list(write(writer, shared[depth], keys, rows, values, tiles))
        rows = shared[depth].basis.rows(values)
        found, _ = writer((expected + positions)[:, None], keys[:, None], tokens[:, None])
        expected = layer.layer_norm4(expected + found[:, 0])
    assert rows is not None
    parts = [
        written_out(tile, own, rows, common.bias)
        for tile, own in zip(tiles, common.own.split(LENGTH), strict=True)
    ]
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=2e-5, rtol=1e-4)

    reader, queries = transformer.final_attn_token_to_image, random(PROMPTS, 3, width)
    read_here, _ = read(reader, shared[-1], queries, rows, tiles)
    placed = (expected + positions)[:, None]
    read_there, _ = reader(queries[:, None], placed, expected[:, None])
    torch.testing.assert_close(read_here, read_there[:, 0], atol=2e-5, rtol=1e-4)


def test_what_is_common_stays_centred() -> None:
    transformer = random_model(0).mask_decoder.transformer
    layer = transformer.layers[0]
    width = layer.layer_norm1.weight.numel()
    with torch.no_grad():
        before = Common(random(4, width), random(width))
        after = before.gathered(layer.cross_attn_image_to_token)
    for rows in (after.own, *after.basis.projections, *after.basis.offsets):
        torch.testing.assert_close(
            rows.mean(dim=-1), torch.zeros(rows.shape[:-1]), atol=1e-6, rtol=0
        )


@torch.no_grad()
def test_a_bias_that_cancels_the_image_does_no_harm_in_bfloat16() -> None:
    decoder = random_model(6).mask_decoder
    layer = decoder.transformer.layers[0]
    writer, width = layer.cross_attn_image_to_token, layer.layer_norm1.weight.numel()
    common, image = random(width) * 20, random(SIDE**2, width)
    inner = len(writer.v_proj.bias)
    common[inner:] = 0
    writer.o_proj.weight.copy_(torch.eye(width, inner))
    writer.v_proj.bias.copy_(-common[:inner])
    layer.layer_norm4.weight.fill_(1)
    keys, values = random(PROMPTS, TOKENS, width), random(PROMPTS, TOKENS + 1, width)[:, 1:]
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        transformer = in_precision(decoder, dtype).transformer
        shared, _ = share_layers(transformer, image + common, 0 * image, SIDE**2)
        buffer = ShareBuffer(image.to(dtype), [SIDE**2])
        attention = transformer.layers[0].cross_attn_image_to_token
        gathered = [values_of(attention, values.to(dtype))]
        tiles = buffer.tiles(PROMPTS, TOKENS * attention.num_attention_heads)
        (tile,) = write(attention, shared[0], keys.to(dtype), None, gathered, tiles)
        found.append(tile.scale)
    assert found[0] is not None and found[1] is not None
    torch.testing.assert_close(found[1], found[0], rtol=0.02, atol=0)
