"""What options are tried on: labelled images, and banks of references that lie on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.coco.scorer import Candidate
from fiftyone_ntt.core.bank import MemoryBank


@dataclass(frozen=True, eq=False)
class TrialImage:
    """A target and its truth.

    Attributes:
        key: of its proposals in a store.
        truth: its labelled objects, by class name.
        load: its pixels, RGB.
    """

    key: str
    truth: Sequence[Candidate]
    load: Callable[[], UInt8[np.ndarray, "H W 3"]]


@dataclass(frozen=True, eq=False)
class TrialContent:
    """Targets, and banks to try on them.

    Attributes:
        images: the targets.
        bank: of so many references per class, by seed; more shots extend a draw.
    """

    images: Sequence[TrialImage]
    bank: Callable[[int, int], MemoryBank]


@dataclass(frozen=True, eq=False)
class TrialData:
    """One set of labelled images.

    Attributes:
        name: of no other set of the same trial.
        identity: what decides its images, labels and references, in words: results of another
            are another's.
        open: reads or draws it, only where something is still to be done.
    """

    name: str
    identity: str
    open: Callable[[], TrialContent]
