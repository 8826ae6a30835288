"""Labels that have a mask or an inside, but no pixel in their image."""

from __future__ import annotations

from collections.abc import Callable

import fiftyone as fo
import numpy as np

BOX = [0.25, 0.25, 0.25, 0.5]
_FULL = np.ones((5, 5), dtype=bool)


def _detection(box: list[float] | None, mask: np.ndarray) -> Callable[..., fo.Detection]:
    return lambda **more: fo.Detection(bounding_box=box, mask=mask, **more)


def _polyline(points: list[list[tuple[float, float]]] | None) -> Callable[..., fo.Polyline]:
    return lambda **more: fo.Polyline(points=points, filled=True, **more)


DETECTIONS = {
    "a mask of 0 x 0": _detection(BOX, np.zeros((0, 0), dtype=bool)),
    "a mask of 5 x 0": _detection(BOX, np.zeros((5, 0), dtype=bool)),
    "a mask that is all false": _detection(BOX, ~_FULL),
    "a mask of NaN": _detection(BOX, np.full((5, 5), np.nan)),
    "no box": _detection(None, _FULL),
    "a box of NaN": _detection([0.25, float("nan"), 0.25, 0.5], _FULL),
    "an infinite box": _detection([0.25, 0.25, float("inf"), 0.5], _FULL),
    "a box of three numbers": _detection(BOX[:3], _FULL),
    "a box beyond the image": _detection([1.5, 0.25, 0.25, 0.5], _FULL),
}

POLYLINES = {
    "no points": _polyline(None),
    "no shapes": _polyline([]),
    "a line": _polyline([[(0.1, 0.1), (0.5, 0.5)]]),
    "a point of NaN": _polyline([[(0.1, 0.1), (0.5, 0.1), (0.5, float("nan"))]]),
    "shapes beyond the image": _polyline([[(1.1, 0.1), (1.5, 0.1), (1.5, 0.5)]]),
    "no area": _polyline([[(0.1, 0.1), (0.5, 0.5), (0.1, 0.1)]]),
}

PIXELLESS = DETECTIONS | POLYLINES
"""What they are called, to a function that makes one, with further attributes."""
