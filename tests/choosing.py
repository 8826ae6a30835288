"""Choosing each prompt's best mask from all of a segmenter's outputs, as method 4 says it."""

from __future__ import annotations

import torch
from torch import Tensor


def keep_best(logits: Tensor, ious: Tensor, iou_threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """What `Segmenter.decode_best` returns, chosen from all outputs (method 4).

    Args:
        logits: float32 `[P, k, m, m]`.
        ious: float32 `[P, k]`.
        iou_threshold: prompts whose highest IoU is not above it are left out.
    """
    best_ious, best = ious.max(dim=1)
    rows = torch.nonzero(best_ious > iou_threshold)[:, 0]
    return rows, best_ious[rows], logits[rows, best[rows]]
