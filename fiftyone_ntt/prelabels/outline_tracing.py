"""The outlines of masks, along the edges of their pixels.

Read as pycocotools draws polygons they give the same pixels again. Most tools trace through the
middles of pixels instead, and lose half a pixel on every side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

Outline = Int64[np.ndarray, "_corners 2"]
"""x and y of corners in turn."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """The outlines of a mask.

    Attributes:
        outer: around its parts; pixels that touch at a corner are of one part.
        holes: around what it encloses.
    """

    outer: list[Outline]
    holes: list[Outline]


def trace(mask: Bool[np.ndarray, "h w"]) -> Outlines:
    """The outlines of a mask; x and y count pixels' edges from the left and top.

    Example:
        >>> found = trace(np.array([[1, 1, 0], [1, 1, 1]], dtype=bool))
        >>> found.outer[0].tolist()
        [[0, 0], [2, 0], [2, 1], [3, 1], [3, 2], [0, 2]]
    """
    rows, columns, across, down = _corners(mask)
    outer: list[Outline] = []
    holes: list[Outline] = []
    seen = np.zeros(len(rows), dtype=bool)
    for start in range(len(rows)):
        if seen[start]:
            continue
        loop, node = [], start
        while not seen[node]:
            other = across[node]
            loop += [node, other]
            seen[node] = seen[other] = True
            node = down[other]
        outline = np.stack([columns[loop], rows[loop]], axis=1)
        # Corners are in order of their rows, then columns: the first is the topmost, leftmost.
        x, y = outline[0].tolist()
        (outer if mask[y, x] else holes).append(outline)
    return Outlines(outer, holes)


def _corners(
    mask: Bool[np.ndarray, "h w"],
) -> tuple[
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
]:
    """Corners by row, then column: those, the corner at the other end of the level edge, and of
    the upright one. Where two pixels touch at a corner only, there are two corners."""
    padded = np.pad(mask, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    count = a.astype(np.int8) + b + c + d
    falling, rising = a & d & ~b & ~c, b & c & ~a & ~d
    twice = falling | rising
    y, x = np.nonzero((count % 2 == 1) | twice)
    copies = 1 + twice[y, x].astype(np.int64)
    rows, columns = np.repeat(y, copies), np.repeat(x, copies)
    second = np.zeros(len(rows), dtype=np.int64)
    second[1:] = (rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1])
    # Of two corners the first has the edge to the left. Pixels hang together over the corner, so
    # where they fall from left to right it has the edge below too, else that above.
    upper_first = np.where(falling[rows, columns], 1 - second, second)
    across = _partners(np.lexsort((second, columns, rows)))
    down = _partners(np.lexsort((upper_first, rows, columns)))
    return rows, columns, across, down


def _partners(order: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Each corner's neighbour, where every two that follow each other are the ends of an edge."""
    partners = np.empty_like(order)
    partners[order[0::2]], partners[order[1::2]] = order[1::2], order[0::2]
    return partners


def joined(outlines: Outlines) -> Outline:
    """All outlines of a mask as one, by seams that have no width: each is gone along twice.

    What lies inside an odd number of windings, as pycocotools fills a polygon, is the mask.
    """
    whole, *others = [*outlines.outer, *outlines.holes]
    for other in others:
        near, far = _some(len(whole)), _some(len(other))
        apart = np.abs(whole[near, None] - other[None, far]).sum(axis=2)
        row, column = np.unravel_index(int(apart.argmin()), apart.shape)
        here, there = int(near[row]), int(far[column])
        around = np.roll(other, -there, axis=0)
        whole = np.concatenate([whole[: here + 1], around, around[:1], whole[here:]])
    return whole


def _some(count: int) -> Int64[np.ndarray, " n"]:
    """Places to look for short seams at, which need not be the shortest."""
    return np.arange(0, count, 1 + count // _MOST_ENDS)


_MOST_ENDS = 500
