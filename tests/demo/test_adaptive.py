"""Adaptive mode on demo scenes: its prompts, and what it costs in AP and in recall."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from benchmarks.demo_trials import demo_trial
from fiftyone_ntt import MemoryBank, load_models
from fiftyone_ntt.core.adaptive import propose_adaptively
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.rle import encode_masks
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.demo.curve import SEEDS
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import Scene, generate_scene
from fiftyone_ntt.models.loading import Models

pytestmark = pytest.mark.slow

GRID = 1024


class Counted:
    """The demo's models, and how many prompts and images their segmenter got."""

    def __init__(self) -> None:
        shared = load_models("demo")
        self.prompts = self.embedded = 0
        self.encoder = shared.encoder
        self._segmenter: Any = shared.segmenter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segmenter, name)

    def embed(self, images: torch.Tensor) -> Any:
        self.embedded += len(images)
        return self._segmenter.embed(images)

    def decode_best(self, embedding: Any, points: torch.Tensor, threshold: float) -> Any:
        self.prompts += len(points)
        return self._segmenter.decode_best(embedding, points, threshold)

    @property
    def models(self) -> Models:
        return Models("demo", self.encoder, self)  # type: ignore[arg-type]

    def taken(self) -> int:
        count, self.prompts = self.prompts, 0
        return count


@pytest.fixture(scope="module")
def counted() -> Counted:
    return Counted()


def bank_of(classes: list[str], counted: Counted, shots: int = 5) -> MemoryBank:
    """References from scenes of their own."""
    found: dict[str, list[Reference]] = {name: [] for name in classes}
    seed = 50_000
    while any(len(references) < shots for references in found.values()):
        scene = generate_scene(NOVEL_CLASSES, seed)
        for index, (mask, label) in enumerate(zip(scene.masks, scene.labels, strict=True)):
            if len(found.get(label, range(shots))) < shots:
                rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                x, y = float(columns[0]), float(rows[0])
                box = (x, y, float(columns[-1] + 1 - x), float(rows[-1] + 1 - y))
                found[label].append(Reference(f"{seed}-{index}", scene.image, box, mask))
        seed += 1
    return build_bank(found, counted.encoder)


def recall(scenes: list[Scene], proposals: list[Proposals]) -> float:
    """Share of the objects that a proposal covers with an IoU of at least 0.5."""
    hits = []
    for scene, found in zip(scenes, proposals, strict=True):
        for mask in encode_masks(scene.masks):
            best = max((coco_mask.iou([mask], [rle], [0])[0, 0] for rle in found.masks), default=0)
            hits.append(best >= 0.5)
    return float(np.mean(hits))


def test_a_fifth_of_the_prompts_cost_no_half_point_of_ap(counted: Counted) -> None:
    exact, adaptive, prompts = [], [], 0
    with demo_trial(counted.models, points_per_side=32) as (trial, paths):
        images = len(paths)
        for seed in SEEDS:
            bank = trial.bank(5, seed)
            counted.taken()
            exact.append(100 * trial.evaluate(bank).masks["AP"])
            assert counted.taken() == (0 if seed else images * GRID)
            adaptive.append(100 * trial.evaluate(bank, mode="adaptive").masks["AP"])
            prompts += counted.taken()
    each = prompts / images / len(SEEDS)
    print(
        f"\nmask AP at 5 shots, exact {np.mean(exact):.2f} with {GRID} prompts, adaptive "
        f"{np.mean(adaptive):.2f} with {each:.1f}: {GRID / each:.1f} times fewer"
    )
    assert each <= GRID / 5
    assert np.mean(adaptive) >= np.mean(exact) - 0.5


def test_crowded_scenes_lose_hardly_an_object(counted: Counted) -> None:
    names = [kind.name for kind in NOVEL_CLASSES]
    bank = bank_of(names, counted)
    crowded = [generate_scene(NOVEL_CLASSES, 60_000 + i, objects=(14, 20)) for i in range(12)]
    sparse = [generate_scene(NOVEL_CLASSES, 61_000 + i, objects=(1, 1)) for i in range(12)]
    prompts, recalls = {}, {}
    for name, scenes in (("crowded", crowded), ("sparse", sparse)):
        exact = [propose(scene.image, counted, counted.encoder) for scene in scenes]
        counted.taken()
        found = [
            propose_adaptively(scene.image, counted, counted.encoder, bank) for scene in scenes
        ]
        prompts[name] = counted.taken() / len(scenes)
        recalls[name] = (recall(scenes, exact), recall(scenes, found))
    print(f"\nprompts {prompts}, recall at IoU 0.5 exact and adaptive {recalls}")
    assert prompts["sparse"] < prompts["crowded"] / 2 <= GRID / 5 / 2
    for exact_recall, adaptive_recall in recalls.values():
        assert adaptive_recall >= exact_recall - 0.05


def test_images_without_the_banks_objects_cost_least(counted: Counted) -> None:
    fish = bank_of(["striped fish"], counted)
    kinds = {kind.name: kind for kind in NOVEL_CLASSES}
    prompts = {}
    for name in ("striped fish", "shaded heart"):
        scenes = [generate_scene([kinds[name]], 62_000 + i) for i in range(8)]
        counted.taken()
        for scene in scenes:
            propose_adaptively(scene.image, counted, counted.encoder, fish)
        prompts[name] = counted.taken() / len(scenes)
    print(f"\nprompts of a bank of striped fish: {prompts}")
    assert prompts["shaded heart"] < prompts["striped fish"]
    counted.embedded = 0
    blank = propose_adaptively(np.full((200, 300, 3), 90, np.uint8), counted, counted.encoder, fish)
    assert (len(blank), counted.taken(), counted.embedded) == (0, 0, 0)
