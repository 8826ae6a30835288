"""Masks without the crumbs that a segmenter leaves: small separate pieces, and holes.

The published method draws masks as they come out of the segmenter; so does every mode unless
`MatchSettings` asks for this.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Int64

from fiftyone_ntt.core.rle import RLE, decode_crops, encode_crop


def clean_masks(
    masks: Sequence[RLE],
    boxes: Int64[np.ndarray, "N 4"],
    *,
    least_island: float = 0.0,
    fill_holes: bool = False,
) -> list[RLE]:
    """Masks without small islands, and without holes.

    Args:
        masks: `N` run-length encodings of one size, none empty.
        boxes: inclusive pixel extrema of the masks.
        least_island: pieces of less than this share of the mask's pixels go, 0..1; the largest
            always stays. Pixels that touch at a corner are of one piece.
        fill_holes: whether background that the mask encloses becomes part of it; background that
            touches other background at a corner is not enclosed.

    Returns:
        `N` encodings, none empty.

    Example:
        >>> from fiftyone_ntt.core.rle import decode_mask, encode_masks, rle_boxes
        >>> mask = np.zeros((1, 5, 9), dtype=bool)
        >>> mask[0, :, :5], mask[0, 2, 2], mask[0, 0, 8] = True, False, True
        >>> rles = encode_masks(mask)
        >>> [cleaned] = clean_masks(rles, rle_boxes(rles), least_island=0.1, fill_holes=True)
        >>> decode_mask(cleaned).sum(), decode_mask(cleaned)[:, :5].all()
        (np.int64(25), np.True_)
    """
    cleaned = []
    crops = decode_crops(masks, boxes)
    for mask, crop, (x1, y1, _, _) in zip(masks, crops, boxes.tolist(), strict=True):
        better = _without_islands(crop, least_island) if least_island else crop
        better = _filled(better) if fill_holes else better
        unchanged = better is crop
        cleaned.append(mask if unchanged else encode_crop(better, (y1, x1), tuple(mask["size"])))
    return cleaned


def _without_islands(mask: Bool[np.ndarray, "h w"], least: float) -> Bool[np.ndarray, "h w"]:
    _, pieces, figures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = figures[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    kept = areas >= least * areas.sum()
    kept[areas.argmax()] = True
    kept[0] = False
    return mask if kept[1:].all() else kept[pieces]


def _filled(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    # With a border of background all of what is outside hangs together, as piece 1.
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    count, pieces = cv2.connectedComponents(outside, connectivity=8)
    return mask if count == 2 else (pieces != pieces[0, 0])[1:-1, 1:-1]
