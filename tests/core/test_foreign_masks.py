"""Polygons and run lengths of others: drawn as pycocotools does, or refused before it sees them.

No input here harms pycocotools: those refused lie just past the bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiftyone_ntt.core.foreign_masks import (
    UnreadableMask,
    checked_rle,
    checked_rles,
    polygons_rle,
)
from fiftyone_ntt.core.rle import decode_mask, encode_masks
from tests.core.test_rle import noise


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (24, 31), (200, 3), (700, 900)])
def test_whole_encodings_are_taken_compressed_or_not(size: tuple[int, int]) -> None:
    masks = noise(np.random.default_rng(sum(size) + 2), size, 12)
    masks[0], masks[1] = False, True
    for mask, rle in zip(masks, encode_masks(masks), strict=True):
        edges = np.flatnonzero(np.diff(mask.T.ravel(), prepend=False))
        runs = np.diff(edges, prepend=0, append=mask.size).tolist()
        assert checked_rle(rle) is rle
        assert checked_rle({**rle, "counts": rle["counts"].decode()}) == rle
        np.testing.assert_array_equal(
            decode_mask(checked_rle({"size": list(size), "counts": runs})), mask
        )


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([3, 4], "its runs cover 7 of 4 x 5 px"),
        ("34", "its runs cover 7 of 4 x 5 px"),
        (b"", "its runs cover 0 of 4 x 5 px"),
        ("PT", "its last run is cut short"),  # pycocotools would read on past the end
        ("5\x7f", "characters that no run length is written with"),
        ([21, -1], "one of its runs is negative"),
        ([2.5, 17.5], "no whole numbers"),
        ([True] * 20, "no whole numbers"),
        ([0, 0] * 30 + [20], "more runs than pixels"),
        ("0" * 300, "more runs than pixels"),
        ("o" * 12 + "0", "one of its runs is written in more than 12 digits"),
        ("é", "'ascii' codec"),
        (7, "its counts are 7, neither a list nor a text"),
    ],
)
def test_encodings_that_are_not_whole_are_refused(counts: Any, reason: str) -> None:
    with pytest.raises(UnreadableMask, match=reason):
        checked_rle({"size": [4, 5], "counts": counts})


def test_polygons_are_drawn_together() -> None:
    left, right = [0, 0, 3, 0, 3, 4, 0, 4], [2.0, 0.0, 5.0, 0.0, 5.0, 4.0, 2.0, 4.0]
    mask = decode_mask(polygons_rle([left, right], (6, 8)))
    expected = np.zeros((6, 8), bool)
    expected[:4, :5] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("polygons", [[], [[]], [[1, 2]], [["a"] * 6], [1, 2, 3, 4, 5, 6]], ids=str)
def test_what_is_no_polygon_is_refused(polygons: Any) -> None:
    with pytest.raises(UnreadableMask):
        polygons_rle(polygons, (6, 8))


def test_many_at_once_are_judged_as_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((40, 9, 12)) > rng.random((40, 1, 1))
    sound = [{**rle, "counts": rle["counts"].decode()} for rle in encode_masks(masks)]
    broken = [
        {"size": [9, 12], "counts": "l2"},  # a run short of its image's end
        {"size": [9, 12], "counts": "\\3o0"},  # and one that goes past it
        {"size": [9, 12.0], "counts": "\\3"},
        {"size": [9, 12], "counts": [108]},
        {"size": [9, 12], "counts": ""},
        None,
        [[1, 1, 5, 1, 5, 4]],
    ]
    found = checked_rles([*sound, *broken])
    assert found[: len(sound)] == [checked_rle(rle) for rle in sound]
    assert found[len(sound) :] == [None] * len(broken)
    for text in ("~", "0P", "é"):  # no digits, cut short, no text of that kind
        found = checked_rles([sound[0], {"size": [9, 12], "counts": text}])
        assert found[1] is None
    assert checked_rles([]) == []
