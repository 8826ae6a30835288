"""Attention between a prompt's tokens and its image tokens, as `image_tokens` keeps these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from fiftyone_ntt.models.image_tokens import (
    SharedLayer,
    WritingTile,
    by_head,
    by_token,
    heads_first,
    per_head,
)


@dataclass(eq=False)
class PromptTile:
    """`t` image tokens of `P` prompts, see `image_tokens`.

    Attributes:
        shares: with room for the rows of all layers.
        weights: the first is that of `own`, the others are those of the offsets of the layers after
            the first. Those of the last layer, which are 1, are left out: the list is empty after
            the first layer.
        scale: of the last normalisation; None while a layer is written.
    """

    shares: Float[Tensor, "P R t"]
    weights: list[Float32[Tensor, "P t"]] = field(default_factory=list)
    scale: Float32[Tensor, "P t"] | None = None

    def __getitem__(self, which: Int64[Tensor, " N"]) -> PromptTile:
        """Of some prompts."""
        assert self.scale is not None
        weights = [part[which] for part in self.weights]
        return PromptTile(self.shares[which], weights, self.scale[which])

    def scaled(self, products: Float[Tensor, "P r t"]) -> Float[Tensor, "P r t"]:
        """Products times the scale, in place."""
        assert self.scale is not None
        return products.mul_(self.scale[:, None].to(products.dtype))

    def weighted(self, products: Float[Tensor, "P r t"]) -> Float[Tensor, "P r t"]:
        """Products with `own`, times its weight, in place."""
        if self.weights:
            products.mul_(self.weights[0][:, None].to(products.dtype))
        return products

    def fold_scale(self, count: int) -> None:
        """Multiply the scale into the first `count` shares and the weights: a layer follows."""
        assert self.scale is not None
        self.scaled(self.shares[:, :count])
        self.weights = [*(part * self.scale for part in self.weights), self.scale]
        self.scale = None

    def times(
        self,
        factors: Float[Tensor, "P n h d"],
        own: Float[Tensor, "h d t"],
        with_rows: Float[Tensor, "P n*h R"],
    ) -> Float[Tensor, "P n*h t"]:
        """Products with the image tokens, but for scale and bias.

        Args:
            factors: of each prompt token and head.
            own: what they are multiplied with for `own`.
            with_rows: their products with the rows.
        """
        products = self.weighted(by_head(factors, own))
        return products.baddbmm_(with_rows, self.shares[:, : with_rows.shape[2]])

    def scores(
        self,
        factors: Float[Tensor, "P n h d"],
        own: Float[Tensor, "h d t"],
        with_rows: Float[Tensor, "P n*h R"],
        places: Float[Tensor, "h d t"],
    ) -> Float[Tensor, "P n*h t"]:
        """Products with the scaled image tokens, and with `places`; see `times`."""
        scores = self.scaled(self.times(factors, own, with_rows))
        vectors = factors.flatten(0, 1).transpose(0, 1)
        heads_first(scores, len(places)).baddbmm_(vectors, places)
        return scores

    def mapped(
        self,
        own: Float[Tensor, "t E"],
        rows: Float[Tensor, "P R E"],
        bias: Float[Tensor, "t E"],
    ) -> Float[Tensor, "P t E"]:
        """A linear map of the image tokens, from that of `own`, of the rows and of the bias."""
        assert self.scale is not None
        gathered = torch.bmm(self.shares.transpose(1, 2), rows)
        if self.weights:
            gathered.addcmul_(own, self.weights[0][:, :, None].to(own.dtype))
        else:
            gathered += own
        return torch.addcmul(bias, gathered, self.scale[:, :, None].to(own.dtype))


class ShareBuffer:
    """Memory for the prompts' shares, kept from one batch of prompts to the next: the kernel takes
    about as long to hand out fresh pages as the decoder to fill them."""

    def __init__(self, like: Float[Tensor, " ..."], lengths: Sequence[int]) -> None:
        """
        Args:
            like: of the type and on the device of what is kept.
            lengths: of the tiles.
        """
        self._lengths = lengths
        self._shares = like.new_empty(0)

    def tiles(self, count: int, width: int) -> list[PromptTile]:
        """A place for each tile of so many prompts, with so many shares a token, until the next
        call."""
        sizes = [count * width * length for length in self._lengths]
        if len(self._shares) < sum(sizes):
            self._shares = self._shares.new_empty(sum(sizes))
        parts = self._shares[: sum(sizes)].split(sizes)
        return [PromptTile(part.view(count, width, -1)) for part in parts]


def values_of(
    attention: Any, tokens: Float[Tensor, "P n D"]
) -> Float[Tensor, "P n {attention.num_attention_heads} d"]:
    """What image tokens gather of prompt tokens; without the bias, which is common to all
    prompts."""
    return by_token(F.linear(tokens, attention.v_proj.weight), attention)


def write(
    attention: Any,
    layer: SharedLayer,
    keys: Float[Tensor, "P n D"],
    before: Float[Tensor, "P R D"] | None,
    values: Sequence[Float[Tensor, "P n h d"]],
    tiles: Iterable[PromptTile],
) -> Iterator[PromptTile]:
    """Image tokens gather from their prompts' tokens and are normalised.

    Args:
        attention: of image tokens to prompt tokens.
        layer: what all prompts share.
        keys: prompt tokens with their positions.
        before: rows of the image tokens before it; None in the first layer.
        values: of each layer up to this one, see `values_of`.
        tiles: of the image tokens before it, changed in place.

    Returns:
        the tiles after it, made one by one as they are asked for.
    """
    key = by_token(attention.k_proj(keys), attention) * attention.scaling
    products = _row_products(layer.gathering.rows(values), len(values))
    with_rows = None if before is None else _with_rows(key, attention.q_proj, attention, before)
    start = 0 if before is None else before.shape[1]
    doubled = [2 * value for value in values]
    for shared, tile in zip(layer.writing, tiles, strict=True):
        if with_rows is None:
            scores = by_head(key, shared.queries)
        else:
            assert shared.places is not None
            scores = tile.scores(key, shared.queries, with_rows, shared.places)
            tile.fold_scale(start)
        shares = scores.unflatten(1, (key.shape[1], -1)).softmax(dim=1).flatten(1, 2)
        tile.shares[:, start : start + shares.shape[1]] = shares
        squares = _squares(tile, shared, doubled, products)
        tile.scale = torch.rsqrt(squares / keys.shape[2] + layer.epsilon)
        yield tile


def _row_products(
    rows: Float[Tensor, "P R D"], layers: int
) -> list[Float[Tensor, "P R//{layers} _"]]:
    """What a quadratic form of shares takes: of each layer's rows with those before, twice, and
    with each other."""
    made = []
    for stop in range(rows.shape[1] // layers, rows.shape[1] + 1, rows.shape[1] // layers):
        start = stop - rows.shape[1] // layers
        products = rows[:, start:stop] @ rows[:, :stop].transpose(1, 2)
        products[..., :start] *= 2
        made.append(products)
    return made


def _squares(
    tile: PromptTile,
    shared: WritingTile,
    doubled: list[Float[Tensor, "P n h d"]],
    products: list[Float[Tensor, "P n*h _"]],
) -> Float32[Tensor, "P t"]:
    """Squared lengths of what image tokens are before their normalisation, centred; of twice the
    values of each layer, and from `_row_products`."""
    squares = shared.squares
    if tile.weights:
        own, *others = tile.weights
        squares = squares * own.square()
        for weight, offset in zip([*others, torch.ones_like(own)], shared.offsets[1:], strict=True):
            squares += 2 * own * weight * offset
    start = 0
    for value, outward, of_layer in zip(doubled, shared.outward, products, strict=True):
        parts = tile.times(value, outward, of_layer)
        parts.mul_(tile.shares[:, start : start + parts.shape[1]])
        squares = squares + parts.sum(dim=1, dtype=torch.float32)
        start += parts.shape[1]
    return squares.clamp_(min=0)  # a small difference of large numbers may round to below 0


def read_shared(
    attention: Any,
    keys: Float[Tensor, "h T d"],
    values: Float[Tensor, "h T d"],
    queries: Float[Tensor, "P n D"],
) -> Float[Tensor, "P n D"]:
    """Prompt tokens attend to image tokens that are the same for all prompts.

    Args:
        attention: of prompt tokens to image tokens.
        keys, values: of the image tokens.
        queries: prompt tokens with their positions.
    """
    count, width = queries.shape[:2]
    query = by_token(attention.q_proj(queries), attention).flatten(0, 1).transpose(0, 1)
    # Of one image, because for fewer axes the fused attention is not used.
    mixed = F.scaled_dot_product_attention(
        query[None], keys[None], values[None], scale=attention.scaling
    )
    out: Tensor = attention.o_proj(mixed[0].transpose(0, 1).reshape(count, width, -1))
    return out


def read(
    attention: Any,
    layer: SharedLayer,
    queries: Float[Tensor, "P n D"],
    rows: Float[Tensor, "P R D"],
    tiles: Iterable[PromptTile],
) -> tuple[Float[Tensor, "P n D"], list[PromptTile]]:
    """Prompt tokens attend to their own image tokens.

    Args:
        attention: of prompt tokens to image tokens.
        layer: that wrote the image tokens last.
        queries: prompt tokens with their positions.
        rows: of the image tokens, of the layer's basis.
        tiles: of the image tokens.

    Returns:
        what they gathered, and the tiles, all made by now.
    """
    query = by_token(attention.q_proj(queries), attention) * attention.scaling
    with_rows = _with_rows(query, attention.k_proj, attention, rows)
    sums, seen = _RunningSoftmax.of(query, rows), []
    for shared, tile in zip(layer.reading, tiles, strict=True):
        seen.append(tile)
        sums.add(tile.scores(query, shared.keys, with_rows, shared.places), tile, shared.values)
    weight = per_head(attention.v_proj.weight, attention).transpose(1, 2)
    out: Tensor = attention.o_proj(sums.mixed(rows, weight).flatten(2) + layer.value_bias)
    return out, seen


@dataclass(eq=False)
class _RunningSoftmax:
    """A softmax's sums over the image tokens so far: they fade where a higher score turns up.

    Attributes:
        own: of the shares times the values of `own`.
        rows: of the shares times those that image tokens have of rows.
        highest: score so far.
        total: of the shares.
    """

    own: Float32[Tensor, "P n h d"]
    rows: Float32[Tensor, "P n*h R"]
    highest: Float[Tensor, "P n*h 1"]
    total: Float32[Tensor, "P n*h 1"]

    @staticmethod
    def of(query: Float[Tensor, "P n h d"], rows: Float[Tensor, "P R D"]) -> _RunningSoftmax:
        """Of no image token yet."""
        count, width = len(query), query.shape[1] * query.shape[2]
        own = query.new_zeros(query.shape, dtype=torch.float32)
        total = own.new_zeros(count, width, 1)
        return _RunningSoftmax(
            own,
            own.new_zeros(count, width, rows.shape[1]),
            torch.full_like(total, -torch.inf, dtype=rows.dtype),
            total,
        )

    def add(
        self, scores: Float[Tensor, "P nh t"], tile: PromptTile, values: Float[Tensor, "h d t"]
    ) -> None:
        """Count a tile in: its scores, which are overwritten, and the values of `own`."""
        top = torch.maximum(self.highest, scores.amax(dim=-1, keepdim=True))
        fading, shares = (self.highest - top).exp_(), scores.sub_(top).exp_()
        self.highest = top
        self.total.mul_(fading).add_(shares.sum(dim=-1, keepdim=True, dtype=torch.float32))
        shares = tile.scaled(shares)
        of_rows = tile.shares[:, : self.rows.shape[2]].transpose(1, 2)
        self.rows.mul_(fading).add_(torch.bmm(shares, of_rows))
        heads = heads_first(tile.weighted(shares), len(values))
        found = torch.bmm(heads, values.transpose(1, 2)).transpose(0, 1)
        self.own.mul_(fading.view(*self.own.shape[:3], 1)).add_(found.reshape(self.own.shape))

    def mixed(
        self, rows: Float[Tensor, "P R D"], weight: Float[Tensor, "h D d"]
    ) -> Float[Tensor, "P n h d"]:
        """Mean values, by the rows and the value projection."""
        of_rows = (self.rows / self.total).to(rows.dtype) @ rows
        own = (self.own / self.total.view(*self.own.shape[:3], 1)).to(rows.dtype)
        return own + by_head(of_rows.unflatten(1, own.shape[1:3]), weight).view_as(own)


def _with_rows(
    vectors: Float[Tensor, "P n h d"],
    projection: nn.Linear,
    attention: Any,
    rows: Float[Tensor, "P R D"],
) -> Float[Tensor, "P n*h R"]:
    """Products of vectors with projected rows."""
    pulled = by_head(vectors, per_head(projection.weight, attention))
    return pulled @ rows.transpose(1, 2)
