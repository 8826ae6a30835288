"""Whether calibrated scores mean what they say: on pictures of worlds that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.report import Report, Row
from benchmarks.world_scenes import JudgedScene, drawn_scenes, judged_scene, proposer
from fiftyone_ntt.coco.judging import (
    judged_by_labels,
    judged_by_references,
    judged_by_the_rest,
)
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.calibration import (
    Calibration,
    Judged,
    Setting,
    Source,
    calibrated,
    reliability,
    score_steps,
)
from fiftyone_ntt.core.left_out import with_stand_ins
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.settings import Mode, scoring_of
from fiftyone_ntt.demo.world_candidates import WorldCandidates
from fiftyone_ntt.demo.worlds import Split, World, WorldScene, find_world
from fiftyone_ntt.models.loading import Models, load_models
from fiftyone_ntt.store.proposal_store import ProposalStore

PRECISION = 0.9
_SOURCES: tuple[Source, ...] = ("labelled samples", "reference images", "references")
_MODES: tuple[Mode, ...] = ("paper", "best")
_SIMULATIONS = 20


@dataclass(frozen=True)
class Amounts:
    """How many scenes of a world.

    Attributes:
        candidates: that references are drawn from.
        labelled: to calibrate on; none of them holds a reference.
        targets: held out.
    """

    candidates: int
    labelled: int
    targets: int


def calibration(
    worlds: Sequence[str],
    split: Split,
    *,
    shots: Sequence[int] = (5, 10),
    draws: int = 3,
    amounts: Amounts,
    first: int = 0,
    store: Path | None = None,
) -> Report:
    """Expected calibration error on held-out scenes, and precision at the suggested thresholds.

    Args:
        worlds: their names.
        split: `"develop"` to try things, `"judge"` for what is reported.
        shots: references per class.
        draws: of the references; figures are means over them, precisions are over all predictions.
        amounts: of scenes.
        first: number of the first scene; to try what was changed on scenes that nobody has seen.
        store: folder where proposals are kept, so that the next call takes minutes less.
    """
    models = load_models("demo")
    make = proposer(models, None if store is None else ProposalStore(store))
    rows: list[Row] = []
    for name in worlds:
        rows += _world_rows(find_world(name), split, shots, draws, amounts, first, models, make)
    title = f"expected calibration error and precision at {PRECISION}, {split} scenes"
    return Report(
        title,
        rows,
        [
            "error: in 15 bins of equal width, mean over draws; at most half of the raw score's "
            "where ok.",
            "noise: the error that would be measured if every chance were true.",
            "passing: predictions of all draws at or above the suggested threshold of their class; "
            "precision: the share of them that is right, ok in .87 to .95, - below 200.",
        ],
    )


def _world_rows(
    world: World,
    split: Split,
    shots: Sequence[int],
    draws: int,
    amounts: Amounts,
    skipped: int,
    models: Models,
    make: Callable[[WorldScene], Proposals],
) -> list[Row]:
    first = amounts.candidates
    scenes = drawn_scenes(world, split, "candidates", skipped, first + amounts.labelled)
    candidates = WorldCandidates(scenes[:first], world.classes)
    held_out = drawn_scenes(world, split, "targets", skipped, amounts.targets)
    targets = [judged_scene(scene, make) for scene in held_out]
    most = [build_bank(candidates.draw(max(shots), seed), models.encoder) for seed in range(draws)]
    used = {name.rpartition("/")[0] for bank in most for name in bank.references.ids}
    known = [
        (number, judged_scene(scene, make))
        for number, scene in enumerate(scenes)
        if number >= first or scene.name in used
    ]
    rows = []
    for count in shots:
        banks = [_first_of_each_class(bank, count) for bank in most]
        for mode in _MODES:
            tried = [_trials(bank, mode, known, first, targets) for bank in banks]
            for source in _SOURCES:
                outcomes = [(found[source], held_out) for found, held_out in tried]
                about: Row = {"world": world.name, "shots": count, "mode": mode, "from": source}
                rows.append({**about, **_figures(outcomes)})
                print(rows[-1], flush=True)
    return rows


def _first_of_each_class(bank: MemoryBank, count: int) -> MemoryBank:
    """The bank of fewer shots: more extend a draw."""
    labels = bank.references.classes
    rows = [
        row for label in range(len(bank.classes)) for row in np.flatnonzero(labels == label)[:count]
    ]
    return replace(bank, references=bank.references.rows([int(row) for row in rows]))


def _figures(outcomes: Sequence[tuple[Calibration, Judged]]) -> Row:
    raw = float(np.mean([reliability(held.scores, held.right).error for _, held in outcomes]))
    error = float(np.mean([_error(known, held) for known, held in outcomes]))
    passing = [_passing(known, held) for known, held in outcomes]
    count = sum(int(chosen.sum()) for chosen in passing)
    right = sum(int(held.right[p].sum()) for p, (_, held) in zip(passing, outcomes, strict=True))
    noise = float(np.mean([_noise(known, held) for known, held in outcomes]))
    enough = count >= 200
    return {
        "raw error": raw,
        "error": error,
        "noise": noise,
        "halved": "ok" if error <= raw / 2 else "no",
        "passing": count,
        "precision": right / count if enough else None,
        "in range": "-" if not enough else "ok" if 0.87 <= right / count <= 0.95 else "no",
    }


def _error(known: Calibration, held_out: Judged) -> float:
    chances = known.chances[held_out.labels, score_steps(held_out.scores)]
    return reliability(chances, held_out.right).error


def _noise(known: Calibration, held_out: Judged) -> float:
    """The error that is measured where all chances are true: of this many predictions."""
    chances = known.chances[held_out.labels, score_steps(held_out.scores)]
    rng = np.random.default_rng(0)
    drawn = (rng.random(len(chances)) < chances for _ in range(_SIMULATIONS))
    return float(np.mean([reliability(chances, right).error for right in drawn]))


def _passing(known: Calibration, held_out: Judged) -> np.ndarray:
    thresholds = np.array([known.threshold(name, PRECISION) for name in known.classes])
    return np.asarray(held_out.scores >= thresholds[held_out.labels])


def _trials(
    bank: MemoryBank,
    mode: Mode,
    known: Sequence[tuple[int, JudgedScene]],
    first: int,
    targets: Sequence[JudgedScene],
) -> tuple[dict[Source, Calibration], Judged]:
    """The bank calibrated in each way, and its predictions on the targets."""
    parts: dict[Source, list[Judged]] = {source: [] for source in _SOURCES}
    for number, scene in known:
        own = {i: item for i, item in enumerate(scene.truth) if f"{scene.name}/{i}" in _ids(bank)}
        if number >= first:
            parts["labelled samples"].append(_judged(scene, bank, mode, number))
        elif own:
            others = with_stand_ins(bank, {f"{scene.name}/{i}" for i in own})
            found = match(scene.proposals, others, scoring=scoring_of(mode))
            references = list(own.values())
            about = found, bank.classes
            rest = judged_by_the_rest(*about, scene.truth, references, number)
            parts["reference images"].append(rest)
            parts["references"].append(judged_by_references(*about, references, number))
    made = {
        source: calibrated(Judged.joined(found), bank.classes, Setting(source, mode, "", ""))
        for source, found in parts.items()
    }
    return made, Judged.joined([_judged(scene, bank, mode, i) for i, scene in enumerate(targets)])


def _ids(bank: MemoryBank) -> frozenset[str]:
    return frozenset(bank.references.ids)


def _judged(scene: JudgedScene, bank: MemoryBank, mode: Mode, number: int) -> Judged:
    found = match(scene.proposals, bank, scoring=scoring_of(mode))
    return judged_by_labels(found, bank.classes, scene.truth, number)
