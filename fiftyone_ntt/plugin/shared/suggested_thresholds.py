"""What a calibration suggests, in words."""

from __future__ import annotations

PRECISION = 0.9
"""Of the predictions that the suggested thresholds leave."""
SHOWN_CLASSES = 12
"""Classes told apart: what goes to the App, and back with every event of a panel, stays small."""


def describe_thresholds(thresholds: dict[str, float]) -> str:
    """Thresholds by class, for people; those that no score reaches are told apart."""
    reached = {name: value for name, value in thresholds.items() if value < 1}
    shown = ", ".join(f"{n} {value:.2f}" for n, value in list(reached.items())[:SHOWN_CLASSES])
    if not reached:
        return f"By its calibration, no threshold gives a precision of {PRECISION}."
    rest = len(reached) - SHOWN_CLASSES
    more = f", and {rest} more classes" if rest > 0 else ""
    never = len(thresholds) - len(reached)
    missing = f"; {never} classes never reach it" if never else ""
    return f"For a precision of {PRECISION}, by its calibration: {shown}{more}{missing}."
