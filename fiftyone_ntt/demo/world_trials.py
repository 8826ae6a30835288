"""The worlds as sets of images to try options on. Their scenes are drawn, not stored."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import cast

from fiftyone_ntt.coco.mask_objects import objects_of
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.rle import encode_masks
from fiftyone_ntt.demo.world_candidates import WorldCandidates
from fiftyone_ntt.demo.worlds import Part, Split, World, WorldScene
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.trials.trial_data import TrialContent, TrialData, TrialImage

CANDIDATES = 120
"""Scenes that references are drawn from: enough for ten of every class, on as many scenes."""


def world_trial(
    world: World, split: Split, models: Models, *, targets: int, candidates: int = CANDIDATES
) -> TrialData:
    """The first scenes of a world's split.

    Args:
        world: its labels are the truth; look-alikes carry none.
        split: `"develop"` to try things, `"judge"` for what is reported.
        models: the encoder makes the banks.
        targets: scenes to segment, at least 1.
        candidates: scenes that references are drawn from.

    Raises:
        InputError: there are not so many scenes.
    """
    for part, count in (("targets", targets), ("candidates", candidates)):
        world.seeds(split, cast(Part, part), count)
    kind = hashlib.sha256(repr(world).encode()).hexdigest()[:6]
    identity = f"{split}, {targets} targets, references of {candidates} scenes, kind {kind}"
    opened = partial(_opened, world, split, models, targets, candidates)
    return TrialData(world.name, identity, opened)


def _opened(
    world: World, split: Split, models: Models, targets: int, candidates: int
) -> TrialContent:
    drawn = WorldCandidates(world.scenes(split, "candidates", candidates), world.classes)

    def bank(shots: int, seed: int) -> MemoryBank:
        """Of references as `WorldCandidates` draws them."""
        return build_bank(drawn.draw(shots, seed), models.encoder)

    return TrialContent([_image(scene) for scene in world.scenes(split, "targets", targets)], bank)


def _image(scene: WorldScene) -> TrialImage:
    content = f"{scene.image.shape}".encode() + scene.image.tobytes()
    key = hashlib.sha256(content).hexdigest()[:32]
    truth = objects_of(encode_masks(scene.masks), scene.labels)
    return TrialImage(key, truth, lambda: scene.image)
