"""Rectangles and ellipses that stand askew, as polygons."""

from __future__ import annotations

import math

ELLIPSE_STEP = 5
"""Degrees from corner to corner, as VIA's COCO export has it: an ellipse loses 0.13 % of its area
so, and no more than a thousandth of its half axes anywhere."""


def rectangle_corners(
    x: float, y: float, width: float, height: float, degrees: float, *, about_centre: bool
) -> list[float]:
    """x and y of the corners in turn of a rectangle that is turned clockwise.

    Args:
        x: left, before it is turned.
        y: top, likewise.
        width: in pixels.
        height: in pixels.
        degrees: how far.
        about_centre: turned about its centre, as CVAT does; else about its top left corner, as
            Label Studio does.

    Example:
        >>> [round(value) for value in rectangle_corners(4, 4, 2, 6, 90, about_centre=True)]
        [8, 6, 8, 8, 2, 8, 2, 6]
    """
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    pivot = (width / 2, height / 2) if about_centre else (0.0, 0.0)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found: list[float] = []
    for across, down in corners:
        dx, dy = across - pivot[0], down - pivot[1]
        found += [
            x + pivot[0] + cosine * dx - sine * dy,
            y + pivot[1] + sine * dx + cosine * dy,
        ]
    return found


def ellipse_corners(x: float, y: float, across: float, down: float, degrees: float) -> list[float]:
    """x and y of points of an ellipse, `ELLIPSE_STEP` apart.

    Args:
        x: of its centre.
        y: likewise.
        across: half axis that is level before it is turned.
        down: the other one.
        degrees: how far it is turned, clockwise.

    Example:
        >>> [round(value) for value in ellipse_corners(10, 10, 4, 2, 90)[:2]]
        [10, 14]
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found: list[float] = []
    for angle in range(0, 360, ELLIPSE_STEP):
        dx, dy = across * math.cos(math.radians(angle)), down * math.sin(math.radians(angle))
        found += [x + cosine * dx - sine * dy, y + sine * dx + cosine * dy]
    return found
