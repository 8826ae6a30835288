"""Which annotated objects become the references of their class (method 9).

The rule alone, for labels of FiftyOne and annotations of a COCO file alike.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Generic, Literal, TypeVar, get_args

import numpy as np

from fiftyone_ntt.core.windows import Box
from fiftyone_ntt.errors import InputError

Key = TypeVar("Key")

TooFew = Literal["fewer", "repeat"]
"""What a class with too few objects gets: those it has, or LVIS's rule: those it has, repeated; and
where none qualifies, ones that do not."""

Strategy = Literal["random", "diverse"]
"""How references are chosen: at random, as published protocols do; or those with which the objects
of many candidates are told apart best, see `fiftyone_ntt.core.reference_choice`."""

MIN_SIZE = 32.0
"""Least width and height of a reference's box, in pixels."""
BORDER = 10.0
"""Least distance of a reference's box from every image border, in pixels."""


def check_strategy(strategy: str) -> Strategy:
    """`strategy` itself if there is such a one.

    Raises:
        InputError: unknown; the message lists the known ones.
    """
    strategies: tuple[Strategy, ...] = get_args(Strategy)
    for known in strategies:
        if strategy == known:
            return known
    raise InputError(
        f"strategy {strategy!r} is unknown. Use one of: {', '.join(map(repr, strategies))}."
    )


@dataclass(frozen=True)
class Candidate(Generic[Key]):
    """An object that may become a reference: annotated, and no crowd.

    Attributes:
        key: what the caller calls it.
        image: file of its image, by which candidates are put in order; one reference per image.
        box: by which those of an image are put in order, in any unit.
    """

    key: Key
    image: str
    box: tuple[float, ...]


def fits(
    box: Box, size: tuple[int, int], min_size: float = MIN_SIZE, border: float = BORDER
) -> bool:
    """Whether an object is large enough and far enough from the border to be a reference.

    Args:
        box: x, y, width, height in pixels.
        size: the image's height and width.
        min_size: least width and height, in pixels.
        border: least distance from every border, in pixels.
    """
    x, y, w, h = box
    inside = x >= border and y >= border and x + w <= size[1] - border and y + h <= size[0] - border
    return inside and w >= min_size and h >= min_size


def choose(
    candidates: Sequence[Candidate[Key]],
    shots: int,
    seed: int,
    label: str,
    qualifies: Callable[[Candidate[Key]], bool],
    too_few: TooFew = "fewer",
) -> list[Candidate[Key]]:
    """The references of one class, in a random order that the seed and the class decide.

    The candidates' own order does not matter, nor do other classes: equal files and boxes give the
    same choice on every machine, and more shots extend it.

    Args:
        candidates: all of the class.
        shots: how many to choose.
        seed: of the order.
        label: the class.
        qualifies: asked, in that order, until enough are found.
        too_few: what to do when there are too few.

    Returns:
        At most `shots`, of different images, unless repeated.

    Raises:
        InputError: `shots` is below 1, or there is no such policy.
    """
    if shots < 1:
        raise InputError(f"shots is {shots}: choose at least 1 reference per class.")
    if too_few not in get_args(TooFew):
        raise InputError(f"too_few is {too_few!r}. Pass 'fewer' or 'repeat'.")
    ordered = sorted(candidates, key=lambda candidate: (candidate.image, candidate.box))
    rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
    drawn = [ordered[index] for index in rng.permutation(len(ordered))]
    chosen = _first_qualifying(drawn, shots, qualifies)
    if too_few == "repeat":
        chosen = chosen or _first_qualifying(drawn, shots, lambda _: True)
        chosen = list(islice(cycle(chosen), shots)) if chosen else []
    return chosen


def _first_qualifying(
    drawn: list[Candidate[Key]], shots: int, qualifies: Callable[[Candidate[Key]], bool]
) -> list[Candidate[Key]]:
    """The first that qualify; one per image at most."""
    chosen: dict[str, Candidate[Key]] = {}
    for candidate in drawn:
        if len(chosen) == shots:
            break
        if candidate.image not in chosen and qualifies(candidate):
            chosen[candidate.image] = candidate
    return list(chosen.values())
