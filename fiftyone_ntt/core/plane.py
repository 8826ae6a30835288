"""The plane in which features are looked at: fitted on references, and then the same for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiftyone_ntt.core.statistics import principal_components

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane through the mean of the features it was fitted on.

    Attributes:
        mean: float32 `[C]`.
        axes: float32 `[2, C]`, unit rows by falling variance; zeros where there were too
            few features for an axis.
    """

    mean: Floats
    axes: Floats

    def project(self, rows: Floats) -> Floats:
        """Where features lie in the plane, `[N, C]` to `[N, 2]`; they need not be those it was
        fitted on."""
        points: Floats = np.asarray((rows - self.mean) @ self.axes.T, dtype=np.float32)
        return points


def fit_plane(rows: Floats) -> Plane:
    """The plane of the first two principal components of features, such as a bank's references.

    Args:
        rows: float32 `[N, C]`, at least one.

    Returns:
        Axes by falling variance, each signed so that its largest entry is positive: the same
        features give the same picture.

    Example:
        >>> rows = np.array([[0, 0, 5], [2, 0, 5], [4, 0, 5]], np.float32)
        >>> fit_plane(rows).project(rows)[:, 0].tolist()
        [-2.0, 0.0, 2.0]
    """
    mean, components = principal_components(rows)
    return Plane(mean, components[:2])
