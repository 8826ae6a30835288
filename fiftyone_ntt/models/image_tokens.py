"""A prompt's image tokens, as sums that are never written out.

In each layer of the mask decoder an image token gathers from the prompt's tokens, and is
normalised. What it gathers is a sum of few rows, one for each of the `n` prompt tokens and `h`
heads, which are the same for all image tokens; only their shares are a token's own. So after any
number of layers, a prompt's image tokens are

    scale * (weight * own + sharesᵀ @ rows) + bias

where `own` `[T, D]` comes from the image alone, `rows` `[R, D]` from the prompt alone, `bias` `[D]`
from neither, and only `shares` `[R, T]`, `weight` and `scale` `[T]` from both. With 8 prompt tokens
and 8 heads `R` is 64 per layer, where `D` is 256. All that the decoder asks of image tokens
follows:

- a product with a query is one with `own`, whose projection is made once per image and 16 wide per
  head, and one with `rows`, `[R]` numbers for all image tokens, times `shares`;
- a normalisation needs the mean, which is 0 since `own` and `rows` are centred beforehand, and the
  mean square, a quadratic form of the shares with the rows' products among themselves;
- a weighted sum of tokens is the same sum of `own` and of `shares`, times `rows`.

In float32 such a mean square is as good as that of the tokens. In bfloat16 it is wrong where what a
token gathers all but cancels its own; so what is gathered whatever the prompt, the biases, is added
to `own` or taken into `rows` beforehand, in float32.

Image tokens come in tiles that fit a processor's caches. The next attention reads a tile as soon as
its shares are computed, and its softmax goes on from tile to tile.

Axes here and in what builds on it: `P` prompts of `n` tokens each, `T` image tokens, `t` of them in
a tile, all `D` wide; `h` heads, each `d` wide; `R` rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Basis:
    """What makes rows of prompt tokens' values.

    Attributes:
        projections: of each layer so far: what a head's value adds to an image token.
        offsets: of each layer so far: what is added whatever the value. A head's shares add up to
            1, so it goes into the first head's rows.
    """

    projections: tuple[Float[Tensor, "h d D"], ...] = ()
    offsets: tuple[Float[Tensor, " D"], ...] = ()

    def rows(self, values: Sequence[Float[Tensor, "P n h d"]]) -> Float[Tensor, "P R D"]:
        """Those of the values of each layer so far."""
        made = []
        for value, projection, offset in zip(values, self.projections, self.offsets, strict=True):
            rows = by_head(value, projection)
            rows[:, :: len(projection)] += offset
            made.append(rows)
        return torch.cat(made, dim=1)

    def scaled(self, factors: Float[Tensor, " D"]) -> Basis:
        """Every row times some factors."""
        return self._each(lambda part: part * factors)

    def centred(self) -> Basis:
        """Every row less its mean."""
        return self._each(_centred)

    def to(self, dtype: torch.dtype) -> Basis:
        """In another number format."""
        return self._each(lambda part: part.to(dtype))

    def _each(
        self, change: Callable[[Float[Tensor, "*axes D"]], Float[Tensor, "*axes D"]]
    ) -> Basis:
        return Basis(tuple(map(change, self.projections)), tuple(map(change, self.offsets)))


@dataclass(frozen=True, eq=False)
class Common:
    """What all prompts of an image have in common at some depth.

    Attributes:
        own, bias: see above.
        basis: of the rows.
    """

    own: Float32[Tensor, "T D"]
    bias: Float32[Tensor, " D"]
    basis: Basis = Basis()

    def gathered(self, writer: Any) -> Common:
        """After image tokens gathered by an attention, but for the mean, which the normalisation
        takes away. What is added whatever the prompt (biases: a head's shares add up to 1) goes to
        `own` in the first layer, where that weighs 1, and to the basis in others."""
        output, nothing = writer.o_proj, torch.zeros_like(self.bias)
        added = self.bias + output.bias + output.weight.float() @ writer.v_proj.bias.float()
        own, offset = (self.own, added) if self.basis.projections else (self.own + added, nothing)
        projection = per_head(output.weight.float().T, writer)
        basis = Basis((*self.basis.projections, projection), (*self.basis.offsets, offset))
        return Common(_centred(own), nothing, basis.centred())

    def normalised(self, norm: nn.LayerNorm) -> Common:
        """After a normalisation, but for the division by the standard deviation."""
        factors = norm.weight.float()
        return Common(self.own * factors, norm.bias.float(), self.basis.scaled(factors))


@dataclass(frozen=True, eq=False)
class WritingTile:
    """What all prompts share of `t` image tokens that gather from prompt tokens.

    Attributes:
        queries: of `own`; in the first layer, of everything.
        places: of everything else: positions and biases. None in the first layer.
        outward: of each layer so far: `own`, centred, times the basis' projections.
        offsets: likewise with its offsets.
        squares: squared lengths of `own`, centred.
    """

    queries: Float[Tensor, "h d t"]
    places: Float[Tensor, "h d t"] | None
    outward: tuple[Float[Tensor, "h d t"], ...]
    offsets: tuple[Float32[Tensor, " t"], ...]
    squares: Float32[Tensor, " t"]


@dataclass(frozen=True, eq=False)
class ReadingTile:
    """What all prompts share of `t` image tokens that prompt tokens attend to.

    Attributes:
        keys: of `own`.
        places: of the positions. Biases are left out: they add the same to all scores of a query,
            which the softmax does not see.
        values: of `own`.
    """

    keys: Float[Tensor, "h d t"]
    places: Float[Tensor, "h d t"]
    values: Float[Tensor, "h d t"]


@dataclass(frozen=True, eq=False)
class SharedLayer:
    """What all prompts of an image share of a layer's writing and of the reading after it.

    Attributes:
        writing: tiles of the image tokens before the layer.
        gathering: basis of what is normalised.
        epsilon: of the normalisation.
        basis: after the normalisation.
        reading: tiles of the image tokens after it.
        value_bias: of the values read, all heads'.
    """

    writing: tuple[WritingTile, ...]
    gathering: Basis
    epsilon: float
    basis: Basis
    reading: tuple[ReadingTile, ...]
    value_bias: Float[Tensor, " hd"]


def share_layers(
    transformer: Any,
    tokens: Float32[Tensor, "T D"],
    positions: Float32[Tensor, "T D"],
    length: int,
) -> tuple[tuple[SharedLayer, ...], Common]:
    """Compute once what all prompts share of an image's tokens.

    Args:
        transformer: a `Sam2TwoWayTransformer`; the results are in its number format.
        tokens: of the image.
        positions: their encoding.
        length: of a tile.

    Returns:
        its layers, and what is in common after the last.
    """
    readers = [layer.cross_attn_token_to_image for layer in transformer.layers[1:]]
    readers.append(transformer.final_attn_token_to_image)
    common, shared = Common(tokens, torch.zeros_like(tokens[0])), []
    for layer, reader in zip(transformer.layers, readers, strict=True):
        writer, dtype = layer.cross_attn_image_to_token, reader.k_proj.weight.dtype
        gathered = common.gathered(writer)
        writing = _writing_tiles(writer, common, gathered, positions, length)
        common = gathered.normalised(layer.layer_norm4)
        made = SharedLayer(
            writing=writing,
            gathering=gathered.basis.to(dtype),
            epsilon=layer.layer_norm4.eps,
            basis=common.basis.to(dtype),
            reading=_reading_tiles(reader, common, positions, length),
            value_bias=reader.v_proj(common.bias.to(dtype)),
        )
        shared.append(made)
    return tuple(shared), common


def _writing_tiles(
    writer: Any,
    before: Common,
    gathered: Common,
    positions: Float32[Tensor, "T D"],
    length: int,
) -> tuple[WritingTile, ...]:
    dtype = writer.q_proj.weight.dtype
    queries = _projected(writer.q_proj, before.own, writer)
    places = _projected(writer.q_proj, positions + before.bias, writer)
    places += writer.q_proj.bias.float().view(*places.shape[:2], 1)
    first = not before.basis.projections  # no scale or weight yet that parts the two
    outward = [part @ gathered.own.T for part in gathered.basis.projections]
    offsets = [gathered.own @ part for part in gathered.basis.offsets]
    parts = zip(
        _tiles((queries + places if first else queries).to(dtype), length),
        repeat(None) if first else _tiles(places.to(dtype), length),
        zip(*(_tiles(part.to(dtype), length) for part in outward), strict=True),
        zip(*(_tiles(part, length) for part in offsets), strict=True),
        _tiles(gathered.own.square().sum(dim=1), length),
        strict=False,
    )
    return tuple(WritingTile(*of_tile) for of_tile in parts)


def _reading_tiles(
    reader: Any, common: Common, positions: Float32[Tensor, "T D"], length: int
) -> tuple[ReadingTile, ...]:
    dtype = reader.k_proj.weight.dtype
    whole = (
        _projected(reader.k_proj, common.own, reader),
        _projected(reader.k_proj, positions, reader),
        _projected(reader.v_proj, common.own, reader),
    )
    parts = (_tiles(part.to(dtype), length) for part in whole)
    return tuple(ReadingTile(*of_tile) for of_tile in zip(*parts, strict=True))


def by_head(
    vectors: Float[Tensor, "P n h d"], shared: Float[Tensor, "h d t"]
) -> Float[Tensor, "P n*h t"]:
    """Products of each head's vectors with what all prompts share of it."""
    count, tokens, heads, _ = vectors.shape
    out = vectors.new_empty(count, tokens * heads, shared.shape[2])
    torch.bmm(vectors.flatten(0, 1).transpose(0, 1), shared, out=heads_first(out, heads))
    return out


def heads_first(
    products: Float[Tensor, "P nh t"], heads: int
) -> Float[Tensor, "{heads} P*nh//{heads} t"]:
    """Products as `by_head` gives them, seen by head, then by prompt and token."""
    return products.view(-1, heads, products.shape[2]).transpose(0, 1)


def by_token(
    projected: Float[Tensor, "*tokens hd"], attention: Any
) -> Float[Tensor, "*tokens {attention.num_attention_heads} d"]:
    """Projected tokens, the heads' parts on an axis of their own."""
    return projected.unflatten(-1, (attention.num_attention_heads, -1))


def per_head(
    weight: Float[Tensor, "hd D"], attention: Any
) -> Float[Tensor, "{attention.num_attention_heads} d D"]:
    """A projection's weight, likewise."""
    return weight.unflatten(0, (attention.num_attention_heads, -1))


def _projected(
    projection: nn.Linear, tokens: Float32[Tensor, "T D"], attention: Any
) -> Float32[Tensor, "{attention.num_attention_heads} d T"]:
    """Tokens times a projection's weight, without its bias."""
    return per_head(projection.weight.float() @ tokens.T, attention)


def _tiles(values: Float[Tensor, "*axes T"], length: int) -> list[Float[Tensor, "*axes _t"]]:
    """The last axis in parts, each in memory of its own."""
    return [part.contiguous() for part in values.split(length, dim=-1)]


def _centred(rows: Float[Tensor, "*axes D"]) -> Float[Tensor, "*axes D"]:
    return rows - rows.mean(dim=-1, keepdim=True)
