"""Splits, shots and results as published ("No Time To Train", arXiv 2507.02798, and the protocols
it follows), as data."""

from __future__ import annotations

from dataclasses import dataclass

SEEDS = tuple(range(33, 43))
"""Ten, as published; which ten the paper used is not known, and its random generator is another."""

COCO_NOVEL = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "boat", "bird", "cat"),
    *("dog", "horse", "sheep", "cow", "bottle", "chair", "couch", "potted plant", "dining table"),
    "tv",
)
"""COCO few-shot: the 20 classes that PASCAL VOC has too."""

COCO_20I_FOLDS = 4
"""COCO-20i: fold i has the categories, in the order of their ids, at positions i, i + 4, ..."""

VOC_NOVEL = {
    1: ("bird", "bus", "cow", "motorbike", "sofa"),
    2: ("aeroplane", "bottle", "cow", "horse", "sofa"),
    3: ("boat", "cat", "motorbike", "sheep", "sofa"),
}

CD_FSOD = {
    "ArTaxOr": ("ArTaxOr",),
    "Clipart1k": ("clipart1k", "Clipart1k"),
    "DIOR": ("DIOR",),
    "DeepFish": ("FISH", "DeepFish"),
    "NEU-DET": ("NEU-DET",),
    "UODD": ("UODD",),
}
"""The six sets, with the folders they are published in."""

TOY_REFERENCES = {"bird": 429819, "boat": 101435}
TOY_TARGETS = (
    *(98636, 361948, 456065, 42279, 517410, 439274, 407180, 459673, 481301),
    460598,
)
"""Ids of COCO train2017 images."""


@dataclass(frozen=True)
class PublishedScore:
    """A published figure.

    Attributes:
        metric: what was measured, as this project names it.
        mean: in percent.
        std: over seeds, in percent; None where none is given.
        shots: None for the mean over all shots.
    """

    metric: str
    mean: float
    std: float | None = None
    shots: int | None = None

    def __str__(self) -> str:
        return f"{self.mean:.1f}" + ("" if self.std is None else f" ± {self.std:.1f}")


_COCO = {
    1: (24.5, 1.5, 22.9, 1.6),
    2: (29.5, 2.0, 27.5, 1.9),
    3: (32.3, 1.3, 30.1, 1.3),
    5: (34.4, 0.8, 32.1, 0.7),
    10: (35.9, 0.5, 33.4, 0.5),
    30: (37.0, 0.2, 34.4, 0.2),
}

PUBLISHED = {
    "coco-fewshot": tuple(
        score
        for shots, (box, box_std, mask, mask_std) in _COCO.items()
        for score in (
            PublishedScore("boxes AP", box, box_std, shots),
            PublishedScore("masks AP", mask, mask_std, shots),
        )
    ),
    "voc": (PublishedScore("boxes AP50", 71.2),),
    "cd-fsod": tuple(
        PublishedScore("boxes AP", mean, None, shots)
        for shots, mean in ((1, 18.0), (5, 22.4), (10, 21.4))
    ),
    "toy": (
        PublishedScore("boxes AP", 47.8, None, 1),
        PublishedScore("masks AP", 45.8, None, 1),
    ),
}
"""By protocol, of all its parts together: the three splits of VOC, the six sets of CD-FSOD."""
