"""A tiny encoder and segmenter: deterministic, without weights files, quick."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.models.loading import Models
from tests.choosing import keep_best


class ToyEncoder:
    """A token is a fixed random projection of its 4 x 4 patch's mean colour, plus a constant."""

    side = 32
    grid = 8
    width = 6
    device = torch.device("cpu")

    def __init__(self, identity: str = "toy-encoder:1") -> None:
        self.identity = identity
        self._projection = torch.randn(3, 6, generator=torch.Generator().manual_seed(3))

    def encode(self, images: Tensor) -> Tensor:
        assert images.shape[1:] == (3, self.side, self.side)
        means = F.avg_pool2d(images, 4).flatten(2).transpose(1, 2)
        return (means - 0.5) @ self._projection + 0.05


class ToySegmenter:
    """A point's masks are three discs around it; it is the surer the brighter the point."""

    side = 64
    mask_side = 16
    device = torch.device("cpu")

    def __init__(self, identity: str = "toy-segmenter:1") -> None:
        self.identity = identity
        self.batches: list[int] = []
        self.embedded = 0

    def embed(self, images: Tensor) -> list[Any]:
        assert images.shape[1:] == (3, self.side, self.side)
        self.embedded += len(images)
        return list(images.mean(dim=1))

    def decode_best(
        self, embedding: Any, points: Tensor, iou_threshold: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        return keep_best(*self.decode_points(embedding, points), iou_threshold)

    def decode_points(self, embedding: Any, points: Tensor) -> tuple[Tensor, Tensor]:
        self.batches.append(len(points))
        columns, rows = points.long().clamp(0, self.side - 1).T
        ticks = (torch.arange(self.mask_side) + 0.5) * 4
        distances = (
            (ticks[None, :, None] - points[:, 1, None, None]) ** 2
            + (ticks[None, None, :] - points[:, 0, None, None]) ** 2
        ).sqrt()
        logits = torch.stack([radius - distances for radius in (4.0, 8.0, 14.0)], dim=1)
        return logits, embedding[rows, columns][:, None] * torch.tensor([0.8, 1.0, 0.9])

    def decode_boxes(self, embedding: Any, boxes: Tensor) -> tuple[Tensor, Tensor]:
        self.batches.append(len(boxes))
        ticks = (torch.arange(self.mask_side) + 0.5) * 4
        columns = (ticks >= boxes[:, 0:1]) & (ticks <= boxes[:, 2:3])
        rows = (ticks >= boxes[:, 1:2]) & (ticks <= boxes[:, 3:4])
        inside = rows[:, :, None] & columns[:, None, :]
        return inside.float() * 2 - 1, torch.ones(len(boxes))


class BlindSegmenter(ToySegmenter):
    """Is never sure of anything, and its masks of boxes are empty."""

    def decode_points(self, embedding: Any, points: Tensor) -> tuple[Tensor, Tensor]:
        logits, ious = super().decode_points(embedding, points)
        return logits, torch.zeros_like(ious)

    def decode_boxes(self, embedding: Any, boxes: Tensor) -> tuple[Tensor, Tensor]:
        logits, ious = super().decode_boxes(embedding, boxes)
        return torch.full_like(logits, -1), ious


def toy_models(encoder: ToyEncoder | None = None, segmenter: ToySegmenter | None = None) -> Models:
    return Models("toy", encoder or ToyEncoder(), segmenter or ToySegmenter())  # type: ignore[arg-type]


def scene(seed: int, size: tuple[int, int] = (40, 60)) -> NDArray[np.uint8]:
    """A dark picture with some bright, differently coloured rectangles, uint8 `[H, W, 3]`."""
    random = np.random.default_rng(seed)
    image = np.full((*size, 3), 20, np.uint8)
    for _ in range(4):
        top, left = random.integers(0, size[0]), random.integers(0, size[1])
        height, width = random.integers(5, 20, 2)
        image[top : top + height, left : left + width] = random.integers(120, 255, 3)
    return image


def reference_rows(
    prototypes: list[list[float]], classes: list[int], weights: list[float] | None = None
) -> ReferenceSet:
    """References whose mean patch is their prototype, named r0, r1, ..."""
    rows = np.array(prototypes, np.float32)
    counts = np.arange(1, len(rows) + 1)
    return ReferenceSet(
        ids=tuple(f"r{index}" for index in range(len(rows))),
        classes=np.array(classes, np.int64),
        prototypes=rows,
        weights=np.array(weights or [1.0] * len(rows), np.float32),
        patch_means=rows,
        patch_counts=counts.astype(np.int64),
    )


def toy_bank(
    classes: tuple[str, ...], references: ReferenceSet, negatives: ReferenceSet | None = None
) -> MemoryBank:
    """A bank of given rows; its statistics are zeros."""
    count, width = len(classes), references.prototypes.shape[1]
    shapes = ((count, width), (count, 3, width), (count, 4, width))
    return MemoryBank(
        classes=classes,
        references=references,
        negatives=negatives or ReferenceSet.empty(width),
        statistics=PatchStatistics(*(np.zeros(shape, np.float32) for shape in shapes)),
        encoder="toy-encoder:1",
    )


def toy_proposals(
    masks: NDArray[np.bool_], ious: list[float], features: list[list[float]]
) -> Proposals:
    """Proposals of an image of the masks' own size, so that nothing is resampled."""
    from fiftyone_ntt.core.geometry import mask_boxes
    from fiftyone_ntt.core.rle import encode_masks

    inside = torch.from_numpy(masks)
    rows = np.array(features, np.float32).reshape(len(features), -1 if features else 6)
    return Proposals(
        image_size=(masks.shape[1], masks.shape[2]),
        prompts=np.arange(len(masks)),
        ious=np.array(ious, np.float32),
        boxes=mask_boxes(inside).numpy(),
        features=rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12),
        masks=encode_masks(masks) if len(masks) else [],
        crops=np.zeros(len(masks), np.int16),
    )
