"""Semantic scores out of instances, in the style of COCO-20i: mean IoU of the classes' pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Int64

from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.instances import drawn
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.errors import InputError

OnTop = Literal["confident", "later"]
"""Which of two instances covers the other."""

_BACKGROUND = 0


@dataclass(frozen=True)
class SemanticScores:
    """Pixel overlap by class, over all images together.

    Attributes:
        classes: IoU in 0..1 by class name, of the classes with a true pixel.
        background: IoU of what belongs to no class; -1 where there is none.
    """

    classes: dict[str, float]
    background: float

    @property
    def mean(self) -> float:
        """mIoU: the mean over the classes, without the background; -1 without any."""
        return float(np.mean(list(self.classes.values()))) if self.classes else -1.0

    def __str__(self) -> str:
        return f"mIoU {100 * self.mean:.1f} over {len(self.classes)} classes"


def semantic_scores(
    truth: Record,
    predictions: Sequence[Record],
    *,
    confidence_threshold: float = 0.0,
    on_top: OnTop = "confident",
) -> SemanticScores:
    """Draw the instances of each image into one map of classes, and compare it with the true one.

    A pixel has one class: what is drawn later covers what is there. True instances are drawn in the
    order of the file, crowds like any other. Intersections and unions are summed over all images
    before they are divided, as COCO-20i does.

    Args:
        truth: `images` (with `height` and `width`), `categories` and `annotations` with
            segmentations, as in a COCO file.
        predictions: COCO results.
        confidence_threshold: only results of at least this score are drawn, 0..1.
        on_top: the order in which an image's results are drawn: `"confident"`, by rising score, so
            that the most confident covers the others (of equal scores, the later); or `"later"`, as
            listed.

    Raises:
        InputError: a mask of another size than its image, an image without size, an annotation
            without segmentation, or no such order.

    Example:
        >>> square = {"size": [2, 2], "counts": [0, 4]}
        >>> label = {"image_id": 1, "category_id": 3, "segmentation": square}
        >>> truth = {
        ...     "images": [{"id": 1, "height": 2, "width": 2}],
        ...     "categories": [{"id": 3, "name": "boat"}],
        ...     "annotations": [label],
        ... }
        >>> semantic_scores(truth, [{**label, "score": 0.9}]).mean
        1.0
    """
    if on_top not in get_args(OnTop):
        raise InputError(f"on_top is {on_top!r}. Pass 'confident' or 'later'.")
    rows = {category["id"]: i for i, category in enumerate(truth["categories"], start=1)}
    drawn = [row for row in predictions if row["score"] >= confidence_threshold]
    if on_top == "confident":
        drawn.sort(key=lambda row: row["score"])
    true_of, found_of = _by_image(truth["annotations"]), _by_image(drawn)
    pairs = np.zeros((len(rows) + 1, len(rows) + 1), dtype=np.int64)
    for image in truth["images"]:
        size = _size(image)
        true = _class_map(true_of[image["id"]], rows, size)
        found = _class_map(found_of[image["id"]], rows, size)
        both = np.bincount(true.ravel() * len(pairs) + found.ravel(), minlength=pairs.size)
        pairs += both.reshape(pairs.shape)
    shared, true_pixels = np.diag(pairs), pairs.sum(axis=1)
    union = true_pixels + pairs.sum(axis=0) - shared
    return SemanticScores(
        {
            category["name"]: float(shared[rows[category["id"]]] / union[rows[category["id"]]])
            for category in truth["categories"]
            if true_pixels[rows[category["id"]]]
        },
        float(shared[_BACKGROUND] / union[_BACKGROUND]) if union[_BACKGROUND] else -1.0,
    )


def _by_image(rows: Iterable[Record]) -> dict[Any, list[Record]]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for row in rows:
        groups[row["image_id"]].append(row)
    return groups


def _size(image: Record) -> tuple[int, int]:
    try:
        return int(image["height"]), int(image["width"])
    except KeyError as error:
        raise InputError(
            f"the entry of image {image['id']} lacks {error}, so its pixels cannot be counted. Add "
            "'height' and 'width'."
        ) from error


def _class_map(
    instances: Iterable[Record], rows: dict[int, int], size: tuple[int, int]
) -> Int64[np.ndarray, "{size[0]} {size[1]}"]:
    """Row of the class of each pixel; what comes later covers what came before."""
    canvas = np.full(size, _BACKGROUND, dtype=np.int64)
    findings = Findings(as_it_stands=True)
    for instance in instances:
        name = str(instance.get("id", f"of image {instance['image_id']}"))
        if not instance.get("segmentation"):
            raise InputError(
                f"annotation {name} has no segmentation, so it covers no pixel. Semantic scores "
                "need masks; make them with `boxes_to_masks`."
            )
        rle = drawn(f"annotation {name}", instance["segmentation"], size, findings)
        assert rle is not None  # there is a segmentation
        canvas[decode_mask(rle)] = rows[instance["category_id"]]
    return canvas
