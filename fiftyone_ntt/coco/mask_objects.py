"""Masks as the objects that a scorer by masks takes."""

from __future__ import annotations

from collections.abc import Sequence

from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.scorer import Candidate
from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.rle import RLE


def objects_of(
    masks: Sequence[RLE], labels: Sequence[str], scores: Sequence[float] | None = None
) -> list[Candidate]:
    """Objects as scorers by masks take them, which do not look at boxes.

    Args:
        masks: at image size.
        labels: the class name of each.
        scores: of predicted ones.
    """
    return [
        Candidate(label, mask, (0, 0, 0, 0), float(coco_mask.area(mask)), score=score)
        for mask, label, score in zip(masks, labels, scores or [0.0] * len(masks), strict=True)
    ]


def predicted_objects(match: Match, classes: Sequence[str]) -> list[Candidate]:
    """What was found on an image, in its order.

    Args:
        match: of the image.
        classes: of the bank that it was matched with.
    """
    labels = [classes[label] for label in match.labels.tolist()]
    return objects_of(match.masks, labels, match.scores.tolist())
