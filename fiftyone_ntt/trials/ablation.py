"""The outcome of a trial of variants: every cell, what proposals cost, and differences of variants.

A difference is paired: the variants share draws and images. Its standard error is over images, by
the jackknife: AP of a set is no mean of its images', so each image is left out in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from fiftyone_ntt.trials.cells import Cell
from fiftyone_ntt.trials.trial_proposals import ProposalCost
from fiftyone_ntt.trials.variants import PAPER, Variant


@dataclass(frozen=True)
class TrialSetup:
    """What all cells share.

    Attributes:
        models: the set's name.
        encoder: identity of the encoder.
        segmenter: identity of the segmenter.
        points_per_side: prompts per row and column of the grid.
    """

    models: str
    encoder: str
    segmenter: str
    points_per_side: int


@dataclass(frozen=True)
class Difference:
    """Of two variants' AP, over the draws that both have.

    Attributes:
        mean: over shots and draws, -1..1.
        error: its standard error over images; NaN of fewer than two images.
        images: how many.
    """

    mean: float
    error: float
    images: int

    @property
    def ratio(self) -> float:
        """The mean in standard errors; 0 where nothing differs."""
        return self.mean / self.error if self.error > 0 else 0.0

    def __str__(self) -> str:
        return f"{self.mean:+.3f} ± {self.error:.3f}"


@dataclass(frozen=True)
class Ablation:
    """Variants tried on sets of labelled images.

    Attributes:
        setup: of all cells.
        data: identity by name of each set of images.
        variants: those tried.
        costs: of proposals, by set and crops.
        cells: by set, shots, seed and variant.
    """

    setup: TrialSetup
    data: dict[str, str]
    variants: tuple[Variant, ...]
    costs: tuple[ProposalCost, ...] = ()
    cells: tuple[Cell, ...] = ()

    @property
    def shots(self) -> list[int]:
        """Numbers of references per class, rising."""
        return sorted({cell.shots for cell in self.cells})

    def with_cells(self, cells: Sequence[Cell]) -> Ablation:
        """With more cells; those of the same key go."""
        known = {cell.key: cell for cell in (*self.cells, *cells)}
        return replace(self, cells=tuple(known.values()))

    def with_cost(self, cost: ProposalCost) -> Ablation:
        """With what proposals cost; what was known of the same set and crops goes."""
        known = {(found.data, found.crops): found for found in (*self.costs, cost)}
        return replace(self, costs=tuple(known.values()))

    def cost(self, data: str, crops: int) -> ProposalCost | None:
        """What proposals cost, if it was measured."""
        return next((c for c in self.costs if (c.data, c.crops) == (data, crops)), None)

    def of(self, data: str, variant: str, shots: int | None = None) -> list[Cell]:
        """A variant's cells on a set, with so many shots, or all when None."""
        return [
            cell
            for cell in self.cells
            if (cell.data, cell.variant) == (data, variant) and shots in (None, cell.shots)
        ]

    def difference(
        self, data: str, variant: str, base: str = PAPER, shots: int | None = None
    ) -> Difference | None:
        """By how much a variant's AP is above another's, of the draws that both have.

        Args:
            data: name of the set.
            variant: its name.
            base: name of what it is compared with.
            shots: only these; all when None.

        Returns:
            None where they share no draw.
        """
        others = {(cell.shots, cell.seed): cell for cell in self.of(data, base, shots)}
        pairs = [
            (cell, others[cell.shots, cell.seed])
            for cell in self.of(data, variant, shots)
            if (cell.shots, cell.seed) in others
        ]
        if not pairs:
            return None
        mean = np.mean([cell.ap - other.ap for cell, other in pairs])
        without = [np.subtract(cell.without, other.without) for cell, other in pairs]
        values: Float64[np.ndarray, " images"] = np.mean(without, axis=0)
        return Difference(float(mean), jackknife_error(values), len(values))


def jackknife_error(without: Float64[np.ndarray, " images"]) -> float:
    """Standard error of a figure, of its values without each image; NaN of fewer than two."""
    count = len(without)
    if count < 2 or np.isnan(without).any():
        return float("nan")
    return float(np.sqrt((count - 1) * without.var()))
