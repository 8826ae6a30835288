"""Proposals: class-agnostic masks of an image and their features (method 4, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float32, Int16, Int64, UInt8
from torch import Tensor

from fiftyone_ntt.core.crops import Crop
from fiftyone_ntt.core.geometry import (
    mask_boxes,
    point_grid,
    resize_bicubic,
    resize_weights,
    squash,
)
from fiftyone_ntt.core.interfaces import Encoder, ImageEmbedding, Segmenter
from fiftyone_ntt.core.logit_masks import LogitMasks, stability
from fiftyone_ntt.core.overlaps import Overlaps, mask_overlaps
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.core.settings import ProposalSettings

_FEATURE_SIDE = 256
"""Of the masks that `feature_of` pools: that of SAM's."""


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
        prompts: which point of the grid each came from.
        ious: predicted IoU.
        boxes: inclusive extrema at the masks' own side `m`: x1, y1, x2, y2.
        features: unit mean token inside each mask; zeros for an empty mask.
        masks: `N` run-length encodings at image size (method 7), possibly empty.
        crops: which part of the picture each was found in; 0 is the whole picture.
        stability: of each mask, 0..1, see `logit_masks.stability`; None where it is unknown: of
            proposals that an earlier version stored, whose logits are gone. The method needs none.
        known_overlaps: of the masks, where they were computed before; None if not.
    """

    image_size: tuple[int, int]
    prompts: Int64[np.ndarray, " N"]
    ious: Float32[np.ndarray, " N"]
    boxes: Int64[np.ndarray, "N 4"]
    features: Float32[np.ndarray, "N C"]
    masks: Sequence[RLE]
    crops: Int16[np.ndarray, " N"]
    stability: Float32[np.ndarray, " N"] | None = None
    known_overlaps: Overlaps | None = None

    def __len__(self) -> int:
        """How many proposals."""
        return len(self.ious)

    @cached_property
    def overlaps(self) -> Overlaps:
        """Of all masks, which serve every bank: worth computing for those that are kept."""
        return mask_overlaps(self.masks) if self.known_overlaps is None else self.known_overlaps

    def overlaps_among(self, rows: Int64[np.ndarray, " D"]) -> Overlaps:
        """Of some masks, numbered as in `rows`; see `Overlaps.among`."""
        if self.known_overlaps is None:
            return mask_overlaps([self.masks[row] for row in rows.tolist()])
        return self.known_overlaps.among(rows)

    def rows(self, chosen: Int64[np.ndarray, " D"]) -> Proposals:
        """Some of them, in this order."""
        return replace(
            self,
            prompts=self.prompts[chosen],
            ious=self.ious[chosen],
            boxes=self.boxes[chosen],
            features=self.features[chosen],
            masks=[self.masks[row] for row in chosen.tolist()],
            crops=self.crops[chosen],
            stability=None if self.stability is None else self.stability[chosen],
            known_overlaps=self.overlaps_among(chosen),
        )


def join_proposals(parts: Sequence[Proposals]) -> Proposals:
    """The proposals of several crops of one image, in order; at least one part, all of known
    stability."""
    return replace(
        parts[0],
        prompts=np.concatenate([part.prompts for part in parts]),
        ious=np.concatenate([part.ious for part in parts]),
        boxes=np.concatenate([part.boxes for part in parts]),
        features=np.concatenate([part.features for part in parts]),
        masks=[mask for part in parts for mask in part.masks],
        crops=np.concatenate([part.crops for part in parts]),
        stability=np.concatenate([part.stability for part in parts if part.stability is not None]),
        known_overlaps=None,
    )


def described(
    prompts: Int64[Tensor, " N"],
    ious: Float32[Tensor, " N"],
    logits: Float32[Tensor, "N m m"],
    tokens: Float32[Tensor, "gg C"],
    crop: Crop,
    number: int = 0,
) -> Proposals:
    """The proposals of the masks that were kept of one image, or of a part of it, without those
    that the part's borders cut off.

    Args:
        prompts, ious, logits: from `prompt_grid`.
        tokens: of the same pixels, `gg = g * g`.
        crop: the part; all of the image for the paper's.
        number: of the crop; 0 is all of the image.
    """
    side, inside = logits.shape[-1], logits > 0
    boxes = mask_boxes(inside).cpu().numpy()
    cut = crop.touching(boxes, side)
    if cut.any():  # of all of an image none is
        whole = torch.from_numpy(~cut).to(logits.device)
        prompts, ious, logits, inside = (part[whole] for part in (prompts, ious, logits, inside))
        boxes = boxes[~cut]
    features = pool_features(tokens.to(inside.device), inside)
    return Proposals(
        image_size=crop.picture,
        prompts=prompts.cpu().numpy(),
        ious=ious.cpu().numpy(),
        boxes=crop.in_picture(boxes, side),
        features=features.cpu().numpy(),
        masks=LogitMasks(logits, crop.picture, crop),
        crops=np.full(len(logits), number, dtype=np.int16),
        stability=stability(logits),
    )


def prompt_grid(
    embedding: ImageEmbedding,
    segmenter: Segmenter,
    settings: ProposalSettings,
    chosen: Int64[Tensor, " P"] | None = None,
) -> tuple[Int64[Tensor, " N"], Float32[Tensor, " N"], Float32[Tensor, "N m m"]]:
    """Prompt every point of the grid (method 4), or only some.

    Args:
        embedding: of the image.
        segmenter: that made it.
        settings: grid, threshold and batch.
        chosen: at least one index of a point; all points when None.

    Returns:
        Of the prompts kept: indices, predicted IoUs, mask logits.
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


def pool_features(
    tokens: Float32[Tensor, "gg C"], inside: Bool[Tensor, "N m m"]
) -> Float32[Tensor, "N C"]:
    """Mean interpolated token inside each mask, scaled to length 1 (method 5).

    Tokens would be interpolated bilinearly to the masks' side and averaged there. That is linear
    in the tokens, so the masks are pulled back through the transposed interpolation instead, and
    averaged on the token grid: equal, and `(m / g) ** 2` times less work.

    Args:
        tokens: of the image, `gg = g * g`.
        inside: the masks.

    Returns:
        Unit rows; zeros for an empty mask.
    """
    grid = round(len(tokens) ** 0.5)
    weights = resize_weights(grid, inside.shape[-1]).to(tokens.device)
    masks = inside.to(tokens.dtype)
    on_grid = weights.T @ masks @ weights
    area = masks.sum(dim=(1, 2)).clamp(min=1)
    means = on_grid.flatten(1) @ tokens / area[:, None]
    return F.normalize(means, dim=1)


def feature_of(
    image: UInt8[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
    encoder: Encoder,
    side: int,
) -> Float32[np.ndarray, " C"]:
    """The feature that a proposal with exactly this mask would have.

    Args:
        image: RGB.
        mask: at least one pixel.
        encoder: its tokens are pooled.
        side: of the segmenter's square, through which the encoder sees the image.
    """
    square = squash(image, side, encoder.device)
    tokens = encoder.encode(resize_bicubic(square, encoder.side)[None].to(encoder.device))[0]
    pixels = torch.from_numpy(mask[None, None].astype(np.float32))
    inside = F.adaptive_avg_pool2d(pixels, _FEATURE_SIDE)[0] > 0  # none is lost, however small
    return pool_features(tokens, inside.to(tokens.device))[0].cpu().numpy()
