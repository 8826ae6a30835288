"""A few of many, evenly spread."""

from __future__ import annotations

import numpy as np


def spread_rows(total: int, count: int) -> list[int]:
    """At most so many of the rows 0 to `total - 1`, evenly spread, the first and last among them.

    Example:
        >>> spread_rows(10, 4)
        [0, 3, 6, 9]
    """
    return [int(row) for row in np.linspace(0, total - 1, min(count, total)).round()]
