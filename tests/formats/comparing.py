"""What was read held against what was written."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool

from tests.formats.reading_back import Found


def same_masks(
    found: Iterable[Found], expected: Iterable[tuple[str, Bool[np.ndarray, "H W"]]]
) -> bool:
    """Whether objects have these classes and pixels, in any order; boxes alone have none."""
    left = [(item.label, b"" if item.mask is None else item.mask.tobytes()) for item in found]
    right = [(label, mask.tobytes()) for label, mask in expected]
    return sorted(left) == sorted(right)
