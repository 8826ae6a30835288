"""The method's numbers, with the paper's values as defaults.

`mode="paper"` is the published method to the letter. What the project adds on top gets a mode
or an option with a name of its own; it never changes what `"paper"` means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from fiftyone_ntt.core.nearest_names import nearest_name
from fiftyone_ntt.errors import InputError

Mode = Literal["paper", "best", "adaptive"]
"""`"paper"` is the published method; `"best"` labels and ranks the same proposals more accurately,
see `fiftyone_ntt.core.class_scores`; `"adaptive"` prompts only where it can matter to the bank, see
`fiftyone_ntt.core.adaptive`."""

CROPS = (0, 4, 9)
"""How many parts of a picture can be looked at beside the whole: see `fiftyone_ntt.core.crops`."""

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
        crops: parts of half the picture's side that are looked at besides the whole, each as
            large as the models' square: 0, 4 (the corners) or 9 (three by three, overlapping).
            Small objects need them; each costs what the whole picture does (paper: 0).
    """

    points_per_side: int = 32
    iou_threshold: float = 0.4
    prompts_per_batch: int = 64
    crops: int = 0

    def __post_init__(self) -> None:
        _require_count("points_per_side", self.points_per_side, usual=32)
        if self.points_per_side > MOST_POINTS_PER_SIDE:
            raise InputError(
                f"points_per_side is {self.points_per_side}: more than {MOST_POINTS_PER_SIDE} "
                "take gigabytes and find nothing more. Usual is 32."
            )
        _require_count("prompts_per_batch", self.prompts_per_batch, usual=64)
        _require_share("iou_threshold", self.iou_threshold, "The paper uses 0.4")
        if self.crops not in CROPS:
            raise InputError(
                f"crops is {self.crops}, but a picture is cut into {', '.join(map(str, CROPS))}. "
                "Pass 0 for the whole picture alone, 9 for small objects."
            )

    def identity(self) -> dict[str, int | float]:
        """What of them decides the proposals: the batch does not; without crops, those are left
        out, as they were before there were any."""
        values = asdict(self)
        del values["prompts_per_batch"]
        if not self.crops:
            del values["crops"]
        return values


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
class Scoring:
    """How proposals are compared with a bank, ranked and suppressed: what a mode means in matching.

    The values by default are the paper's; each of the others can be tried alone
    (`fiftyone-ntt ablate`).

    Attributes:
        reference_temperature: how softly a class's similarity follows the most similar of its
            references; None to compare with their mean alone (paper).
        class_temperature: how softly a score falls where another class is nearly as similar;
            None: it does not (paper).
        quality: whether a score is multiplied by the mask's predicted IoU and its stability
            (paper: it is the similarity alone).
        stable_first: whether masks are ranked for suppression by predicted IoU times stability
            (paper: by predicted IoU).
        mask_nms_threshold: IoU of two masks above which the lower ranked of a class is suppressed;
            None to go by the IoU of their boxes, `MatchSettings.nms_threshold` (paper).
    """

    reference_temperature: float | None = None
    class_temperature: float | None = None
    quality: bool = False
    stable_first: bool = False
    mask_nms_threshold: float | None = None

    def __post_init__(self) -> None:
        _require_temperature("reference_temperature", self.reference_temperature, usual=0.05)
        _require_temperature("class_temperature", self.class_temperature, usual=0.05)
        if self.mask_nms_threshold is not None:
            _require_share("mask_nms_threshold", self.mask_nms_threshold, "Usual is 0.8")

    @property
    def needs_stability(self) -> bool:
        """Whether proposals that an earlier version stored, without stability, do not serve."""
        return self.quality or self.stable_first


