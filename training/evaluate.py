"""Figures that decide: coverage of objects by proposals, and few-shot AP50 on unseen classes.

This is a plain re-statement of the method on small arrays, so that training needs nothing but the
scenes; the package's own pipeline is what the demo runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from encoder_training import GRID, SIDE, patch_tokens
from numpy.typing import NDArray
from scene_data import to_pixels
from segmenter_model import MASK_SIDE, decode, encode, point_tokens
from torch import Tensor
from transformers import Dinov2Model, Sam2Model

from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import Scene, generate_scene

NAMES = tuple(kind.name for kind in NOVEL_CLASSES)
TARGET_SEEDS, REFERENCE_SEEDS = range(10_000, 10_080), range(20_000, 20_120)


@dataclass(frozen=True)
class Proposals:
    """Masks bool ``[N, 64, 64]``, their logits, predicted IoU ``[N]`` and boxes ``[N, 4]``."""

    masks: Tensor
    logits: Tensor
    quality: Tensor
    boxes: Tensor


def novel_scenes(seeds: Sequence[int]) -> list[Scene]:
    """Scenes of the classes that training never saw."""
    return [generate_scene(NOVEL_CLASSES, seed) for seed in seeds]


def mask_boxes(masks: Tensor) -> Tensor:
    """Boxes x1, y1, x2, y2 with inclusive maxima, ``[N, 4]`` from bool ``[N, h, w]``."""
    sides = []
    for axis in (1, 2):
        used, cells = masks.any(axis), torch.arange(masks.shape[-1], dtype=torch.float32)
        sides += [torch.where(used, cells, 1e9).amin(1), torch.where(used, cells, -1.0).amax(1)]
    boxes = torch.stack([sides[0], sides[2], sides[1], sides[3]], dim=1)
    return boxes * masks.any((1, 2)).unsqueeze(1)


@torch.no_grad()
def propose(model: Sam2Model, scene: Scene, side: int = 16, threshold: float = 0.4) -> Proposals:
    """The best of three masks of every grid point whose predicted IoU passes."""
    axis = torch.linspace(0, 255, side) + 0.5
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).view(1, -1, 2)
    features = encode(model, to_pixels(scene.image[None]))
    decoded = decode(model, features, point_tokens(model, points))
    quality, best = decoded.iou[0, :, 1:].max(-1)
    logits = decoded.masks[0, torch.arange(len(best)), best + 1]
    keep = quality > threshold
    masks = logits[keep] > 0
    return Proposals(masks, logits[keep], quality[keep], mask_boxes(masks))


def suppress(boxes: Tensor, quality: Tensor, limit: float = 0.5) -> list[int]:
    """Rows kept by greedy suppression at box IoU ``limit``, best first."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    iou = overlap / (area[:, None] + area[None] - overlap).clamp(min=1e-6)
    kept: list[int] = []
    for row in torch.argsort(quality, descending=True).tolist():
        if not kept or float(iou[row, kept].max()) <= limit:
            kept.append(row)
    return kept


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """Mask IoU ``[N, M]`` of bool ``[N, h, w]`` and ``[M, h, w]``."""
    a, b = first.flatten(1).float(), second.flatten(1).float()
    overlap = a @ b.T
    return overlap / (a.sum(1)[:, None] + b.sum(1)[None] - overlap).clamp(min=1)


def enlarge(logits: Tensor, size: int) -> Tensor:
    """Mask logits ``[N, 64, 64]`` to bool masks at picture size."""
    return F.interpolate(logits[None], (size, size), mode="bilinear", antialias=True)[0] > 0


