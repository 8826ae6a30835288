"""Images, banks and proposals to time with, all generated."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.core.geometry import mask_boxes
from fiftyone_ntt.core.logit_masks import LogitMasks, stability
from fiftyone_ntt.core.overlaps import mask_overlaps
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import generate_scene

Floats = NDArray[np.float32]

TIMED = 1
"""Seed of the photo that random models are adjusted for."""

_DRAWN_SIDE = 640
_MASK_SIDE = 256


def photo(size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """A generated scene, uint8 `[H, W, 3]`; equal arguments give equal pixels."""
    scene = generate_scene(NOVEL_CLASSES, seed, size=_DRAWN_SIDE, objects=(6, 12))
    height, width = size
    resized = Image.fromarray(scene.image).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def bank_of_features(
    features: Floats, classes: int, shots: int, encoder: str, noise: float = 0.5
) -> MemoryBank:
    """A bank whose references are features, drawn at random and varied a little.

    Args:
        features: unit rows `[N, C]`, such as proposals of another image.
        classes: `K`, at least 1.
        shots: references per class.
        encoder: identity the bank is made with.
        noise: length of what is added to each reference, whose own is 1.
    """
    random = np.random.default_rng(0)
    count, width = classes * shots, features.shape[1]
    rows = features[random.integers(len(features), size=classes)].repeat(shots, axis=0)
    added = random.normal(size=(count, width)) * noise / width**0.5
    prototypes = (rows + added).astype(np.float32)
    references = ReferenceSet(
        ids=tuple(f"reference {index}" for index in range(count)),
        classes=np.arange(classes).repeat(shots),
        prototypes=prototypes,
        weights=np.ones(count, np.float32),
        patch_means=prototypes,
        patch_counts=np.ones(count, np.int64),
    )
    nothing = np.zeros((classes, 1, width), np.float32)
    return MemoryBank(
        classes=tuple(f"class {index}" for index in range(classes)),
        references=references,
        negatives=ReferenceSet.empty(width),
        statistics=PatchStatistics(nothing[:, 0], nothing.repeat(3, 1), nothing.repeat(4, 1)),
        encoder=encoder,
    )


def random_proposals(count: int, width: int, size: tuple[int, int], seed: int) -> Proposals:
    """Proposals as a store gives them, masks and overlaps made: discs of many sizes, features in a
    few clusters.

    Args:
        count: how many.
        width: of the features.
        size: of the image.
        seed: of all that is random.
    """
    random = np.random.default_rng(seed)
    centres = torch.from_numpy(random.uniform(0, _MASK_SIDE, (count, 2, 1, 1)))
    radii = torch.from_numpy(random.lognormal(3, 0.7, (count, 1, 1)).clip(2, _MASK_SIDE / 2))
    ticks = torch.arange(_MASK_SIDE)
    distances = ((ticks[:, None] - centres[:, 0]) ** 2 + (ticks - centres[:, 1]) ** 2).sqrt()
    logits = (radii - distances).float()
    features = cluster_features(random.integers(40, size=count), width, random)
    masks = LogitMasks(logits, size)[:]
    return Proposals(
        image_size=size,
        prompts=np.arange(count),
        ious=random.uniform(0.4, 1, count).astype(np.float32),
        boxes=mask_boxes(logits > 0).numpy(),
        features=features,
        masks=masks,
        crops=np.zeros(count, np.int16),
        stability=stability(logits),
        known_overlaps=mask_overlaps(masks),
    )


def cluster_features(
    clusters: NDArray[np.int64], width: int, random: np.random.Generator
) -> Floats:
    """Unit rows `[N, width]`, alike where their cluster is the same in every image."""
    centres = np.random.default_rng(0).normal(size=(int(clusters.max(initial=0)) + 1, width))
    rows = centres[clusters] + 0.5 * random.normal(size=(len(clusters), width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
