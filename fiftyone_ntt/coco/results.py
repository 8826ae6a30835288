"""Matches as COCO results."""

from __future__ import annotations

from typing import Any

from fiftyone_ntt.coco.reading import ImageId
from fiftyone_ntt.core.matching import Match


def coco_results(
    match: Match, image_id: ImageId, category_ids: list[int], *, inclusive: bool = False
) -> list[dict[str, Any]]:
    """COCO results of one image, best score first.

    Args:
        match: the image's labelled instances.
        image_id: its id in the input file.
        category_ids: category id of each class index of the bank.
        inclusive: boxes as the paper scores them, from the first pixel to the last: one pixel
            less than COCO's, which reach the last pixel's far edge (method 7).

    Returns:
        per instance `image_id`, `category_id`, `bbox` (`[x, y, width, height]` in pixels), `score`
        and `segmentation` (compressed run lengths at image size).
    """
    edge = 0 if inclusive else 1
    return [
        {
            "image_id": image_id,
            "category_id": category_ids[label],
            "bbox": [x1, y1, x2 - x1 + edge, y2 - y1 + edge],
            "score": score,
            "segmentation": {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")},
        }
        for label, score, (x1, y1, x2, y2), mask in zip(
            match.labels.tolist(),
            match.scores.tolist(),
            match.boxes.tolist(),
            match.masks,
            strict=True,
        )
    ]
