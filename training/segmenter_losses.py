"""What the segmenter is trained on: prompts, their masks, and dense helper targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scene_data import MAX_OBJECTS
from segmenter_model import MASK_SIDE, WIDTH, Decoded, Features
from torch import Tensor, nn

CODE = 16


@dataclass(frozen=True)
class Prompts:
    """Points ``[B, P, 2]`` (x, y in pixels), the masks they should give as coverage in 0..1
    ``[B, P, 64, 64]``, and whether they lie on an object ``[B, P]`` (float 0 or 1)."""

    points: Tensor
    targets: Tensor
    on_object: Tensor


def coverage(owners: Tensor) -> Tensor:
    """Share of each mask cell that background and objects take, ``[B, 7, 64, 64]``."""
    one_hot = (owners.unsqueeze(1) == torch.arange(MAX_OBJECTS + 1).view(1, -1, 1, 1)).float()
    return F.avg_pool2d(one_hot, owners.shape[-1] // MASK_SIDE)


def sample_prompts(shares: Tensor, objects: int, background: int) -> Prompts:
    """Random points: ``objects`` on objects, each object equally likely, the rest on background.

    ``shares`` is the coverage ``[B, 7, 64, 64]``.
    """
    batch = len(shares)
    inside = shares.flatten(2) > 0.5
    owner = torch.multinomial(inside[:, 1:].any(-1).float() + 1e-9, objects, True) + 1
    owner = torch.cat([owner, torch.zeros(batch, background, dtype=owner.dtype)], dim=1)
    rows = torch.arange(batch).unsqueeze(1)
    weights = inside[rows, owner].float() + 1e-9
    cell = torch.multinomial(weights.flatten(0, 1), 1).view(batch, -1)
    corner = torch.stack([cell % MASK_SIDE, cell // MASK_SIDE], dim=-1)
    points = 4.0 * corner + 4.0 * torch.rand(batch, objects + background, 2) - 0.5
    return Prompts(points, shares[rows, owner], (owner > 0).float())


def object_boxes(targets: Tensor) -> Tensor:
    """Boxes ``[B, P, 4]`` in pixels around masks ``[B, P, 64, 64]``, edges moved by up to 10 %."""
    cells = torch.arange(MASK_SIDE, dtype=torch.float32)
    edges = []
    for axis in (2, 3):
        used = (targets > 0.5).any(axis)
        low = torch.where(used, cells, torch.inf).amin(-1)
        edges.append((low, torch.where(used, cells + 1, -torch.inf).amax(-1)))
    (x1, x2), (y1, y2) = edges
    boxes = 4 * torch.stack([x1, y1, x2, y2], dim=-1) - 0.5
    sides = (boxes[..., 2:] - boxes[..., :2]).repeat(1, 1, 2)
    return boxes + 0.1 * sides * (2 * torch.rand_like(boxes) - 1)


def mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """20 x focal + dice per mask; shapes broadcast to ``[..., 64, 64]``, result ``[...]``."""
    targets = targets.expand_as(logits)
    inside = logits.sigmoid()
    error = inside + targets - 2 * inside * targets
    focal = F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * error.square()
    overlap = (inside * targets).sum((-1, -2))
    dice = 1 - (2 * overlap + 1) / (inside.sum((-1, -2)) + targets.sum((-1, -2)) + 1)
    return 20 * focal.mean((-1, -2)) + dice


def mask_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """True IoU of thresholded masks, ``[...]``."""
    a, b = logits > 0, targets > 0.5
    union = (a | b).sum((-1, -2))
    return (a & b).sum((-1, -2)) / union.clamp(min=1)


def decoder_loss(decoded: Decoded, targets: Tensor, on_object: Tensor) -> tuple[Tensor, Tensor]:
    """Loss of the decoder, and the true IoU of the best of the three masks (for the log).

    The best of the three masks learns the object, the others follow weakly so that none dies; the
    first mask (used for boxes) learns it too. Predicted IoU is to match true IoU, 0 on background.
    """
    weight = on_object / on_object.sum().clamp(min=1)
    losses = mask_loss(decoded.masks, targets.unsqueeze(2))
    shaped = losses[..., 1:].amin(-1) + 0.2 * losses[..., 1:].mean(-1) + 0.5 * losses[..., 0]
    with torch.no_grad():
        iou = mask_iou(decoded.masks, targets.unsqueeze(2)) * on_object.unsqueeze(-1)
    quality = F.mse_loss(decoded.iou.float(), iou)
    presence = F.binary_cross_entropy_with_logits(decoded.present.float(), on_object)
    loss = (shaped * weight).sum() + 2 * quality + 0.1 * presence
    return loss, (iou[..., 1:].amax(-1) * weight).sum()


class DenseHeads(nn.Module):
    """Throw-away heads that put instances into the image features, where the decoder reads them.

    Two kinds of targets: per pixel whether it is object and border, where its object's centre is
    and how large the object is; and, per prompt, a code that must match the codes of exactly the
    pixels of its object, which is the decoder's own task without its attention.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(WIDTH, 6) for _ in range(2))
        self.key = nn.Linear(WIDTH, CODE)
        self.queries = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, CODE + 1))
            for _ in range(2)
        )

    def forward(self, features: Features, prompts: Prompts, shares: Tensor) -> Tensor:
        loss = torch.zeros(())
        levels = (features.pyramid[0], features.pyramid[2])
        keys = self.key(_tokens(levels[0])).transpose(1, 2)
        weight = prompts.on_object / prompts.on_object.sum().clamp(min=1)
        rows = torch.arange(len(shares)).unsqueeze(1)
        targets = dense_targets(shares)
        for level, head, query in zip(levels, self.maps, self.queries, strict=True):
            side = level.shape[-1]
            tokens = _tokens(level)
            maps = head(tokens).transpose(1, 2).unflatten(2, (side, side))
            loss = loss + dense_loss(maps, targets)
            column, row = ((prompts.points + 0.5) * side / (4 * MASK_SIDE)).long().unbind(-1)
            code = query(tokens[rows, row * side + column])
            logits = code[..., :CODE] @ keys + code[..., CODE:]
            logits = logits.unflatten(2, (MASK_SIDE, MASK_SIDE))
            loss = loss + (mask_loss(logits, prompts.targets) * weight).sum()
        return loss


