"""Scenes of worlds with what is labelled on them and their proposals, made once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from fiftyone_ntt.coco.mask_objects import objects_of
from fiftyone_ntt.coco.scorer import Candidate
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.rle import encode_masks
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.demo.worlds import Part, Split, World, WorldScene
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_store import ProposalStore, rounded

_POINTS_PER_SIDE = 16

Make = Callable[[WorldScene], Proposals]


@dataclass(frozen=True, eq=False)
class JudgedScene:
    """A scene to segment and to be judged by.

    Attributes:
        name: of the scene.
        proposals: as a store keeps them.
        truth: what is labelled on it.
    """

    name: str
    proposals: Proposals
    truth: list[Candidate]


def drawn_scenes(
    world: World, split: Split, part: Part, first: int, count: int
) -> list[WorldScene]:
    """Some scenes of a part of a world."""
    return list(islice(world.scenes(split, part, first + count), first, None))


def judged_scene(scene: WorldScene, make: Make) -> JudgedScene:
    """A scene, its proposals made."""
    masks = encode_masks(scene.masks) if len(scene.masks) else []
    return JudgedScene(scene.name, make(scene), objects_of(masks, scene.labels))


def proposer(models: Models, store: ProposalStore | None) -> Make:
    """Proposals as a store keeps them, made where it does not have them."""
    settings = ProposalSettings(points_per_side=_POINTS_PER_SIDE)
    setup = ProposalSetup(models.encoder.identity, models.segmenter.identity, settings)

    def make(scene: WorldScene) -> Proposals:
        key = hashlib.sha256(scene.image.tobytes()).hexdigest()[:32]
        size = scene.image.shape[:2]
        if store is not None:
            found = store.get(setup, key, size=size, width=models.encoder.width, stability=True)
            if found is not None:
                return found
        made = propose(scene.image, models.segmenter, models.encoder, settings)
        made = replace(made, masks=list(made.masks), known_overlaps=made.overlaps)
        return rounded(made) if store is None else store.put(setup, key, made)

    return make
