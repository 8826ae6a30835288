"""How well masks fit the boxes they were made of: by class, and those that do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean

LOW_AGREEMENT = 0.5
"""IoU of a box and its mask's box below which the mask is another thing than what was boxed, or a
part of it."""

_MAX_SHOWN = 5


def mean_agreement(made: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Mean agreement by class, in order of the classes.

    Args:
        made: class and agreement of each mask.

    Example:
        >>> mean_agreement([("kite", 0.5), ("fish", 1.0), ("kite", 1.0)])
        {'fish': 1.0, 'kite': 0.75}
    """
    by_class: dict[str, list[float]] = defaultdict(list)
    for label, value in made:
        by_class[label].append(value)
    return {label: fmean(by_class[label]) for label in sorted(by_class)}


def agreement_lines(agreement: Mapping[str, float], low: Mapping[str, float]) -> list[str]:
    """What to tell the user: the classes' means, and the masks to look at.

    Args:
        agreement: by class.
        low: of the masks below `LOW_AGREEMENT`, by name; worst first.

    Returns:
        None, one or two lines.

    Example:
        >>> agreement_lines({"fish": 0.9}, {"7": 0.25})
        ['masks and boxes agree by fish 0.90', '1 agree by less than 0.5, look at these: 7 (0.25)']
    """
    lines = []
    if agreement:
        shown = ", ".join(f"{name} {mean:.2f}" for name, mean in agreement.items())
        lines.append(f"masks and boxes agree by {shown}")
    if low:
        worst = [f"{key} ({value:.2f})" for key, value in list(low.items())[:_MAX_SHOWN]]
        more = f" and {len(low) - _MAX_SHOWN} more" if len(low) > _MAX_SHOWN else ""
        lines.append(
            f"{len(low)} agree by less than {LOW_AGREEMENT}, look at these: "
            f"{', '.join(worst)}{more}"
        )
    return lines
