"""What a simulated reviewer teaches a bank in the queue's order and in a random one, on worlds.

Ground truth decides: a prediction is accepted if it is of the class of a true object and their
masks have an IoU of at least 0.7. Mask AP is that of the taught bank on scenes that nobody
reviewed, and no decision is counted in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from pycocotools import mask as coco_mask

from benchmarks.report import Report, Row
from benchmarks.world_scenes import JudgedScene, Make, drawn_scenes, judged_scene, proposer
from fiftyone_ntt.coco.mask_objects import predicted_objects
from fiftyone_ntt.coco.scorer import Scorer
from fiftyone_ntt.core.bank import MemoryBank, ReferenceSet, join_reference_sets
from fiftyone_ntt.core.bank_merging import merge_banks
from fiftyone_ntt.core.matching import Match, match
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.review_order import Reviewable, doubts
from fiftyone_ntt.core.rle import RLE, decode_mask, rle_boxes
from fiftyone_ntt.core.settings import MatchSettings, Mode, scoring_of, usual_threshold
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.demo.world_candidates import WorldCandidates
from fiftyone_ntt.demo.worlds import Split, World, WorldScene, find_world
from fiftyone_ntt.models.loading import Models, load_models
from fiftyone_ntt.store.proposal_store import ProposalStore

RIGHT_IOU = 0.7
_SAME_OBJECT = 0.5
"""IoU from which a prediction shows what was decided already: runs write none beside it."""


@dataclass(frozen=True)
class ReviewAmounts:
    """How much is looked at.

    Attributes:
        candidates: scenes that the first references are drawn from.
        reviewed: scenes whose predictions are reviewed; none of them is a candidate.
        targets: held-out scenes.
        shots: first references per class.
        rounds: of decisions, each followed by teaching.
        decisions: of a round.
        seeds: draws of the first references.
        orders: random ones for each draw, whose mean is compared with.
    """

    candidates: int = 80
    reviewed: int = 120
    targets: int = 80
    shots: int = 1
    rounds: int = 3
    decisions: int = 20
    seeds: int = 5
    orders: int = 4


@dataclass(frozen=True, eq=False)
class _Opened:
    """A world's scenes, with their proposals; `rows` are those encoded as references so far, by
    scene and proposal."""

    drawn: WorldCandidates
    pictures: list[WorldScene]
    reviewed: list[JudgedScene]
    targets: list[JudgedScene]
    labelled: WorldCandidates
    models: Models
    rows: dict[tuple[int, int], ReferenceSet] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Prediction:
    """One prediction of a reviewed scene."""

    scene: int
    proposal: int
    label: str
    mask: RLE


@dataclass(eq=False)
class _Decided:
    """What was decided so far, by scene."""

    accepted: list[_Prediction] = field(default_factory=list)
    rejected: list[_Prediction] = field(default_factory=list)


Choose = Callable[[Reviewable], Int64[np.ndarray, " N"]]
"""The rows of predictions in the order in which they are looked at."""


def review(
    worlds: Sequence[str],
    split: Split,
    modes: Sequence[Mode],
    amounts: ReviewAmounts,
    store: Path | None = None,
) -> Report:
    """Mask AP after some rounds of decisions.

    Args:
        worlds: their names.
        split: `"develop"` to try things, `"judge"` for what is reported.
        modes: of the method.
        amounts: of scenes, references and decisions.
        store: folder where proposals are kept, so that the next call takes minutes less.
    """
    models = load_models("demo")
    make = proposer(models, None if store is None else ProposalStore(store))
    rows: list[Row] = []
    for name in worlds:
        opened = _opened(find_world(name), split, amounts, models, make)
        for mode in modes:
            rows.append({"world": name, "mode": mode, **_figures(opened, mode, amounts)})
            print(rows[-1], flush=True)
    count = amounts.rounds * amounts.decisions
    title = f"mask AP on {amounts.targets} scenes that nobody reviewed, {split} scenes"
    return Report(
        title,
        rows,
        [
            f"before: {amounts.shots} references per class, mean of {amounts.seeds} draws.",
            f"queue, random: after {amounts.rounds} rounds of {amounts.decisions} decisions, each "
            f"followed by teaching; random: mean of {amounts.orders} orders for each draw.",
            "gain: of the queue over random, with its standard error over the draws; ok above two.",
            f"labelled: before, and {count} labelled objects drawn at random.",
            "accepted: decisions that were, in the queue's order and in random ones.",
        ],
    )


def _opened(
    world: World, split: Split, amounts: ReviewAmounts, models: Models, make: Make
) -> _Opened:
    first = amounts.candidates
    pictures = drawn_scenes(world, split, "candidates", 0, first + amounts.reviewed)
    targets = drawn_scenes(world, split, "targets", 0, amounts.targets)
    return _Opened(
        WorldCandidates(pictures[:first], world.classes),
        pictures[first:],
        [judged_scene(scene, make) for scene in pictures[first:]],
        [judged_scene(scene, make) for scene in targets],
        WorldCandidates(pictures[first:], world.classes),
        models,
    )


def _figures(world: _Opened, mode: Mode, amounts: ReviewAmounts) -> Row:
    outcomes: dict[str, list[float]] = defaultdict(list)
    for seed in range(amounts.seeds):
        bank = build_bank(world.drawn.draw(amounts.shots, seed), world.models.encoder)
        outcomes["before"].append(_ap(world, bank, mode))
        taught, accepted = _reviewed(world, bank, mode, amounts, _by_doubt)
        outcomes["queue"].append(_ap(world, taught, mode))
        outcomes["accepted"].append(accepted)
        random = []
        for order in range(amounts.orders):
            choose = _at_random(np.random.default_rng([seed, order]))
            taught, accepted = _reviewed(world, bank, mode, amounts, choose)
            random.append(_ap(world, taught, mode))
            outcomes["accepted at random"].append(accepted)
        outcomes["random"].append(float(np.mean(random)))
        outcomes["labelled"].append(_ap(world, _labelled(world, bank, amounts, seed), mode))
    gains = np.array(outcomes["queue"]) - np.array(outcomes["random"])
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("nan")
    means = {name: float(np.mean(values)) for name, values in outcomes.items()}
    return {
        "before": means["before"],
        "random": means["random"],
        "queue": means["queue"],
        "gain": float(gains.mean()),
        "error": error,
        "above two": "ok" if gains.mean() > 2 * error else "no",
        "labelled": means["labelled"],
        "accepted": means["accepted"],
        "accepted at random": means["accepted at random"],
    }


def _by_doubt(items: Reviewable) -> Int64[np.ndarray, " N"]:
    return np.argsort(-doubts(items), kind="stable")


def _at_random(rng: np.random.Generator) -> Choose:
    return lambda items: rng.permutation(len(items))


def _reviewed(
    world: _Opened, bank: MemoryBank, mode: Mode, amounts: ReviewAmounts, choose: Choose
) -> tuple[MemoryBank, int]:
    """The bank after all rounds, and how many decisions were to accept."""
    decided = _Decided()
    for _ in range(amounts.rounds):
        predictions, items = _open_predictions(world, bank, mode, decided)
        accepted: list[_Prediction] = []
        rejected: list[_Prediction] = []
        for row in choose(items)[: amounts.decisions].tolist():
            prediction = predictions[row]
            right = _is_right(prediction, world.reviewed[prediction.scene])
            (accepted if right else rejected).append(prediction)
        bank = _taught(world, bank, accepted, rejected)
        decided.accepted += accepted
        decided.rejected += rejected
    return bank, len(decided.accepted)


def _open_predictions(
    world: _Opened, bank: MemoryBank, mode: Mode, decided: _Decided
) -> tuple[list[_Prediction], Reviewable]:
    """What a run writes beside what was decided."""
    settings = MatchSettings(confidence_threshold=usual_threshold(mode))
    predictions: list[_Prediction] = []
    parts = []
    for number, scene in enumerate(world.reviewed):
        found = match(scene.proposals, bank, settings, scoring_of(mode))
        made = [
            _Prediction(number, int(proposal), bank.classes[label], mask)
            for proposal, label, mask in zip(
                found.proposals.tolist(), found.labels.tolist(), found.masks, strict=True
            )
        ]
        rows = [row for row, one in enumerate(made) if not _stands(one, decided)]
        predictions += [made[row] for row in rows]
        parts.append(_columns(found, number)[rows])
    return predictions, _reviewable(np.concatenate(parts))


def _columns(found: Match, scene: int) -> np.ndarray:
    boxes = found.boxes.astype(np.float64)
    boxes[:, 2:] += 1 - boxes[:, :2]
    contested = np.zeros(len(found), dtype=bool)
    if len(found):
        alike = np.asarray(coco_mask.iou(boxes, boxes, [0] * len(boxes))) >= _SAME_OBJECT
        contested = (alike & (found.labels[:, None] != found.labels)).any(axis=1)
    columns = (found.labels, found.scores, found.margins, contested, found.nearest)
    return np.stack([*columns, np.full(len(found), scene)], axis=1).astype(np.float64)


def _reviewable(columns: np.ndarray) -> Reviewable:
    labels, scores, margins, contested, nearest, images = columns.T
    return Reviewable(
        labels.astype(np.int64),
        scores,
        np.full(len(columns), np.nan),
        margins,
        contested > 0,
        np.zeros(len(columns), dtype=bool),
        nearest.astype(np.int64),
        images.astype(np.int64),
    )


def _stands(one: _Prediction, decided: _Decided) -> bool:
    """Whether an accepted prediction shows the same object, or a rejected one says the same."""
    accepted = [other.mask for other in decided.accepted if other.scene == one.scene]
    rejected = [
        other.mask
        for other in decided.rejected
        if (other.scene, other.label) == (one.scene, one.label)
    ]
    standing = accepted + rejected
    if not standing:
        return False
    ious = coco_mask.iou([one.mask], standing, [0] * len(standing))
    return bool(np.max(ious) > _SAME_OBJECT)


def _is_right(one: _Prediction, scene: JudgedScene) -> bool:
    masks = [item.rle for item in scene.truth if item.label == one.label]
    return bool(masks) and bool(
        np.max(coco_mask.iou([one.mask], masks, [0] * len(masks))) >= RIGHT_IOU
    )


def _taught(
    world: _Opened, bank: MemoryBank, accepted: list[_Prediction], rejected: list[_Prediction]
) -> MemoryBank:
    """As `teach` does it, where no class has more than it would take."""
    parts = [
        join_reference_sets([known, *(_encoded(world, one, bank.classes) for one in chosen)])
        for known, chosen in ((bank.references, accepted), (bank.negatives, rejected))
    ]
    return replace(bank, references=parts[0], negatives=parts[1])


def _encoded(world: _Opened, one: _Prediction, classes: tuple[str, ...]) -> ReferenceSet:
    """What a bank keeps of a prediction; each is encoded once for all orders."""
    place = one.scene, one.proposal
    if place not in world.rows:
        scene = world.pictures[one.scene]
        [(x1, y1, x2, y2)] = rle_boxes([one.mask]).tolist()
        box = (x1, y1, x2 + 1 - x1, y2 + 1 - y1)
        name = f"{scene.name}/proposal {one.proposal}"
        reference = Reference(name, scene.image, box, decode_mask(one.mask))
        world.rows[place] = build_bank({"any": [reference]}, world.models.encoder).references
    return replace(world.rows[place], classes=np.array([classes.index(one.label)], dtype=np.int64))


def _labelled(world: _Opened, bank: MemoryBank, amounts: ReviewAmounts, seed: int) -> MemoryBank:
    """The bank with as many labelled objects as there would be decisions."""
    pool = world.labelled.pool(len(world.pictures), seed)
    every = [(name, one) for name, group in pool.items() for one in group]
    order = np.random.default_rng(seed).permutation(len(every))
    groups: dict[str, list[Reference]] = defaultdict(list)
    for row in order[: amounts.rounds * amounts.decisions].tolist():
        name, one = every[row]
        groups[name].append(one)
    new = build_bank(groups, world.models.encoder)
    return replace(merge_banks([bank, new]), name=bank.name)


def _ap(world: _Opened, bank: MemoryBank, mode: Mode) -> float:
    scorer = Scorer("masks")
    for target in world.targets:
        found = match(target.proposals, bank, scoring=scoring_of(mode))
        scorer.add(target.truth, predicted_objects(found, bank.classes))
    return float(scorer.scores().metrics["AP"])
