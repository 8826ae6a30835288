"""Matches as COCO results."""

from __future__ import annotations

from typing import Any

from fiftyone_ntt.coco.reading import ImageId
from fiftyone_ntt.core.matching import Match


def coco_results(match: Match, image_id: ImageId, category_ids: list[int]) -> list[dict[str, Any]]:
    """COCO results of one image, best score first.

    Args:
        match: the image's labelled instances.
        image_id: its id in the input file.
        category_ids: category id of each class index of the bank.

    Returns:
        per instance `image_id`, `category_id`, `bbox` (`[x, y, x2 - x1, y2 - y1]` of the inclusive
        pixel box), `score` and `segmentation` (compressed run lengths at image size).
    """
    return [
        {
            "image_id": image_id,
            "category_id": category_ids[label],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
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
