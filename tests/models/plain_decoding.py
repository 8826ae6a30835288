"""All outputs of point prompts from transformers' own decoder: what ours is compared with."""

from __future__ import annotations

from torch import Tensor

from benchmarks import naive
from fiftyone_ntt.models.segmenters import ImageFeatures, TransformersSegmenter


def decode_points(
    segmenter: TransformersSegmenter, embedding: ImageFeatures, points: Tensor
) -> tuple[Tensor, Tensor]:
    """Multimask logits `[P, 3, m, m]` and predicted IoUs `[P, 3]` of one point each."""
    levels = [*embedding.details, embedding.embedding]
    return naive.decode_points(segmenter.model, levels, points)
