"""Propose only where it can matter to a bank: `mode="adaptive"`. Faster than the method; not exact.

The encoder runs first. Each point of the grid gets its patch's best class and the similarity to it
(as a proposal's, method 5). Then, in rounds from coarse to fine (every third point of a row and
column, then all), a point is prompted if that similarity exceeds, by more than `min_gain`, what the
masks found so far explain: the best similarity to the same class among the masks that cover the
point, 0 where none does. So background is not prompted, nor is an object that has its mask, while
an object lying in the mask of something else is. Where no point is worth prompting, the segmenter
does not even see the image. The number of prompts has no limit: a crowded picture gets more.

A prompt's mask does not depend on the other prompts, so these proposals are a subset of the
method's. But which subset depends on the bank: they are never put in a proposal store, nor taken
from one, where the result would depend on what was stored before. Rounds that look at coverage
alone would not have that drawback, but prompt all the background that the segmenter finds no mask
in: 863 of 1,024 points on the demo's scenes, where similarity leaves 67. For fewer prompts that any
bank can use there is a coarser grid, `points_per_side`; it costs small objects.

`strides` and `min_gain` were chosen on generated scenes with the demo models, where
`python -m benchmarks.adaptive` compares AP; they are untested on released weights. What saves more
costs more than it seems: a `min_gain` of 0.3 takes 29 prompts there instead of 67 and 0.2 points of
AP, but in crowded scenes it loses 8 objects in 100 instead of 4; images of three quarters of the
side, for either encoder, cost 5 points of AP and more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float32, Int64, UInt8
from torch import Tensor

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.class_scores import class_similarity
from fiftyone_ntt.core.crops import whole_picture
from fiftyone_ntt.core.geometry import point_grid, resize_bicubic, squash
from fiftyone_ntt.core.interfaces import Encoder, Segmenter
from fiftyone_ntt.core.proposals import Proposals, described, pool_features, prompt_grid
from fiftyone_ntt.core.settings import AdaptiveSettings, MatchSettings, ProposalSettings


def propose_adaptively(
    image: UInt8[np.ndarray, "H W 3"],
    segmenter: Segmenter,
    encoder: Encoder,
    bank: MemoryBank,
    *,
    settings: ProposalSettings | None = None,
    adaptive: AdaptiveSettings | None = None,
    matching: MatchSettings | None = None,
) -> Proposals:
    """Those of an image's proposals that can matter to a bank.

    Args:
        image: RGB.
        segmenter: prompted at some of the grid's points.
        encoder: of the bank.
        bank: at least one class.
        settings: the grid and the threshold; the paper's when None.
        adaptive: which points; the usual ones when None.
        matching: how negatives lower a similarity; the paper's when None.

    Returns:
        Rows of what `propose` gives, up to rounding, in the same order; none where nothing in the
        image resembles the bank's classes.
    """
    settings, adaptive = settings or ProposalSettings(), adaptive or AdaptiveSettings()
    square = squash(image, segmenter.side, segmenter.device)
    tokens = encoder.encode(resize_bicubic(square, encoder.side)[None].to(encoder.device))[0]
    points = point_grid(settings.points_per_side, segmenter.side) / segmenter.side
    needs = Needs.of(point_similarity(tokens, points, bank, matching))
    side = segmenter.mask_side
    cells = (points * side).long().clamp(max=side - 1)
    found = [_no_masks(segmenter)]
    embedding = None
    for stride in adaptive.strides:
        chosen = np.flatnonzero(
            on_level(stride, settings.points_per_side) & (needs.gain() > adaptive.min_gain)
        )
        if not len(chosen):
            continue
        if embedding is None:
            embedding = segmenter.embed(square[None])[0]
        part = prompt_grid(embedding, segmenter, settings, torch.from_numpy(chosen))
        needs.asked[chosen] = True
        found.append(part)
        inside = part[2] > 0
        features = pool_features(tokens.to(inside.device), inside).cpu().numpy()
        covers = inside[:, cells[:, 1], cells[:, 0]].cpu().numpy()
        needs.explain(covers, class_similarity(features, bank, matching))
    prompts, ious, logits = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = prompts.argsort()
    whole = whole_picture((image.shape[0], image.shape[1]))
    return described(prompts[order], ious[order], logits[order], tokens, whole)


@dataclass(eq=False)
class Needs:
    """What is known of each of `P` points while their image is searched.

    Attributes:
        classes: the class that the point's patch resembles most.
        similarity: to that class, 0..1.
        explained: the best similarity to that class of a mask that covers the point.
        asked: which were prompted.
    """

    classes: Int64[np.ndarray, " P"]
    similarity: Float32[np.ndarray, " P"]
    explained: Float32[np.ndarray, " P"]
    asked: Bool[np.ndarray, " P"]

    @staticmethod
    def of(similarity: Float32[np.ndarray, "P K"]) -> Needs:
        """Nothing is prompted yet; from the points' similarities to all classes."""
        best, count = similarity.max(axis=1), len(similarity)
        return Needs(
            similarity.argmax(axis=1), best, np.zeros_like(best), np.zeros(count, dtype=bool)
        )

    def gain(self) -> Float32[np.ndarray, " P"]:
        """How much more each point resembles its class than the masks on it; 0 once prompted."""
        return np.where(self.asked, 0, self.similarity - self.explained)

    def explain(
        self, covers: Bool[np.ndarray, "N P"], similarity: Float32[np.ndarray, "N K"]
    ) -> None:
        """Count masks in: which points each covers, and its similarities to all classes."""
        by_mask = np.where(covers, similarity[:, self.classes], 0)
        self.explained = np.maximum(self.explained, by_mask.max(axis=0, initial=0))


def point_similarity(
    tokens: Float32[Tensor, "gg C"],
    points: Float32[Tensor, "P 2"],
    bank: MemoryBank,
    matching: MatchSettings | None = None,
) -> Float32[np.ndarray, "P K"]:
    """How much the image resembles each class at some points.

    Args:
        tokens: of the image, `gg = g * g`.
        points: x and y as shares of the image's width and height, 0..1.
        bank: of `K` classes.
        matching: see `class_similarity`.

    Returns:
        The patches' similarities, interpolated bilinearly, 0..1.
    """
    grid = round(len(tokens) ** 0.5)
    units = F.normalize(tokens, dim=1).cpu().numpy()
    maps = torch.from_numpy(class_similarity(units, bank, matching)).T.reshape(1, -1, grid, grid)
    places = (2 * points - 1)[None, None]
    sampled = F.grid_sample(maps, places, padding_mode="border", align_corners=False)
    return sampled[0, :, 0].T.numpy()


def on_level(stride: int, per_side: int) -> Bool[np.ndarray, " {per_side}**2"]:
    """Which points of a grid lie on every `stride`-th row and column."""
    ticks = np.arange(per_side) % stride == (stride - 1) // 2
    return (ticks[:, None] & ticks).ravel()


def _no_masks(
    segmenter: Segmenter,
) -> tuple[Int64[Tensor, " 0"], Float32[Tensor, " 0"], Float32[Tensor, "0 m m"]]:
    """What prompting no point gives."""
    side, device = segmenter.mask_side, segmenter.device
    empty = torch.zeros(0, device=device)
    return empty.long(), empty, torch.zeros(0, side, side, device=device)
