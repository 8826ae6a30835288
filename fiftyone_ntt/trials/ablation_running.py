"""Trying variants: propose once, then match and score draw after draw, in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.dataset.work.processes import default_workers, map_in_processes
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
    for part in sets:
        for ablation in _with_set(ablation, part, models, plan, store, workers, advance):
            if output is not None:
                save_ablation(ablation, output)
    store.keep_within_limit()
    return ablation


def _with_set(
    ablation: Ablation,
    part: TrialData,
    models: Models,
    plan: Plan,
    store: ProposalStore,
    workers: int | None,
    advance: Advance,
) -> Iterator[Ablation]:
    """The ablation with more and more of a set."""
    missing = plan.missing(ablation, part.name)
    if not missing:
        return
    content = part.open()
    if not any(image.truth for image in content.images):
        raise InputError(f"{part.name} has no labelled object to score against.")
    crops = sorted({variant.crops for _, _, variants in missing for variant in variants})
    setups = {count: setup_of(models, plan.points_per_side, count) for count in crops}
    for count, setup in setups.items():
        title = f"{part.name}: proposals" + (f" with {count} crops" if count else "")
        cost = require_proposals(
            part.name, content.images, models, setup, store, lambda: advance(title, 1)
        )
        ablation = ablation.with_cost(cost)
        yield ablation
    trial = DrawTrial.of(part.name, content.images, setups, store)
    matches = len(content.images) * sum(len(variants) for _, _, variants in missing)
    chosen = default_workers(matches, _MATCHES_PER_PROCESS) if workers is None else workers
    for cells in map_in_processes(trial, _drawn(content, missing), chosen):
        ablation = ablation.with_cells(cells)
        advance(_title(cells), len(content.images))
        yield ablation


def _drawn(
    content: TrialContent, missing: Sequence[tuple[int, int, tuple[Variant, ...]]]
) -> Iterator[DrawnBank]:
    for shots, seed, variants in missing:
        yield DrawnBank(content.bank(shots, seed), shots, seed, variants)


def _title(cells: Sequence[Cell]) -> str:
    first = cells[0]
    return f"{first.data}: {first.shots} shots, draw {first.seed}"
