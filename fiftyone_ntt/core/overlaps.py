"""How much each pair of an image's masks has in common: what soft merging needs (method 7).

It depends on the masks alone, so it is computed once, with the proposals, and serves every bank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import RLE

_STRIP = 32


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The areas of `N` masks and of their intersections.

    Attributes:
        areas: pixels of each mask at image size.
        pairs: masks that share a pixel, each pair once and the lower index first.
        pixels: how many pixels they share.
    """

    areas: Int64[np.ndarray, " N"]
    pairs: Int64[np.ndarray, "P 2"]
    pixels: Int64[np.ndarray, " P"]

    def __len__(self) -> int:
        """How many masks."""
        return len(self.areas)

    def among(self, rows: Int64[np.ndarray, " D"]) -> Overlaps:
        """The overlaps of some of the masks, numbered as in `rows`.

        Args:
            rows: which masks, in any order, none twice.
        """
        place = np.full(len(self.areas), -1)
        place[rows] = np.arange(len(rows))
        pairs = place[self.pairs]
        within = (pairs >= 0).all(axis=1)
        return Overlaps(self.areas[rows], np.sort(pairs[within], axis=1), self.pixels[within])

    def iou_above(self, threshold: float) -> Bool[np.ndarray, "N N"]:
        """Which masks have an IoU above a threshold; symmetric, False on the diagonal.

        Args:
            threshold: 0..1.
        """
        first, second = self.pairs.T
        unions = self.areas[first] + self.areas[second] - self.pixels
        alike = self.pairs[self.pixels > threshold * unions]
        found = np.zeros((len(self), len(self)), dtype=bool)
        found[alike[:, 0], alike[:, 1]] = found[alike[:, 1], alike[:, 0]] = True
        return found


def mask_overlaps(masks: Sequence[RLE]) -> Overlaps:
    """The overlaps of some masks of one image.

    Args:
        masks: `N` run-length encodings of one size, possibly empty.

    Example:
        >>> from fiftyone_ntt.core.rle import encode_masks
        >>> masks = np.zeros((2, 4, 8), dtype=bool)
        >>> masks[0, :, :4] = masks[1, :, 2:6] = True
        >>> found = mask_overlaps(encode_masks(masks))
        >>> found.areas.tolist(), found.pairs.tolist(), found.pixels.tolist()
        ([16, 16], [[0, 1]], [8])
    """
    # One by one: pycocotools 2.0.11 under NumPy 2 fails on a list of more than 255.
    areas = np.array([coco_mask.area(mask) for mask in masks], dtype=np.int64)
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    pixels = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(masks), _STRIP):
        rows = masks[start : start + _STRIP]
        # Intersection over the row's own area is what pycocotools computes against "crowds"; its
        # bounding-box culling makes disjoint masks free.
        shares = coco_mask.iou(list(rows), list(masks[start:]), [1] * (len(masks) - start))
        row, column = np.nonzero(np.triu(shares, k=1))
        pairs.append(np.stack([row, column], axis=1) + start)
        pixels.append(np.rint(shares[row, column] * areas[start + row]).astype(np.int64))
    return Overlaps(areas, np.concatenate(pairs), np.concatenate(pixels))
