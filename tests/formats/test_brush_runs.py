"""Label Studio's brush: bytes that its own library wrote, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiftyone_ntt.core.foreign_masks import UnreadableMask
from fiftyone_ntt.formats.brush_runs import brush_mask
from tests.formats.brush_writer import brush_runs

WRITTEN = [
    0,
    0,
    0,
    120,
    57,
    27,
    254,
    27,
    0,
    191,
    145,
    56,
    4,
    121,
    19,
    128,
    71,
    145,
    56,
    5,
    252,
    140,
    54,
    0,
]
"""`mask2rle` of label-studio-sdk 2.1.2, of the mask of `PIXELS` times 200."""
PIXELS = ["......", ".####.", ".#..#.", ".####.", "......"]


def test_what_the_tools_own_library_wrote() -> None:
    expected = np.array([[pixel == "#" for pixel in row] for row in PIXELS])
    assert np.array_equal(brush_mask(WRITTEN, (5, 6)), expected)
    alpha = (expected * 200).astype(np.uint8)
    assert brush_runs(alpha) == WRITTEN


@pytest.mark.parametrize("widths", [(3, 4, 8, 16), (1, 2, 3, 9)])
@pytest.mark.parametrize("singly", [False, True])
def test_masks_come_back(widths: tuple[int, ...], singly: bool) -> None:
    random = np.random.default_rng(0)
    for share in (0.02, 0.5, 0.98):
        alpha = (random.random((37, 53)) < share) * random.integers(1, 256, (37, 53))
        written = brush_runs(alpha.astype(np.uint8), widths, singly=singly)
        assert np.array_equal(brush_mask(written, (37, 53)), alpha > 0)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (None, "no list of bytes"),
        ([], "no list of bytes"),
        (WRITTEN[:6], "no list of bytes"),
        (WRITTEN[:-9], "cut short"),
        ([*WRITTEN[:-1], 300], "no list of bytes"),
        ([*WRITTEN[:-1], "a"], "no list of bytes"),
        ([[1], [2]], "no list of bytes"),
        ([255] * 40, "holds 4294967295 values"),
        ([*WRITTEN[:4], 255, *WRITTEN[5:]], "values of 32 bits"),
        ([*WRITTEN[:7], *[255] * 40], "beyond the image"),
    ],
)
def test_what_is_refused(encoded: Any, reason: str) -> None:
    with pytest.raises(UnreadableMask, match=reason):
        brush_mask(encoded, (5, 6))