def coverage_figures(model: Sam2Model, scenes: Sequence[Scene]) -> dict[str, float]:
    """Share of objects with a proposal of IoU >= 0.5 (and 0.75) before and after suppression, share
    of proposals left by suppression that match an object, and how many are left per scene."""
    rows: list[tuple[float, ...]] = []
    left: list[tuple[float, float]] = []
    for scene in scenes:
        found = propose(model, scene)
        iou = pairwise_iou(enlarge(found.logits, 256), torch.from_numpy(scene.masks))
        kept = suppress(found.boxes, found.quality)
        zero = torch.zeros(len(scene.masks))
        every = iou.amax(0) if len(iou) else zero
        top = iou[kept].amax(0) if kept else zero
        rows += zip(
            (every >= 0.5).tolist(), (top >= 0.5).tolist(), (top >= 0.75).tolist(), strict=True
        )
        left.append((float((iou[kept].amax(1) >= 0.5).sum()) if kept else 0.0, float(len(kept))))
    share, right = np.mean(rows, axis=0), np.sum(left, axis=0)
    return {
        "covered": round(float(share[0]), 3),
        "covered_top": round(float(share[1]), 3),
        "covered_top_75": round(float(share[2]), 3),
        "top_right": round(float(right[0] / max(right[1], 1)), 3),
        "top_per_scene": round(float(right[1] / len(scenes)), 2),
    }


@torch.no_grad()
def box_figures(model: Sam2Model, scenes: Sequence[Scene]) -> dict[str, float]:
    """Mean IoU of the single mask that the object's own box gives."""
    values: list[float] = []
    for scene in scenes:
        masks = torch.from_numpy(scene.masks)
        output = model(
            pixel_values=to_pixels(scene.image[None]),
            input_boxes=mask_boxes(masks)[None],
            multimask_output=False,
        )
        found = enlarge(output.pred_masks[0, :, 0], masks.shape[-1])
        values += pairwise_iou(found, masks).diagonal().tolist()
    return {"box_iou": round(float(np.mean(values)), 3)}


# ---------------------------------------------------------------------------- few-shot AP


def window(scene: Scene, index: int) -> tuple[Tensor, Tensor]:
    """The reference window of an object: pixels ``[1, 3, 252, 252]``, weights ``[18, 18]``."""
    rows, columns = np.nonzero(scene.masks[index])
    x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    half = max(x2 - x1, y2 - y1) * 1.2 / 2
    left, top = max(int((x1 + x2) / 2 - half), 0), max(int((y1 + y2) / 2 - half), 0)
    right, bottom = min(int((x1 + x2) / 2 + half), 256), min(int((y1 + y2) / 2 + half), 256)
    pixels = to_pixels(scene.image[None, top:bottom, left:right])
    mask = torch.from_numpy(scene.masks[index, top:bottom, left:right]).float()[None, None]
    mask = F.interpolate(mask, (SIDE, SIDE), mode="bilinear")
    weights = F.interpolate(mask, (GRID, GRID), mode="nearest")[0, 0]
    return F.interpolate(pixels, (SIDE, SIDE), mode="bicubic"), weights


@torch.no_grad()
def reference_pool(encoder: Dinov2Model, scenes: Sequence[Scene]) -> dict[str, Tensor]:
    """Per class the prototypes ``[R, C]`` of all objects fit to be references."""
    pool: dict[str, list[Tensor]] = {name: [] for name in NAMES}
    for scene in scenes:
        for index, label in enumerate(scene.labels):
            rows, columns = np.nonzero(scene.masks[index])
            edge = min(rows.min(), columns.min(), 255 - rows.max(), 255 - columns.max())
            if edge < 10 or min(np.ptp(rows), np.ptp(columns)) < 32:
                continue
            pixels, weights = window(scene, index)
            tokens = patch_tokens(encoder, pixels)[0]
            weights = weights.flatten()
            pool[label].append((tokens * weights[:, None]).sum(0) / weights.sum().clamp(min=1e-6))
    return {name: torch.stack(prototypes) for name, prototypes in pool.items()}


@torch.no_grad()
def proposal_features(encoder: Dinov2Model, scene: Scene, masks: Tensor) -> Tensor:
    """Normalised mean patch token inside each mask, ``[N, C]``."""
    pixels = F.interpolate(to_pixels(scene.image[None]), (SIDE, SIDE), mode="bicubic")
    tokens = patch_tokens(encoder, pixels)[0].T.reshape(1, -1, GRID, GRID)
    tokens = F.interpolate(tokens, (MASK_SIDE, MASK_SIDE), mode="bilinear", antialias=True)
    sums = masks.flatten(1).float() @ tokens[0].flatten(1).T
    return F.normalize(sums, dim=-1)


