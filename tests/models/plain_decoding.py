"""All outputs of point prompts from transformers' own decoder: what ours is compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from fiftyone_ntt.models.segmenters import ImageFeatures, TransformersSegmenter


@torch.no_grad()
def decode_points(
    segmenter: TransformersSegmenter, embedding: ImageFeatures, points: Tensor
) -> tuple[Tensor, Tensor]:
    """Multimask logits `[P, 3, m, m]` and predicted IoUs `[P, 3]` of one point each."""
    model = segmenter.model
    sparse, dense = model.prompt_encoder(
        input_points=points[None, :, None],
        input_labels=torch.ones(1, len(points), 1, dtype=torch.int32),
        input_boxes=None,
        input_masks=None,
    )
    logits, ious, *_ = model.mask_decoder(
        image_embeddings=embedding.embedding,
        image_positional_embeddings=model.get_image_wide_positional_embeddings(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
        high_resolution_features=list(embedding.details),
    )
    return logits[0], ious[0]
