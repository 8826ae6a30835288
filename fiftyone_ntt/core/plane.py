"""The plane in which features are looked at: fitted on references, and then the same for all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32

from fiftyone_ntt.core.statistics import principal_components


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane through the mean of the features it was fitted on.

    Attributes:
        mean: of the features.
        axes: unit rows by falling variance; zeros where there were too few features for an axis.
    """

    mean: Float32[np.ndarray, " C"]
    axes: Float32[np.ndarray, "2 C"]

    def project(self, rows: Float32[np.ndarray, "N C"]) -> Float32[np.ndarray, "N 2"]:
        """Where features lie in the plane; they need not be those it was fitted on."""
        return np.asarray((rows - self.mean) @ self.axes.T, dtype=np.float32)


def fit_plane(rows: Float32[np.ndarray, "N C"]) -> Plane:
    """The plane of the first two principal components of features, such as a bank's references.

    Args:
        rows: features, at least one.

    Returns:
        Axes by falling variance, each signed so that its largest entry is positive: the same
        features give the same picture.

    Example:
        >>> rows = np.array([[0, 0, 5], [2, 0, 5], [4, 0, 5]], np.float32)
        >>> fit_plane(rows).project(rows)[:, 0].tolist()
        [-2.0, 0.0, 2.0]
    """
    return _fitted(_Features(rows))


class _Features:
    """Features that equal others of the same content: a bank of which a class was changed is looked
    at in the plane it had, without waiting for the same plane again."""

    def __init__(self, rows: Float32[np.ndarray, "N C"]) -> None:
        self.rows: Float32[np.ndarray, "N C"] | None = rows
        self._content = rows.shape, hashlib.sha256(rows.tobytes()).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Features) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)


@lru_cache(maxsize=4)
def _fitted(features: _Features) -> Plane:
    rows, features.rows = features.rows, None  # it stays as a key, and its rows need not
    assert rows is not None
    mean, components = principal_components(rows)
    return Plane(mean, components[:2])
