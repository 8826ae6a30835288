"""What negatives are worth: demo scenes with look-alikes that nobody labelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.coco.average_precision import score
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.mining import false_positives, worst
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.prototypes import build_bank, with_negatives
from fiftyone_ntt.core.rle import decode_mask, encode_masks, rle_boxes
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.core.surroundings import surroundings
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.demo.object_classes import ObjectClass
from fiftyone_ntt.demo.scenes import Scene, generate_scene
from fiftyone_ntt.demo.worlds import LOOK_ALIKES, MIMICKED_CLASSES
from fiftyone_ntt.models.loading import Models

NAMES = [kind.name for kind in MIMICKED_CLASSES]
SHOTS, NEGATIVES, SEEDS, SCENES = 5, 10, (0, 1, 2), 40


@dataclass(frozen=True)
class Picture:
    scene: Scene
    proposals: Proposals
    boxes: np.ndarray
    """Corners of every object, x2 and y2 exclusive."""


def picture(seed: int, models: Models, look_alikes: Sequence[ObjectClass]) -> Picture:
    scene = generate_scene([*MIMICKED_CLASSES, *look_alikes], seed)
    settings = ProposalSettings(points_per_side=16)
    proposals = propose(scene.image, models.segmenter, models.encoder, settings)
    boxes = rle_boxes(encode_masks(scene.masks)) + np.array([0, 0, 1, 1])
    return Picture(scene, proposals, boxes)


def instances(
    pictures: Sequence[Picture], seed: int, count: int, names: dict[str, str]
) -> dict[str, list[Reference]]:
    """So many random objects of each class, under the name that `names` gives it."""
    groups: dict[str, list[Reference]] = {name: [] for name in names.values()}
    for index in np.random.default_rng(seed).permutation(len(pictures)):
        scene, boxes = pictures[index].scene, pictures[index].boxes
        for label, mask, (x1, y1, x2, y2) in zip(
            scene.labels, scene.masks, boxes.tolist(), strict=True
        ):
            if label in names and len(groups[names[label]]) < count:
                box = (x1, y1, x2 - x1, y2 - y1)
                groups[names[label]].append(Reference(f"{index}", scene.image, box, mask))
    return groups


def references(pictures: Sequence[Picture], seed: int) -> dict[str, list[Reference]]:
    return instances(pictures, seed, SHOTS, {name: name for name in NAMES})


def tagged(bank: MemoryBank, pictures: Sequence[Picture], seed: int, models: Models) -> MemoryBank:
    """With look-alikes that someone tagged, as many as there are references."""
    names = {f"not {name}": name for name in NAMES}
    return with_negatives(bank, instances(pictures, seed, SHOTS, names), models.encoder)


def surrounded(
    bank: MemoryBank, pictures: Sequence[Picture], seed: int, models: Models
) -> MemoryBank:
    """With what surrounds the references."""
    groups: dict[str, list[Reference]] = {}
    for name, group in references(pictures, seed).items():
        for reference in group:
            scene = pictures[int(reference.id)].scene
            others = (scene.masks & ~reference.mask).any(axis=0)
            ring = surroundings(reference.mask, others)
            if ring.any():
                [(x1, y1, x2, y2)] = rle_boxes(encode_masks(ring[None])).tolist()
                box = (x1, y1, x2 + 1 - x1, y2 + 1 - y1)
                patch = Reference(reference.id, reference.image, box, ring)
                groups.setdefault(name, []).append(patch)
    return with_negatives(bank, groups, models.encoder)


def mined(bank: MemoryBank, pictures: Sequence[Picture], models: Models) -> MemoryBank:
    found = []
    for item in pictures:
        labels = [NAMES.index(n) if n in NAMES else -1 for n in item.scene.labels]
        found += false_positives(match(item.proposals, bank), item.boxes, labels, item.scene.image)
    groups: dict[str, list[Reference]] = defaultdict(list)
    for wrong in worst(found, NEGATIVES):
        x1, y1, x2, y2 = wrong.box.tolist()
        box = (x1, y1, x2 + 1 - x1, y2 + 1 - y1)
        reference = Reference("", wrong.source, box, decode_mask(wrong.mask))
        groups[NAMES[wrong.label]].append(reference)
    return with_negatives(bank, groups, models.encoder)


def average_precision(bank: MemoryBank, pictures: Sequence[Picture]) -> float:
    rows: list[dict[str, Any]] = []
    for image, item in enumerate(pictures):
        for label, mask in zip(item.scene.labels, encode_masks(item.scene.masks), strict=True):
            if label in NAMES:
                category = NAMES.index(label)
                rows.append({"image_id": image, "category_id": category, "segmentation": mask})
    truth = {
        "images": [{"id": i, "height": 256, "width": 256} for i in range(len(pictures))],
        "categories": [{"id": index, "name": name} for index, name in enumerate(NAMES)],
        "annotations": rows,
    }
    results = [
        row
        for image, item in enumerate(pictures)
        for row in coco_results(match(item.proposals, bank), image, list(range(len(NAMES))))
    ]
    return score(truth, results).masks["AP"]


@pytest.mark.slow
@pytest.mark.parametrize("difference", LOOK_ALIKES)
def test_negatives_against_look_alikes(difference: str) -> None:
    models = ntt.load_models("demo")
    labelled, targets = (
        [picture(first + seed, models, LOOK_ALIKES[difference]) for seed in range(SCENES)]
        for first in (2_000_000, 3_000_000)
    )
    found: dict[str, list[float]] = defaultdict(list)
    for seed in SEEDS:
        bank = build_bank(references(labelled, seed), models.encoder)
        banks = {
            "no": bank,
            "mined": mined(bank, labelled, models),
            "tagged": tagged(bank, labelled, seed, models),
            "background": surrounded(bank, labelled, seed, models),
        }
        banks["mined and tagged"] = tagged(banks["mined"], labelled, seed, models)
        for name, changed in banks.items():
            found[name].append(average_precision(changed, targets))
    means = {name: float(np.mean(figures)) for name, figures in found.items()}
    print(f"\nlook-alikes of another {difference}, mask AP:")
    for name, figures in found.items():
        print(f"  {name} negatives: {means[name]:.3f} {np.round(figures, 3)}")
    # The README says what each gains. They must not cost much either.
    assert min(means.values()) > means["no"] - 0.03
