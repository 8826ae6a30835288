"""One draw of references, and what every variant makes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fiftyone_ntt.coco.leaving_out import ap_without_each
from fiftyone_ntt.coco.mask_objects import predicted_objects
from fiftyone_ntt.coco.scorer import Candidate, Scorer
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.proposals import ProposalSetup
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.trials.trial_data import TrialImage
from fiftyone_ntt.trials.trial_proposals import kept_proposals
from fiftyone_ntt.trials.variants import Variant


@dataclass(frozen=True)
class Cell:
    """What one variant scored with one draw of references.

    Attributes:
        data: name of the images' set.
        shots: references per class.
        seed: of the draw.
        variant: its name.
        ap: COCO's mask AP, 0..1.
        without: mask AP without each of the images, in their order.
        seconds: per image, of matching; the median. Of the processor, on which other processes
            that work beside it do not count.
    """

    data: str
    shots: int
    seed: int
    variant: str
    ap: float
    without: tuple[float, ...]
    seconds: float

    @property
    def key(self) -> tuple[str, int, int, str]:
        """Of no other cell."""
        return self.data, self.shots, self.seed, self.variant


@dataclass(frozen=True, eq=False)
class DrawnBank:
    """References to try, and the variants to try with them."""

    bank: MemoryBank
    shots: int
    seed: int
    variants: tuple[Variant, ...]


@dataclass(frozen=True, eq=False)
class DrawTrial:
    """Tries draws on images whose proposals are stored. Holds no network: can work in processes.

    Attributes:
        data: name of the images' set.
        keys: of the images' proposals.
        truths: their labelled objects.
        setups: what proposals are stored under, by number of crops.
        store: holds them.
    """

    data: str
    keys: Sequence[str]
    truths: Sequence[Sequence[Candidate]]
    setups: dict[int, ProposalSetup]
    store: ProposalStore

    @staticmethod
    def of(
        data: str,
        images: Sequence[TrialImage],
        setups: dict[int, ProposalSetup],
        store: ProposalStore,
    ) -> DrawTrial:
        """Of images, without their pixels."""
        keys, truths = [image.key for image in images], [image.truth for image in images]
        return DrawTrial(data, keys, truths, setups, store)

    def __call__(self, drawn: DrawnBank) -> list[Cell]:
        """A cell for each of the draw's variants.

        Raises:
            StoreError: an image's proposals are gone.
        """
        scorers = [Scorer("masks") for _ in drawn.variants]
        seconds: list[list[float]] = [[] for _ in drawn.variants]
        for key, truth in zip(self.keys, self.truths, strict=True):
            crops = {variant.crops for variant in drawn.variants}
            kept = {n: kept_proposals(self.store, self.setups[n], key) for n in crops}
            for variant, scorer, times in zip(drawn.variants, scorers, seconds, strict=True):
                start = time.thread_time()
                found = match(kept[variant.crops], drawn.bank, scoring=variant.scoring)
                times.append(time.thread_time() - start)
                scorer.add(truth, predicted_objects(found, drawn.bank.classes))
        return [
            self._cell(drawn, variant, scorer, float(np.median(times)))
            for variant, scorer, times in zip(drawn.variants, scorers, seconds, strict=True)
        ]

    def _cell(self, drawn: DrawnBank, variant: Variant, scorer: Scorer, seconds: float) -> Cell:
        ap, without = ap_without_each(scorer)
        where = self.data, drawn.shots, drawn.seed, variant.name
        return Cell(*where, ap, tuple(without.tolist()), seconds)
