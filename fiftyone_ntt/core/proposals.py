"""Propose: class-agnostic masks of an image and their features (method 4, 5).

The expensive half of the method. Its result depends on the image and the models alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fiftyone_ntt.core.geometry import (
    mask_boxes,
    point_grid,
    resize_bicubic,
    resize_weights,
    squash,
)
from fiftyone_ntt.core.interfaces import Encoder, ImageEmbedding, Segmenter
from fiftyone_ntt.core.logit_masks import LogitMasks
from fiftyone_ntt.core.overlaps import Overlaps, mask_overlaps
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.core.settings import ProposalSettings


@dataclass(frozen=True)
class ProposalSetup:
    """What decides an image's proposals besides its pixels.

    Attributes:
        encoder: identity of the encoder.
        segmenter: identity of the segmenter.
        settings: of the proposals.
    """

    encoder: str
    segmenter: str
    settings: ProposalSettings


@dataclass(frozen=True, eq=False)
class Proposals:
    """The proposals of one image, in the order of their prompts.

    Attributes:
        image_size: the image's height and width.
        prompts: int64 `[N]`, which point of the grid each came from.
        ious: float32 `[N]`, predicted IoU.
        boxes: int64 `[N, 4]`, inclusive extrema at the masks' own side `m`: x1, y1, x2, y2.
        features: float32 `[N, C]`, unit mean token inside each mask; zeros for an empty mask.
        masks: `N` run-length encodings at image size (method 7), possibly empty.
        known_overlaps: of the masks, where they were computed before; None if not.
    """

    image_size: tuple[int, int]
    prompts: NDArray[np.int64]
    ious: NDArray[np.float32]
    boxes: NDArray[np.int64]
    features: NDArray[np.float32]
    masks: Sequence[RLE]
    known_overlaps: Overlaps | None = None

    def __len__(self) -> int:
        return len(self.ious)

    @cached_property
    def overlaps(self) -> Overlaps:
        """Of all masks, which serve every bank: worth computing for those that are kept."""
        return mask_overlaps(self.masks) if self.known_overlaps is None else self.known_overlaps

    def overlaps_among(self, rows: NDArray[np.int64]) -> Overlaps:
        """Of some masks, numbered as in `rows`; see `Overlaps.among`."""
        if self.known_overlaps is None:
            return mask_overlaps([self.masks[row] for row in rows.tolist()])
        return self.known_overlaps.among(rows)


def propose(
    image: NDArray[np.uint8],
    segmenter: Segmenter,
    encoder: Encoder,
    settings: ProposalSettings | None = None,
) -> Proposals:
    """Proposals of one image.

    Args:
        image: RGB, uint8 `[H, W, 3]`.
        segmenter: prompted once per grid point.
        encoder: its tokens describe the proposals.
        settings: the paper's when None.

    Returns:
        Possibly none: an image on which nothing passes the IoU threshold is a valid result.
    """
    settings = settings or ProposalSettings()
    square = squash(image, segmenter.side, segmenter.device)
    embedding = segmenter.embed(square[None])[0]
    prompts, ious, logits = prompt_grid(embedding, segmenter, settings)
    tokens = encoder.encode(resize_bicubic(square, encoder.side)[None].to(encoder.device))[0]
    return described(prompts, ious, logits, tokens, (image.shape[0], image.shape[1]))


def described(
    prompts: Tensor, ious: Tensor, logits: Tensor, tokens: Tensor, size: tuple[int, int]
) -> Proposals:
    """The proposals of one image's kept masks.

    Args:
        prompts, ious, logits: from `prompt_grid`.
        tokens: of the image, float32 `[g * g, C]`.
        size: the image's height and width.
    """
    inside = logits > 0
    features = pool_features(tokens.to(inside.device), inside)
    return Proposals(
        image_size=size,
        prompts=prompts.cpu().numpy(),
        ious=ious.cpu().numpy(),
        boxes=mask_boxes(inside).cpu().numpy(),
        features=features.cpu().numpy(),
        masks=LogitMasks(logits, size),
    )


def prompt_grid(
    embedding: ImageEmbedding,
    segmenter: Segmenter,
    settings: ProposalSettings,
    chosen: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Prompt every point of the grid (method 4), or only some.

    Args:
        embedding: of the image.
        segmenter: that made it.
        settings: grid, threshold and batch.
        chosen: int64 `[P]`, at least one index of a point; all points when None.

    Returns:
        of the prompts kept: indices int64 `[N]`, predicted IoUs float32 `[N]`, mask logits float32
        `[N, m, m]`.
    """
    points = point_grid(settings.points_per_side, segmenter.side).to(segmenter.device)
    chosen = torch.arange(len(points)) if chosen is None else chosen
    prompts, ious, logits = [], [], []
    for batch in chosen.to(points.device).split(settings.prompts_per_batch):
        rows, *best = segmenter.decode_best(embedding, points[batch], settings.iou_threshold)
        prompts.append(batch[rows])
        ious.append(best[0])
        logits.append(best[1])
    return torch.cat(prompts), torch.cat(ious), torch.cat(logits)


def pool_features(tokens: Tensor, inside: Tensor) -> Tensor:
    """Mean interpolated token inside each mask, scaled to length 1 (method 5).

    Tokens would be interpolated bilinearly to the masks' side and averaged there. That is linear
    in the tokens, so the masks are pulled back through the transposed interpolation instead, and
    averaged on the token grid: equal, and `(m / g) ** 2` times less work.

    Args:
        tokens: float32 `[g * g, C]`.
        inside: bool `[N, m, m]`.

    Returns:
        float32 `[N, C]`, unit rows; zeros for an empty mask.
    """
    grid = round(len(tokens) ** 0.5)
    weights = resize_weights(grid, inside.shape[-1]).to(tokens.device)
    masks = inside.to(tokens.dtype)
    on_grid = weights.T @ masks @ weights
    area = masks.sum(dim=(1, 2)).clamp(min=1)
    means = on_grid.flatten(1) @ tokens / area[:, None]
    return F.normalize(means, dim=1)
