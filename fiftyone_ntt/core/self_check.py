"""Whether a reference is found on its own image by a bank of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.rle import RLE

FOUND = 0.5
"""IoU from which a predicted mask is that of a reference."""


@dataclass(frozen=True)
class SelfCheck:
    """What became of a reference.

    Attributes:
        label: the class that the others give it; None where no mask is that of it.
        iou: of the mask with that label and the reference's; the highest of all where none is it.
        score: of that mask, 0 where none is it.
    """

    label: str | None
    iou: float
    score: float


def check_reference(match: Match, classes: tuple[str, ...], mask: RLE) -> SelfCheck:
    """Look for a reference among what was found on its image.

    Args:
        match: by a bank without the references of that image.
        classes: of that bank.
        mask: of the reference.
    """
    if not len(match):
        return SelfCheck(None, 0.0, 0.0)
    ious = np.asarray(coco_mask.iou(match.masks, [mask], [0]))[:, 0]
    rows = np.flatnonzero(ious >= FOUND)
    if not len(rows):
        return SelfCheck(None, float(ious.max()), 0.0)
    best = int(rows[match.scores[rows].argmax()])
    return SelfCheck(classes[match.labels[best]], float(ious[best]), float(match.scores[best]))
