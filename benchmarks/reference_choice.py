"""What `strategy="diverse"` gains over references drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

from pycocotools import mask as coco_mask

from benchmarks.report import Report, Row
from fiftyone_ntt.coco.scorer import Candidate, Scorer
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.candidate_encoding import encode_candidates
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.rle import RLE, encode_masks
from fiftyone_ntt.core.settings import Mode, ProposalSettings, scoring_of
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.demo.run import POINTS_PER_SIDE
from fiftyone_ntt.demo.world_candidates import WorldCandidates
from fiftyone_ntt.demo.worlds import Split, World, find_world
from fiftyone_ntt.models.loading import Models, load_models

_SHOTS = (1, 3)
_MODES: tuple[Mode, ...] = ("paper", "best")
_POOL = 50

Draw = dict[str, list[Reference]]


@dataclass(frozen=True, eq=False)
class _Target:
    """A scene to segment: its proposals and its labelled objects."""

    proposals: Proposals
    truth: list[Candidate]


def chosen_beside_random(
    name: str, split: Split, candidates: int, targets: int, draws: int
) -> Report:
    """Mask AP of one choice beside several draws, at one and three shots, in two modes.

    Args:
        name: of the world.
        split: `"develop"` or `"judge"`.
        candidates: scenes to choose references from.
        targets: scenes to segment.
        draws: at random, at least 2.
    """
    models, world = load_models("demo"), find_world(name)
    scenes = list(_targets(world, split, targets, models))
    pool = WorldCandidates(world.scenes(split, "candidates", candidates), world.classes)
    candidates_of = pool.pool(_POOL, 0)
    drawn = {shots: [pool.draw(shots, seed) for seed in range(draws)] for shots in _SHOTS}
    # Every bank is some rows of one of all that are drawn, so that each is encoded once.
    every = build_bank(_united([candidates_of, *drawn[max(_SHOTS)]]), models.encoder)
    encoded = encode_candidates(candidates_of, models.encoder, models.segmenter)
    rows: list[Row] = []
    for shots in _SHOTS:
        random = [_ap(scenes, every, _ids(draw)) for draw in drawn[shots]]
        diverse = _ap(scenes, every, [key for ids in encoded.choose(shots).values() for key in ids])
        rows += [
            _row(shots, mode, [scores[mode] for scores in random], diverse[mode]) for mode in _MODES
        ]
    title = f"mask AP, {name}, {split}: {targets} scenes, {draws} random draws, demo models"
    return Report(title, rows)


def _ids(draw: Draw) -> list[str]:
    return [reference.id for group in draw.values() for reference in group]


def _united(draws: Sequence[Draw]) -> dict[str, list[Reference]]:
    """All references of some draws, each once."""
    return {
        name: list({one.id: one for draw in draws for one in draw[name]}.values())
        for name in draws[0]
    }


def _row(shots: int, mode: Mode, drawn: Sequence[float], diverse: float) -> Row:
    gain, spread = diverse - mean(drawn), stdev(drawn)
    return {
        "shots": shots,
        "mode": mode,
        "random": mean(drawn),
        "std": spread,
        "best draw": max(drawn),
        "diverse": diverse,
        "gain": gain,
        "gain / std": gain / spread if spread else None,
    }


def _targets(world: World, split: Split, count: int, models: Models) -> Iterator[_Target]:
    settings = ProposalSettings(points_per_side=POINTS_PER_SIDE)
    for scene in world.scenes(split, "targets", count):
        found = propose(scene.image, models.segmenter, models.encoder, settings)
        # Once for all banks: else each would make and compare the masks again.
        kept = replace(found, masks=list(found.masks), known_overlaps=found.overlaps)
        masks = encode_masks(scene.masks) if len(scene.masks) else []
        truth = [_object(label, mask) for label, mask in zip(scene.labels, masks, strict=True)]
        yield _Target(kept, truth)


def _ap(targets: Sequence[_Target], every: MemoryBank, ids: Sequence[str]) -> dict[Mode, float]:
    """Of a bank of some references of another."""
    rows = [every.references.ids.index(name) for name in ids]
    bank = replace(every, references=every.references.rows(rows))
    found: dict[Mode, float] = {}
    for mode in _MODES:
        scorer = Scorer("masks")
        for target in targets:
            result = match(target.proposals, bank, scoring=scoring_of(mode))
            named = zip(result.labels.tolist(), result.masks, result.scores.tolist(), strict=True)
            objects = [_object(bank.classes[k], mask, score=score) for k, mask, score in named]
            scorer.add(target.truth, objects)
        found[mode] = scorer.scores().metrics["AP"]
    return found


def _object(label: str, mask: RLE, **more: Any) -> Candidate:
    box = coco_mask.toBbox(mask).tolist()
    return Candidate(label, mask, box, float(coco_mask.area(mask)), **more)
