"""The baseline: the method's steps 1 and 4 to 7 written down plainly, on transformers' modules.

What a careful person writes first. Nothing is slower than it need be to say what the method
says: prompts go through the decoder in batches, attention is fused, products are matrix products.
But every prompt is decoded in full and all its masks are upscaled, tokens are interpolated to the
masks' side before they are averaged, and masks are merged at image size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask
from torch import Tensor

from benchmarks.stopwatch import Stopwatch
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.geometry import mask_boxes, nms
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.models.encoders import TransformersEncoder
from fiftyone_ntt.models.segmenters import TransformersSegmenter

_MEAN = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
_STD = torch.tensor((0.229, 0.224, 0.225))[:, None, None]
_THRESHOLD, _NMS, _MOST, _TEMPERATURE = 0.4, 0.5, 100, 0.8


@dataclass(frozen=True)
class Found:
    """One image's instances, best first: labels `[D]`, scores `[D]`, masks at image size."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    masks: list[RLE]


class NaivePipeline:
    """The published method on one image at a time.

    Args:
        segmenter: only its transformers model is used.
        encoder: likewise.
        bank: of that encoder.
        points_per_side: of the grid.
        batch: prompts decoded at once.
        every: decode only one prompt in this many and multiply the seconds of decoding. The later
            stages then have fewer masks to work on, and are not multiplied.
        stopwatch: gets the seconds of each stage.
    """

    def __init__(
        self,
        segmenter: TransformersSegmenter,
        encoder: TransformersEncoder,
        bank: MemoryBank,
        *,
        points_per_side: int = 32,
        batch: int = 16,
        every: int = 1,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self.sam, self.dino = segmenter.model, encoder.model
        self.side, self.encoder_side = segmenter.side, encoder.side
        self.grid, self.device = encoder.grid, segmenter.device
        self.bank, self.points_per_side, self.batch = bank, points_per_side, batch
        self.every, self.stopwatch = every, stopwatch or Stopwatch()

    @torch.no_grad()
    def __call__(self, image: NDArray[np.uint8]) -> Found:
        """The labelled instances of one RGB image, uint8 `[H, W, 3]`."""
        stage = self.stopwatch.stage
        with stage("resize"):
            square = self._square(image)
        with stage("segmenter"):
            levels = embed(self.sam, _normalised(square)[None])
        with stage("decode"):
            logits, ious = self._propose(levels)
        self.stopwatch.seconds["decode"] *= self.every
        with stage("encoder"):
            tokens = self._encode(square)
        with stage("pool"):
            features = _pool(tokens, self.grid, logits > 0)
        with stage("match"):
            similarity = _similarity(features, self.bank)
            rows = _suppress(mask_boxes(logits > 0), ious, similarity)
        with stage("masks"):
            masks = _at_image_size(logits[rows], image.shape[:2])
        with stage("match"):
            scores, labels = similarity[rows].max(dim=1)
            scores = _merge(masks, labels, features[rows], scores)
            best = scores.argsort(descending=True, stable=True)[:_MOST]
            best = best[scores[best] > 0]
        with stage("masks"):
            encoded = _encode_masks(masks[best])
        return Found(labels[best].cpu().numpy(), scores[best].cpu().numpy(), encoded)

    def _square(self, image: NDArray[np.uint8]) -> Tensor:
        resized = Image.fromarray(image).resize((self.side, self.side), Image.Resampling.BICUBIC)
        square = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 255
        return square.to(self.device)

    def _propose(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits `[N, m, m]` and predicted IoUs `[N]` of the prompts that pass (step 4)."""
        ticks = torch.linspace(0, self.side - 1, self.points_per_side) + 0.5
        points = torch.cartesian_prod(ticks, ticks).to(self.device)[:: self.every]
        kept = []
        for part in points.split(self.batch):
            logits, ious = decode_points(self.sam, levels, part)
            best_ious, best = ious.max(dim=1)
            passing = best_ious > _THRESHOLD
            rows = torch.arange(len(part), device=part.device)
            kept.append((logits[rows, best][passing], best_ious[passing]))
        return torch.cat([part[0] for part in kept]), torch.cat([part[1] for part in kept])

    def _encode(self, square: Tensor) -> Tensor:
        size = (self.encoder_side, self.encoder_side)
        resized = F.interpolate(square[None], size=size, mode="bicubic", align_corners=False)
        tokens = self.dino(pixel_values=_normalised(resized)).last_hidden_state[0]
        return tokens[-(self.grid**2) :].float()


def _normalised(image: Tensor) -> Tensor:
    return (image - _MEAN.to(image.device)) / _STD.to(image.device)


def embed(sam: Any, pixels: Tensor) -> list[Tensor]:
    """Feature levels of one image, finest first, each `[1, C, h, w]`."""
    output = sam.get_image_features(pixels, return_dict=True)
    sides = [round(level.shape[0] ** 0.5) for level in output.fpn_hidden_states]
    return [
        level.permute(1, 2, 0).unflatten(2, (side, side))
        for level, side in zip(output.fpn_hidden_states, sides, strict=True)
    ]


@torch.no_grad()
def decode_points(sam: Any, levels: list[Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
    """All multimask outputs of one positive point each.

    Args:
        sam: a `Sam2Model`.
        levels: of one image, from `embed`.
        points: `[P, 2]`, x and y in the model's pixels.

    Returns:
        mask logits `[P, k, m, m]` and predicted IoUs `[P, k]`.
    """
    labels = torch.ones(1, len(points), 1, dtype=torch.int32, device=points.device)
    sparse, dense = sam.prompt_encoder(
        input_points=points[None, :, None],
        input_labels=labels,
        input_boxes=None,
        input_masks=None,
    )
    logits, ious, *_ = sam.mask_decoder(
        image_embeddings=levels[-1],
        image_positional_embeddings=sam.get_image_wide_positional_embeddings(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
        high_resolution_features=levels[:-1],
    )
    return logits[0], ious[0]


def _pool(tokens: Tensor, grid: int, inside: Tensor) -> Tensor:
    """Unit mean token inside each mask, over tokens at the masks' side (step 5)."""
    maps = F.interpolate(
        tokens.T.reshape(1, -1, grid, grid),
        size=inside.shape[1:],
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )[0].flatten(1)
    masks = inside.flatten(1).float()
    means = masks @ maps.T / masks.sum(dim=1, keepdim=True).clamp(min=1)
    return F.normalize(means, dim=1)


def _similarity(features: Tensor, bank: MemoryBank) -> Tensor:
    """`[N, K]` (step 5)."""

    def to(rows: NDArray[np.float32]) -> Tensor:
        return (features @ torch.from_numpy(rows).to(features.device).T).clamp(min=0)

    if not len(bank.negatives):
        return to(bank.prototypes)
    positive, every = to(bank.foreground_prototypes), to(bank.unit_negatives)
    negative = torch.zeros_like(positive)
    for column, label in enumerate(bank.negatives.classes):
        negative[:, label] = negative[:, label].maximum(every[:, column])
    return positive * torch.exp(-(negative - positive).clamp(min=0) / _TEMPERATURE)


def _suppress(boxes: Tensor, ious: Tensor, similarity: Tensor) -> Tensor:
    """Rows that survive per-class NMS, by falling predicted IoU (step 6)."""
    scores, labels = similarity.max(dim=1)
    plain = boxes.double().cpu().numpy(), ious.double().cpu().numpy(), labels.cpu().numpy()
    rows = torch.from_numpy(nms(*plain, _NMS)).to(boxes.device)[: 8 * _MOST]
    return rows[scores[rows] > 0]


def _at_image_size(logits: Tensor, size: tuple[int, ...]) -> Tensor:
    """Bool masks `[N, H, W]` (step 7)."""
    if not len(logits):
        return torch.zeros(0, *size, dtype=torch.bool, device=logits.device)
    upsampled = F.interpolate(
        logits[None], size=size, mode="bilinear", align_corners=False, antialias=True
    )
    return upsampled[0] > 0


def _merge(masks: Tensor, labels: Tensor, features: Tensor, scores: Tensor) -> Tensor:
    """Scores after soft merging (step 7); 0 for a mask that is empty."""
    if not len(masks):
        return scores
    flat = masks.flatten(1).float()
    areas = flat.sum(dim=1)
    shares = flat @ flat.T / areas.clamp(min=1)[:, None]
    alike = (features @ features.T).clamp(min=0)
    same_class = labels[:, None] == labels[None, :]
    penalties = (shares * alike * same_class).tril(diagonal=-1).max(dim=1).values
    merged: Tensor = scores * (1 - penalties.clamp(max=1)).sqrt() * (areas > 0)
    return merged


def _encode_masks(masks: Tensor) -> list[RLE]:
    plain = [np.asfortranarray(mask.to(torch.uint8).cpu().numpy()) for mask in masks]
    return [coco_mask.encode(mask) for mask in plain]
