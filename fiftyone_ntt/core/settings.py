"""The method's numbers, with the paper's values as defaults.

`mode="paper"` is the published method to the letter. What the project adds on top gets a mode
or an option with a name of its own; it never changes what `"paper"` means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fiftyone_ntt.errors import InputError

Mode = Literal["paper", "adaptive"]
"""`"paper"` prompts the whole grid; `"adaptive"` only where it can matter to the bank, see
`fiftyone_ntt.core.adaptive`."""

MOST_POINTS_PER_SIDE = 128
"""Of the grid of prompts: every second pixel of the masks that SAM 2 draws."""

WINDOW_SCALE = 1.2
"""Side of a reference's window over the longer side of its box."""


@dataclass(frozen=True)
class ProposalSettings:
    """What decides an image's proposals, besides the models and the pixels.

    Attributes:
        points_per_side: prompts per row and column of the grid, 1..128 (paper: 32). More would
            be closer than the pixels of the masks the prompts give.
        iou_threshold: proposals with a predicted IoU above it are kept, 0..1 (paper: 0.4).
        prompts_per_batch: prompts decoded at once; only memory and speed depend on it.
    """

    points_per_side: int = 32
    iou_threshold: float = 0.4
    prompts_per_batch: int = 64

    def __post_init__(self) -> None:
        _require_count("points_per_side", self.points_per_side, usual=32)
        if self.points_per_side > MOST_POINTS_PER_SIDE:
            raise InputError(
                f"points_per_side is {self.points_per_side}: more than {MOST_POINTS_PER_SIDE} "
                "take gigabytes and find nothing more. Usual is 32."
            )
        _require_count("prompts_per_batch", self.prompts_per_batch, usual=64)
        _require_share("iou_threshold", self.iou_threshold, "The paper uses 0.4")


@dataclass(frozen=True)
class AdaptiveSettings:
    """Which points of the grid `mode="adaptive"` prompts; see `fiftyone_ntt.core.adaptive`.

    Attributes:
        strides: spacing of the points considered in each round, falling, at least 1. Without a 1
            at the end, some points are never considered.
        min_gain: a point is prompted if its similarity to its best class exceeds, by more than
            this, that of the masks found so far that cover it, 0..1.
    """

    strides: tuple[int, ...] = (3, 1)
    min_gain: float = 0.15

    def __post_init__(self) -> None:
        falling = sorted(set(self.strides), reverse=True)
        if not falling or falling[-1] < 1 or list(self.strides) != falling:
            raise InputError(
                f"strides are {self.strides}, but they must fall from round to round and be at "
                "least 1. Usual are (3, 1)."
            )
        _require_share("min_gain", self.min_gain, "Usual is 0.15")


@dataclass(frozen=True)
class MatchSettings:
    """What decides the labels and scores of an image's proposals, besides the bank.

    Attributes:
        nms_threshold: box IoU above which the lower ranked of a class is suppressed (paper: 0.5).
        max_instances: instances kept per image, by score (paper: 100).
        candidates_per_instance: proposals that reach merging, as a multiple of `max_instances`
            (paper: 8).
        negative_temperature: how softly a better matching negative lowers a score (paper: 0.8).
        confidence_threshold: instances below this score are left out, 0..1 (paper: 0).
    """

    nms_threshold: float = 0.5
    max_instances: int = 100
    candidates_per_instance: int = 8
    negative_temperature: float = 0.8
    confidence_threshold: float = 0.0

    def __post_init__(self) -> None:
        _require_count("max_instances", self.max_instances, usual=100)
        _require_count("candidates_per_instance", self.candidates_per_instance, usual=8)
        _require_share("nms_threshold", self.nms_threshold, "The paper uses 0.5")
        _require_share("confidence_threshold", self.confidence_threshold, "The paper uses 0.0")
        if not self.negative_temperature > 0:
            raise InputError(
                f"negative_temperature is {self.negative_temperature}, but scores are divided by "
                "it. Pass a number above 0; the paper uses 0.8."
            )


def _require_count(name: str, value: int, usual: int) -> None:
    """Refuse a number below 1."""
    if value < 1:
        raise InputError(f"{name} is {value}, but it must be at least 1. Usual is {usual}.")


def _require_share(name: str, value: float, usual: str) -> None:
    """Refuse a number outside 0..1."""
    if not 0 <= value <= 1:  # NaN fails this too
        raise InputError(f"{name} is {value}, but it must lie in 0..1. {usual}.")


def check_mode(mode: str) -> Mode:
    """`mode` itself if there is such a mode.

    Raises:
        InputError: unknown mode; the message lists the known ones.
    """
    modes: tuple[Mode, ...] = get_args(Mode)
    for known in modes:
        if mode == known:
            return known
    raise InputError(f"mode {mode!r} is unknown. Use one of: {', '.join(map(repr, modes))}.")


def is_stored_mode(mode: Mode) -> bool:
    """Whether a mode's proposals depend on no bank: only then can a store keep them for others."""
    return mode != "adaptive"


def check_stored_mode(mode: str) -> Mode:
    """`mode` itself if its proposals can be stored, see `is_stored_mode`.

    Raises:
        InputError: unknown mode, or one whose proposals serve a single bank.
    """
    known = check_mode(mode)
    if not is_stored_mode(known):
        raise InputError(
            f"in mode {mode!r} proposals depend on the bank, so they are neither stored nor taken "
            f"from a store. Use mode 'paper' with a store, or segment in mode {mode!r} without one."
        )
    return known