def _tokens(level: Tensor) -> Tensor:
    """Maps ``[B, C, h, w]`` as tokens ``[B, h * w, C]``."""
    return level.flatten(2).transpose(1, 2)


def dense_targets(shares: Tensor) -> Tensor:
    """Per cell: object, border, offset to the object's centre (2), its log size (2); the last four
    only where the first is 1. ``[B, 6, 64, 64]`` from coverage ``[B, 7, 64, 64]``."""
    objects = shares[:, 1:]
    area = objects.sum((2, 3)).clamp(min=1)
    axis = (torch.arange(MASK_SIDE) + 0.5) / MASK_SIDE
    x = (objects.sum(2) * axis).sum(-1) / area
    y = (objects.sum(3) * axis).sum(-1) / area
    spread_x = ((objects.sum(2) * axis.square()).sum(-1) / area - x.square()).clamp(min=1e-4)
    spread_y = ((objects.sum(3) * axis.square()).sum(-1) / area - y.square()).clamp(min=1e-4)
    table = torch.stack([x, y, 0.05 * spread_x.log(), 0.05 * spread_y.log()], dim=1)
    maps = torch.einsum("bco,bohw->bchw", table, (objects > 0.5).float())
    inside = 1 - shares[:, 0]
    border = (shares.amax(1) < 0.95).float()
    offsets = maps[:, :2] - torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
    return torch.cat([inside.unsqueeze(1), border.unsqueeze(1), offsets, maps[:, 2:]], dim=1)


def dense_loss(maps: Tensor, targets: Tensor) -> Tensor:
    """Loss of predicted maps ``[B, 6, g, g]`` against every so many cells of the targets."""
    stride = targets.shape[-1] // maps.shape[-1]
    targets = targets[:, :, ::stride, ::stride]
    binary = F.binary_cross_entropy_with_logits(maps[:, :2], targets[:, :2])
    inside = (targets[:, :1] > 0.5).float()
    distance = F.smooth_l1_loss(10 * maps[:, 2:], 10 * targets[:, 2:], reduction="none")
    return binary + 0.25 * (distance * inside).sum() / inside.sum().clamp(min=1)
