"""Trying variants: propose once, then match and score draw after draw, in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fiftyone_ntt.core.proposals import ProposalSetup
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.trials.ablation import Ablation, TrialSetup
from fiftyone_ntt.trials.ablation_files import (
    prepare_ablation_folder,
    resume_ablation,
    save_ablation,
)
from fiftyone_ntt.trials.cells import Cell, DrawnBank, DrawTrial
from fiftyone_ntt.trials.trial_data import TrialContent, TrialData
from fiftyone_ntt.trials.trial_proposals import require_proposals, setup_of
from fiftyone_ntt.trials.variants import Variant
from fiftyone_ntt.workers.processes import default_workers
from fiftyone_ntt.workers.spreading import map_in_processes

Advance = Callable[[str, int], None]
"""Called with what was done, and how many images it was done for."""

_MATCHES_PER_PROCESS = 2000
"""At least: they take as long as a process takes to start, and some more."""


@dataclass(frozen=True)
class Plan:
    """What to try.

    Attributes:
        variants: `paper` among them.
        shots: references per class.
        seeds: of the draws.
        points_per_side: prompts per row and column of the grid.

    Raises:
        InputError: there is nothing to try.
    """

    variants: tuple[Variant, ...]
    shots: Sequence[int]
    seeds: Sequence[int]
    points_per_side: int

    def __post_init__(self) -> None:
        if not self.shots or min(self.shots) < 1 or not self.seeds or min(self.seeds) < 0:
            raise InputError(
                f"shots are {list(self.shots)} and seeds {list(self.seeds)}. Pass at least one of "
                "each, shots of at least 1 and seeds of at least 0."
            )
        ProposalSettings(points_per_side=self.points_per_side)

    def missing(self, ablation: Ablation, data: str) -> list[tuple[int, int, tuple[Variant, ...]]]:
        """Shots, seed and variants of the cells that an ablation lacks, seed by seed, so that an
        interrupted one has whole rows."""
        done = {cell.key for cell in ablation.cells}
        draws = [(shots, seed) for seed in _once(self.seeds) for shots in sorted(set(self.shots))]
        lacking = [
            (
                shots,
                seed,
                tuple(v for v in self.variants if (data, shots, seed, v.name) not in done),
            )
            for shots, seed in draws
        ]
        return [row for row in lacking if row[2]]


def _once(values: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(values))


def run_ablation(
    sets: Sequence[TrialData],
    models: Models,
    plan: Plan,
    store: ProposalStore,
    *,
    output: Path | None = None,
    workers: int | None = None,
    advance: Advance = lambda what, images: None,
) -> Ablation:
    """Try every variant with every draw of references, as far as it is not done yet.

    Args:
        sets: of labelled images.
        models: encoder and segmenter.
        plan: what to try.
        store: of the proposals, which every draw and another call use again.
        output: folder of `ablation.json`, made if need be, in which each draw's cells are kept as
            soon as they are done; the same call after an interruption goes on there.
        workers: processes that match and score; as many as pay when None.
        advance: called as the work goes on.

    Returns:
        All cells in `output`, also those of earlier calls.

    Raises:
        InputError: a set has no labelled object, or too few references.
        StoreError: `output` holds another ablation, or a file cannot be written.
    """
    setup = TrialSetup(
        models.name, models.encoder.identity, models.segmenter.identity, plan.points_per_side
    )
    ablation = Ablation(setup, {part.name: part.identity for part in sets}, plan.variants)
    if output is not None:
        prepare_ablation_folder(output)
        ablation = resume_ablation(output, ablation)
    store.check_folder()

    def keep(found: Ablation) -> None:
        """What is done by now stays, whatever happens next."""
        if output is not None:
            save_ablation(found, output)

    for part in sets:
        missing = plan.missing(ablation, part.name)
        if missing:
            work = _SetTrial(part, part.open(), models, plan, store, advance)
            ablation = work.match(work.propose(ablation, missing, keep), missing, keep, workers)
    store.keep_within_limit()
    return ablation


_Missing = Sequence[tuple[int, int, tuple[Variant, ...]]]
_Keep = Callable[[Ablation], None]


@dataclass(frozen=True, eq=False)
class _SetTrial:
    """What is tried on one set of images."""

    part: TrialData
    content: TrialContent
    models: Models
    plan: Plan
    store: ProposalStore
    advance: Advance

    def __post_init__(self) -> None:
        # Of crowds alone there is no AP.
        if all(found.crowd for image in self.content.images for found in image.truth):
            raise InputError(
                f"{self.part.name} has no labelled object to score against. Pass labelled targets."
            )

    def propose(self, ablation: Ablation, missing: _Missing, keep: _Keep) -> Ablation:
        """Proposals for what is missing; the ablation with what they cost."""
        for crops, setup in self._setups(missing).items():
            what = f"{self.part.name}: proposals" + (f" with {crops} crops" if crops else "")
            cost = require_proposals(
                self.part.name,
                self.content.images,
                self.models,
                setup,
                self.store,
                ablation.cost(self.part.name, crops),
                partial(self.advance, what, 1),
            )
            ablation = ablation.with_cost(cost)
            keep(ablation)
        return ablation

    def match(
        self, ablation: Ablation, missing: _Missing, keep: _Keep, workers: int | None
    ) -> Ablation:
        """The ablation with the cells that are missing."""
        images = self.content.images
        trial = DrawTrial.of(self.part.name, images, self._setups(missing), self.store)
        matches = len(images) * sum(len(variants) for _, _, variants in missing)
        chosen = default_workers(matches, _MATCHES_PER_PROCESS) if workers is None else workers
        for cells in map_in_processes(trial, _drawn(self.content, missing), chosen):
            ablation = ablation.with_cells(cells)
            keep(ablation)
            self.advance(_title(cells), len(images))
        return ablation

    def _setups(self, missing: _Missing) -> dict[int, ProposalSetup]:
        counts = {variant.crops for _, _, variants in missing for variant in variants}
        points = self.plan.points_per_side
        return {count: setup_of(self.models, points, count) for count in sorted(counts)}


def _drawn(content: TrialContent, missing: _Missing) -> Iterator[DrawnBank]:
    for shots, seed, variants in missing:
        yield DrawnBank(content.bank(shots, seed), shots, seed, variants)


def _title(cells: Sequence[Cell]) -> str:
    first = cells[0]
    return f"{first.data}: {first.shots} shots, draw {first.seed}"
