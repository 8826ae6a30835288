"""A pair of models that see colours: quick, deterministic, and right on flat-coloured scenes.

The segmenter's mask of a point is the connected area of that point's colour; the encoder's token
is the patch's mean colour.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from fiftyone_ntt.models.loading import Models
from tests.choosing import keep_best
from tests.dataset.scenes import BACKGROUND, COLOURS

SIDE = 64


class ColourEncoder:
    width = 4
    device = torch.device("cpu")

    def __init__(self, identity: str = "colour-encoder:1", side: int = SIDE) -> None:
        self.identity = identity
        self.side = side
        self.grid = side // 4

    def encode(self, images: Tensor) -> Tensor:
        means = F.avg_pool2d(images, 4).flatten(2).transpose(1, 2) - 0.5
        # The fourth channel keeps black from being the zero vector.
        return torch.cat([means, torch.full_like(means[..., :1], 0.1)], dim=2)


class ColourSegmenter:
    side = SIDE
    mask_side = SIDE
    device = torch.device("cpu")

    def __init__(self, identity: str = "colour-segmenter:1") -> None:
        self.identity = identity

    def embed(self, images: Tensor) -> list[Any]:
        return [_areas((image * 255).round().numpy()) for image in images]

    def decode_best(
        self, embedding: Any, points: Tensor, iou_threshold: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        return keep_best(*self.decode_points(embedding, points), iou_threshold)

    def decode_points(self, embedding: Any, points: Tensor) -> tuple[Tensor, Tensor]:
        columns, rows = (points.long().clamp(0, SIDE - 1)).T.numpy()
        areas = embedding[rows, columns]
        inside = torch.from_numpy(embedding[None] == areas[:, None, None])
        logits = (inside.float() * 4 - 2)[:, None].repeat(1, 3, 1, 1)
        # The background covers most of the scene: not an object.
        share = inside.float().mean(dim=(1, 2))
        ious = torch.where(share > 0.5, 0.1, 0.9)[:, None] * torch.tensor([0.9, 1.0, 0.8])
        return logits, ious

    def decode_boxes(self, embedding: Any, boxes: Tensor) -> tuple[Tensor, Tensor]:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        logits, ious = self.decode_points(embedding, centres)
        return logits[:, 0], ious[:, 0]


def _areas(image: np.ndarray) -> np.ndarray:
    """Number of the connected area of (nearly) one colour of each pixel, `[SIDE, SIDE]`."""
    palette = np.array([BACKGROUND, *COLOURS.values()], float)
    codes = ((image.transpose(1, 2, 0)[:, :, None] - palette) ** 2).sum(axis=3).argmin(axis=2)
    areas = np.zeros(codes.shape, int)
    for code in np.unique(codes):
        found, _ = ndimage.label(codes == code)
        areas[found > 0] = found[found > 0] + areas.max()
    return areas


def colour_models(
    name: str = "colour", encoder: str = "colour-encoder:1", segmenter: str = "colour-segmenter:1"
) -> Models:
    return Models(name, ColourEncoder(encoder), ColourSegmenter(segmenter))  # type: ignore[arg-type]