@dataclass(frozen=True)
class MatchSettings:
    """What decides the labels and scores of an image's proposals, besides the bank.

    Attributes:
        nms_threshold: box IoU above which the lower ranked of a class is suppressed (paper: 0.5).
        max_instances: instances kept per image, by score (paper: 100).
        candidates_per_instance: proposals that reach merging, as a multiple of `max_instances`
            (paper: 8).
        negative_temperature: how softly a better matching negative lowers a score (paper: 0.8).
        confidence_threshold: instances below this score are left out, 0..1 (paper: 0); or by class,
            where a class that is not named keeps all.
        one_per_object: of instances whose masks have an IoU above 0.5, whatever their classes, only
            the one of the highest score stays (paper: all).
        least_island: separate pieces of a mask go that have less than this share of its pixels,
            0..1 (paper: 0, none).
        fill_holes: whether a mask gets the background that it encloses (paper: no).
    """

    nms_threshold: float = 0.5
    max_instances: int = 100
    candidates_per_instance: int = 8
    negative_temperature: float = 0.8
    confidence_threshold: float | Mapping[str, float] = 0.0
    one_per_object: bool = False
    least_island: float = 0.0
    fill_holes: bool = False

    def identity(self) -> dict[str, Any]:
        """What of them decides the instances. What earlier versions did not know is left out while
        it is off."""
        values = asdict(self)
        for name in ("one_per_object", "least_island", "fill_holes"):
            if not values[name]:
                del values[name]
        if isinstance(self.confidence_threshold, Mapping):
            # Pairs: names of classes may hold what the keys of a database may not.
            pairs = sorted(self.confidence_threshold.items())
            values["confidence_threshold"] = [list(pair) for pair in pairs]
        return values

    def ranking(self, scoring: Scoring) -> dict[str, Any]:
        """What of them, and of the scoring, decides what instances and scores there are before a
        threshold: JSON values, equal where scores mean the same."""
        values = self.identity()
        del values["confidence_threshold"]
        # By its values: what a mode means may change from version to version.
        return {**values, **({"scoring": asdict(scoring)} if scoring != Scoring() else {})}

    def thresholds(self, classes: Sequence[str]) -> list[float]:
        """The least score of each class.

        Raises:
            InputError: a threshold is for a class that is not among them.
        """
        chosen = self.confidence_threshold
        if not isinstance(chosen, Mapping):
            return [chosen] * len(classes)
        if unknown := [name for name in chosen if name not in classes]:
            raise InputError(
                f"there is a confidence threshold for {unknown[0]!r}, which is no class of the "
                f"memory bank. Its classes: {', '.join(classes)}."
            )
        return [chosen.get(name, 0.0) for name in classes]

    def __post_init__(self) -> None:
        given = self.confidence_threshold
        # Whatever kind of number: runs note it down as JSON.
        known = (
            {name: float(value) for name, value in given.items()}
            if isinstance(given, Mapping)
            else float(given)
        )
        object.__setattr__(self, "confidence_threshold", known)
        _require_count("max_instances", self.max_instances, usual=100)
        _require_count("candidates_per_instance", self.candidates_per_instance, usual=8)
        _require_share("nms_threshold", self.nms_threshold, "The paper uses 0.5")
        chosen = self.confidence_threshold
        for value in chosen.values() if isinstance(chosen, Mapping) else [chosen]:
            _require_share("confidence_threshold", value, "The paper uses 0.0")
        _require_share("least_island", self.least_island, "The paper uses 0, usual is 0.05")
        _require_temperature("negative_temperature", self.negative_temperature, usual=0.8)


def _require_count(name: str, value: int, usual: int) -> None:
    """Refuse a number below 1."""
    if value < 1:
        raise InputError(f"{name} is {value}, but it must be at least 1. Usual is {usual}.")


def _require_share(name: str, value: float, usual: str) -> None:
    """Refuse a number outside 0..1."""
    if not 0 <= value <= 1:  # NaN fails this too
        raise InputError(f"{name} is {value}, but it must lie in 0..1. {usual}.")


def _require_temperature(name: str, value: float | None, usual: float) -> None:
    """Refuse 0, below and NaN."""
    if value is not None and not value > 0:
        raise InputError(
            f"{name} is {value}, but similarities are divided by it. Pass a number above 0; usual "
            f"is {usual}."
        )


def check_mode(mode: str) -> Mode:
    """`mode` itself if there is such a mode.

    Raises:
        InputError: unknown mode; the message lists the known ones.
    """
    modes: tuple[Mode, ...] = get_args(Mode)
    for known in modes:
        if mode == known:
            return known
    meant = nearest_name(mode, modes)
    raise InputError(
        f"mode {mode!r} is unknown. Use one of: {', '.join(map(repr, modes))}."
        + (f" {mode!r} looks like {meant!r}." if meant else "")
    )


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


PAPER_SCORING = Scoring()
BEST_SCORING = Scoring(
    reference_temperature=0.05,
    class_temperature=0.05,
    quality=True,
    stable_first=True,
    mask_nms_threshold=0.8,
)


def scoring_of(mode: Mode) -> Scoring:
    """How a mode scores."""
    return BEST_SCORING if mode == "best" else PAPER_SCORING


def usual_threshold(mode: Mode) -> float:
    """From which score on predictions are shown and counted where nothing else is known.

    Scores of `"best"` are smaller. From 0.3 on, it is right as often as the paper's from 0.5 on: on
    the worlds' scenes for developing, three in four (see `docs/calibration.md`).

    Example:
        >>> ntt.usual_threshold("paper"), ntt.usual_threshold("best")
        (0.5, 0.3)
    """
    return 0.3 if mode == "best" else 0.5
