"""What is tried against what: the options of scoring and crops, each alone and each taken away.

The list follows the fields of `Scoring`: an option that is added there is tried from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from fiftyone_ntt.core.settings import BEST_SCORING, PAPER_SCORING, Mode, Scoring, scoring_of
from fiftyone_ntt.errors import InputError

PAPER: Mode = "paper"
BEST: Mode = "best"

_USUAL: dict[str, Any] = {
    "reference_temperature": 0.05,
    "class_temperature": 0.05,
    "mask_nms_threshold": 0.8,
}
"""What an option that is a number is tried with, where mode `"best"` leaves it as the paper's."""


@dataclass(frozen=True)
class Variant:
    """One way to label pictures.

    Attributes:
        name: of no other variant.
        scoring: how proposals are scored.
        crops: parts of a picture that are looked at besides the whole.
    """

    name: str
    scoring: Scoring
    crops: int = 0


def all_variants() -> tuple[Variant, ...]:
    """`paper`; each option alone; `best`; `best` with each option turned; those with crops."""
    options = [field.name for field in fields(Scoring)]
    return (
        Variant(PAPER, PAPER_SCORING),
        *(_changed(PAPER, PAPER_SCORING, option) for option in options),
        Variant(BEST, BEST_SCORING),
        *(_changed(BEST, BEST_SCORING, option) for option in options),
        with_crops(PAPER, 9),
        with_crops(BEST, 4),
        with_crops(BEST, 9),
    )


def with_crops(mode: Mode, crops: int) -> Variant:
    """`paper` or `best` with some crops, possibly none."""
    name = f"{mode} + {crops} crops" if crops else mode
    return Variant(name, scoring_of(mode), crops)


def _changed(mode: str, scoring: Scoring, option: str) -> Variant:
    """With one option on that is off there, or off that is on."""
    off, on = getattr(PAPER_SCORING, option), _value_on(option)
    if getattr(scoring, option) == off:
        shown = option if isinstance(on, bool) else f"{option} {on:g}"
        return Variant(f"{mode} + {shown}", replace(scoring, **{option: on}))
    return Variant(f"{mode} - {option}", replace(scoring, **{option: off}))


def _value_on(option: str) -> Any:
    """An option's value where it is not the paper's."""
    off, best = getattr(PAPER_SCORING, option), getattr(BEST_SCORING, option)
    if best != off:
        return best
    return not off if isinstance(off, bool) else _USUAL[option]


def find_variants(names: Sequence[str] | None) -> tuple[Variant, ...]:
    """The variants of these names, and `paper`, which all are compared with; all when None.

    Raises:
        InputError: there is none of a name; the message lists those there are.
    """
    known = all_variants()
    unknown = [name for name in names or () if name not in {found.name for found in known}]
    if unknown:
        raise InputError(
            f"there is no variant {unknown[0]!r}. Use some of: "
            f"{', '.join(repr(found.name) for found in known)}."
        )
    return tuple(
        found for found in known if names is None or found.name in names or found.name == PAPER
    )
