"""What a benchmark's figures belong to: its draws of references, and the set-up they share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from fiftyone_ntt.protocols.scoring import Metrics


@dataclass(frozen=True)
class Draw:
    """One choice of references, and what it scored.

    Attributes:
        part: fold, split or set; "all" where the protocol has one alone.
        shots: references per class.
        seed: of the choice; None where the references are published.
        metrics: figures in 0..1 over all classes, by name.
        classes: figures by class.
        references: how many each class has.
        repeated: how many different ones each class has of which some are repeated.
        images: segmented.
        detections: found.
    """

    part: str
    shots: int
    seed: int | None
    metrics: Metrics
    classes: dict[str, Metrics]
    references: dict[str, int]
    repeated: dict[str, int]
    images: int
    detections: int

    @property
    def key(self) -> tuple[str, int, int | None]:
        """What tells it from the benchmark's other draws."""
        return self.part, self.shots, self.seed


INCLUSIVE = "inclusive"
PIXELS = "pixels"


@dataclass(frozen=True)
class Setup:
    """What the draws of a benchmark have in common; another one is another benchmark.

    Attributes:
        protocol: its name.
        models: what the user calls them.
        encoder: its identity.
        segmenter: its identity.
        mode: of the method.
        points_per_side: of the grid of prompts.
        confidence_threshold: of instances that count for mIoU; None where that is not measured.
        boxes: `"inclusive"` as the paper scores them, from the first pixel to the last, or
            `"pixels"` as COCO has them, one pixel more. Earlier versions knew only the former.
        crops: parts of the images that are looked at besides the whole; earlier versions knew none.
    """

    protocol: str
    models: str
    encoder: str
    segmenter: str
    mode: str
    points_per_side: int
    confidence_threshold: float | None
    boxes: str = INCLUSIVE
    crops: int = 0


@runtime_checkable
class BenchmarkDraws(Protocol):
    """Draws of one set-up, finished or not: what a summary needs of a benchmark."""

    @property
    def setup(self) -> Setup:
        """What the draws have in common."""

    @property
    def draws(self) -> tuple[Draw, ...]:
        """Those finished."""


def differences(first: Setup, second: Setup) -> list[str]:
    """Where two set-ups differ, as text."""
    pairs: Iterable[tuple[str, Any]] = asdict(first).items()
    other = asdict(second)
    return [f"{k}: {value} -> {other[k]}" for k, value in pairs if value != other[k]]