@dataclass(frozen=True)
class Target:
    """One target scene, its proposals, their features ``[N, C]`` and IoU with its objects."""

    labels: tuple[str, ...]
    proposals: Proposals
    features: Tensor
    iou: Tensor


def prepare_targets(
    segmenter: Sam2Model, encoder: Dinov2Model, scenes: Sequence[Scene]
) -> list[Target]:
    """Everything about the targets that does not depend on references."""
    targets = []
    for scene in scenes:
        found = propose(segmenter, scene)
        features = proposal_features(encoder, scene, found.masks)
        iou = pairwise_iou(enlarge(found.logits, 256), torch.from_numpy(scene.masks))
        targets.append(Target(scene.labels, found, features, iou))
    return targets


def detect(target: Target, prototypes: Tensor) -> list[tuple[int, int, float]]:
    """Detections (proposal, class, score) after suppression and soft merging."""
    similarity = (target.features @ prototypes.T).clamp(min=0)
    best, label = similarity.max(1)
    found = target.proposals
    detections = []
    for kind in label.unique().tolist():
        rows = torch.nonzero(label == kind).flatten()
        kept = rows[suppress(found.boxes[rows], found.quality[rows])]
        masks = found.masks[kept].flatten(1).float()
        share = (masks @ masks.T) / masks.sum(1).clamp(min=1)[:, None]
        alike = (target.features[kept] @ target.features[kept].T).clamp(min=0)
        penalty = (share * alike).tril(-1).amax(1).clamp(max=1)
        scores = best[kept] * (1 - penalty).sqrt()
        detections += [(int(r), kind, float(s)) for r, s in zip(kept, scores, strict=True) if s > 0]
    return detections


def average_precision(hits: NDArray[np.bool_], objects: int) -> float:
    """Area under the interpolated precision-recall curve at 101 recalls."""
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(right / objects, np.linspace(0, 1, 101))
    return float(np.append(precision, 0.0)[np.minimum(places, len(precision))].mean())


def ap50(targets: Sequence[Target], prototypes: Tensor) -> float:
    """Mean AP50 over classes."""
    ranked: dict[int, list[tuple[float, bool]]] = {i: [] for i in range(len(NAMES))}
    for target in targets:
        taken: set[int] = set()
        for row, kind, score in sorted(detect(target, prototypes), key=lambda d: -d[2]):
            same = [i for i, name in enumerate(target.labels) if name == NAMES[kind]]
            free = [i for i in same if i not in taken and target.iou[row, i] >= 0.5]
            if free:
                taken.add(max(free, key=lambda i: float(target.iou[row, i])))
            ranked[kind].append((score, bool(free)))
    values = []
    for kind, found in ranked.items():
        objects = sum(target.labels.count(NAMES[kind]) for target in targets)
        hits = np.array([hit for _, hit in sorted(found, key=lambda d: -d[0])], dtype=bool)
        values.append(average_precision(hits, objects) if len(hits) else 0.0)
    return float(np.mean(values))


def few_shot_figures(
    segmenter: Sam2Model, encoder: Dinov2Model, seeds: Sequence[int] = (0, 1, 2)
) -> dict[str, float]:
    """AP50 at 1, 3, 5 and 10 shots, and at 5 shots with the references' labels shuffled."""
    targets = prepare_targets(segmenter, encoder, novel_scenes(TARGET_SEEDS))
    pool = reference_pool(encoder, novel_scenes(REFERENCE_SEEDS))
    figures: dict[str, float] = {}
    for shots in (1, 3, 5, 10):
        values, shuffled = [], []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            chosen = [rng.choice(len(pool[name]), shots, replace=False) for name in NAMES]
            rows = [pool[name][picked].mean(0) for name, picked in zip(NAMES, chosen, strict=True)]
            prototypes = F.normalize(torch.stack(rows), dim=-1)
            values.append(ap50(targets, prototypes))
            shuffled.append(ap50(targets, prototypes.roll(1 + seed, 0)))
        figures[f"ap50_{shots}_shot"] = round(float(np.mean(values)), 3)
        if shots == 5:
            figures["ap50_5_shot_shuffled"] = round(float(np.mean(shuffled)), 3)
    return figures
