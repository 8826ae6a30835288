"""How much two detections of one image have in common, as they lie in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import RLE, encode_crop
from fiftyone_ntt.dataset.labels.masks import Size, detection_crop, label_box, relative_box
from fiftyone_ntt.dataset.labels.stored_labels import StoredLabel, unpack_array

Label = Mapping[str, Any]

_BOX_SIDE = 1000
"""Side of the grid on which boxes alone are compared."""


def best_ious(labels: Sequence[Label], others: Sequence[Label]) -> list[float]:
    """The highest IoU of each label's mask with the masks of `others`; boxes alone count filled.

    The image's size is taken from a mask of `labels`: a run's masks lie on the image's pixels.

    Args:
        labels: detections of one image.
        others: of the same image.
    """
    if not labels or not others:
        return [0.0] * len(labels)
    size = _image_size([*labels, *others])
    ious = coco_mask.iou(
        [_drawn(label, size) for label in labels],
        [_drawn(other, size) for other in others],
        [0] * len(others),
    )
    best: list[float] = np.asarray(ious).max(axis=1).tolist()
    return best


def _image_size(labels: Sequence[Label]) -> Size:
    for label in labels:
        packed, box = label.get("mask"), relative_box(StoredLabel(label))
        if packed is not None and box is not None and min(box[2:]) > 0:
            rows, columns = unpack_array(packed).shape[:2]
            if rows and columns:
                return round(rows / box[3]), round(columns / box[2])
    return _BOX_SIDE, _BOX_SIDE


def _drawn(label: Label, size: Size) -> RLE:
    stored = StoredLabel(label)
    placed = detection_crop(stored, size)
    if placed is None:
        x, y, width, height = label_box(stored, size)
        left, top = max(round(x), 0), max(round(y), 0)
        right, bottom = min(round(x + width), size[1]), min(round(y + height), size[0])
        placed = np.ones((max(bottom - top, 0), max(right - left, 0)), dtype=bool), (top, left)
    return encode_crop(*placed, size)
