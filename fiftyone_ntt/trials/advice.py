"""Which mode and how many crops suit some labelled images, with the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.trials.ablation import Ablation, Difference
from fiftyone_ntt.trials.ablation_files import prepare_ablation_folder, save_all
from fiftyone_ntt.trials.ablation_table import text_table
from fiftyone_ntt.trials.variants import BEST, PAPER, Variant, with_crops

MIN_IMAGES = 20
"""Of fewer targets no standard error is to be trusted."""
_CLEAR = 2.0
"""Standard errors by which a variant must be above a cheaper one."""

LADDER = (
    with_crops(PAPER, 0),
    with_crops(BEST, 0),
    with_crops(PAPER, 9),
    with_crops(BEST, 4),
    with_crops(BEST, 9),
)
"""What can be advised, from the cheapest on."""


@dataclass(frozen=True)
class Advice:
    """What suits a set of images; print it for the table and the reasons.

    Attributes:
        mode: for `segment`; `"paper"`, the published method, unless another is clearly better.
        crops: likewise; 0 unless more are clearly better.
        reasons: the evidence, in lines.
        ablation: all that was measured.
    """

    mode: str
    crops: int
    reasons: tuple[str, ...]
    ablation: Ablation

    def save(self, folder: str | Path) -> list[Path]:
        """Write `ablation.json`, the table `ablation.md` and the chart `ablation.png` into a
        folder, made if need be; returns their paths.

        Raises:
            StoreError: another's file is there, or a file cannot be written.
        """
        prepare_ablation_folder(Path(folder))
        return save_all(self.ablation, Path(folder))

    def __str__(self) -> str:
        chosen = f'Suits these images: mode="{self.mode}", crops={self.crops}'
        return "\n".join([text_table(self.ablation), chosen, *self.reasons])


def advise(ablation: Ablation, name: str) -> Advice:
    """What suits a set of images, of what was tried on it.

    Going up from `paper`, a variant is taken that is above the one taken last by two standard
    errors.

    Args:
        ablation: with `paper` on the set.
        name: of the set.
    """
    images = len(ablation.of(name, PAPER)[0].without)
    if images < MIN_IMAGES:
        reason = (
            f"too few images to tell: {images} targets, and {MIN_IMAGES} are the least that a "
            "standard error can be taken from. Label more, or keep the published method."
        )
        return Advice(PAPER, 0, (reason,), ablation)
    taken, reasons = LADDER[0], []
    for variant in LADDER[1:]:
        difference = ablation.difference(name, variant.name, taken.name)
        if difference is not None:
            clear = difference.ratio >= _CLEAR
            reasons.append(_reason(ablation, name, variant, taken, difference, clear))
            taken = variant if clear else taken
    if taken == LADDER[0]:
        reasons.append("Nothing is clearly better than the published method: keep it.")
    mode = BEST if taken.name.startswith(BEST) else PAPER
    return Advice(mode, taken.crops, tuple(reasons), ablation)


def _reason(
    ablation: Ablation,
    name: str,
    variant: Variant,
    taken: Variant,
    difference: Difference,
    clear: bool,
) -> str:
    verdict = "taken" if clear else "not clearly better"
    costs = "; ".join(_costs(ablation, name, variant, taken))
    return (
        f"{variant.name} against {taken.name}: {difference} mask AP, "
        f"{difference.ratio:+.1f} standard errors over {difference.images} images: {verdict}"
        + (f" ({costs})" if costs else "")
    )


def _costs(ablation: Ablation, name: str, variant: Variant, taken: Variant) -> Iterator[str]:
    before, after = (ablation.cost(name, found.crops) for found in (taken, variant))
    if before is not None and after is not None and before != after:
        yield f"{before.seconds:.2f} to {after.seconds:.2f} s an image"
        yield f"{before.bytes / 1000:.0f} to {after.bytes / 1000:.0f} kB an image"
