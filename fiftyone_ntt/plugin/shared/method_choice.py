"""Form fields that several operators share: the mode, the grid of prompts and the crops."""

from __future__ import annotations

from typing import Any, get_args

from fiftyone_ntt.core.settings import CROPS, MOST_POINTS_PER_SIDE, Mode
from fiftyone_ntt.errors import NttError
from fiftyone_ntt.plugin.shared.form import Form

_MODES: dict[str, str] = {
    "paper": "paper: the published method",
    "best": "best: more accurate, with smaller confidences",
    "adaptive": "adaptive: faster, not exact, keeps nothing to relabel from",
}
_CROPS = {
    0: "Whole picture",
    4: "and its 4 quarters: smaller objects, 5 times the time",
    9: "and 9 overlapping parts: the smallest objects, 10 times the time",
}
USUAL_POINTS = 32


def choose_mode(form: Form, *, stored: bool = False, usual: str | None = None) -> str | None:
    """Which mode of the method.

    Args:
        form: of the operator.
        stored: only those that match stored proposals.
        usual: what is chosen at first, if it is one of them.
    """
    modes = {mode: _MODES[mode] for mode in get_args(Mode) if not stored or mode != "adaptive"}
    return form.choice("mode", "Mode", modes, usual if usual in modes else "paper")


def grid_name(points_per_side: int, crops: int) -> str:
    """Of stored proposals, as an option of a form."""
    return f"{points_per_side}+{crops}" if crops else str(points_per_side)


def grid_of(name: str) -> dict[str, int]:
    """What `grid_name` was given, as arguments of the public functions.

    Raises:
        NttError: no such name, as only a caller from outside of the form can give.
    """
    points, _, crops = name.partition("+")
    try:
        return {"points_per_side": int(points), "crops": int(crops or 0)}
    except ValueError as error:
        raise NttError(
            f"{name!r} says nothing of stored proposals. Give it as points per side and, if there "
            "are crops, their number, such as '32' or '32+4'."
        ) from error


def choose_prompts(form: Form, mode: str | None = None) -> None:
    """How finely a picture is looked at.

    Args:
        form: of the operator.
        mode: that was chosen; one that looks at the whole picture alone has no crops.
    """
    form.integer(
        "points_per_side",
        "Points per side",
        USUAL_POINTS,
        low=1,
        high=MOST_POINTS_PER_SIDE,
        description="Fewer are quicker",
    )
    if mode != "adaptive":
        form.choice("crops", "Look at", {str(count): _CROPS[count] for count in CROPS}, "0")


def chosen_prompts(given: dict[str, Any]) -> dict[str, Any]:
    """The answers to `choose_prompts` as arguments of the public functions."""
    return {
        "points_per_side": given.get("points_per_side", USUAL_POINTS),
        # The form keeps the answer to a question that it no longer shows.
        "crops": 0 if given.get("mode") == "adaptive" else int(given.get("crops") or 0),
    }
