"""The normalisation that DINOv2, DINOv3 and SAM 2 share."""

from __future__ import annotations

import torch
from jaxtyping import Float32
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of red, green and blue in 0..1."""


def normalise(
    images: Float32[Tensor, "B 3 {side} {side}"], side: int, device: torch.device
) -> Float32[Tensor, "B 3 {side} {side}"]:
    """RGB in 0..1 to the models' zero-mean range, on `device`.

    Raises:
        ValueError: the images have another shape (resizing is the caller's decision).
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != (3, side, side):
        raise ValueError(
            f"Images have shape {list(images.shape)}, this model takes [B, 3, {side}, {side}]: "
            "resize them first."
        )
    images = images.to(device, torch.float32)
    mean = torch.tensor(IMAGENET_MEAN, device=device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=device).view(3, 1, 1)
    return (images - mean) / std
