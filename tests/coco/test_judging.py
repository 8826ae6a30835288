"""Which predictions count as right, and which say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fiftyone_ntt.coco.judging import (
    judged_by_labels,
    judged_by_references,
    judged_by_the_rest,
)
from fiftyone_ntt.coco.scorer import Candidate
from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.rle import encode_masks, rle_boxes

CLASSES = ("a", "b")


def strip(start: int, stop: int) -> np.ndarray:
    """A mask that takes some of the columns of a picture of 10 x 100."""
    mask = np.zeros((10, 100), bool)
    mask[:, start:stop] = True
    return mask


def truth(label: str, start: int, stop: int) -> Candidate:
    [mask] = encode_masks(strip(start, stop)[None])
    return Candidate(label, mask, (start, 0, stop - start, 10), 10.0 * (stop - start))


def found(*rows: tuple[int, float, int, int]) -> Match:
    """Predictions by class, score and columns."""
    masks = encode_masks(np.stack([strip(start, stop) for _, _, start, stop in rows]))
    labels = np.array([row[0] for row in rows], dtype=np.int64)
    scores = np.array([row[1] for row in rows], dtype=np.float32)
    nothing = np.zeros(len(rows), dtype=np.int64)
    return Match(
        labels, scores, masks, rle_boxes(masks), nothing - 1, scores, nothing, np.arange(len(rows))
    )


REFERENCE, OTHER = truth("a", 0, 20), truth("b", 60, 80)
MATCH = found(
    (0, 0.9, 0, 20),  # the reference
    (0, 0.8, 1, 20),  # again
    (1, 0.7, 2, 19),  # as another class
    (0, 0.6, 5, 10),  # a part of it
    (0, 0.5, 10, 60),  # mostly something else
    (1, 0.4, 60, 78),  # the other object
    (0, 0.3, 40, 50),  # nothing
)


def test_on_a_labelled_image_everything_is_judged() -> None:
    judged = judged_by_labels(MATCH, CLASSES, [REFERENCE, OTHER], 7)
    assert judged.right.tolist() == [True, False, False, False, False, True, False]
    assert judged.images.tolist() == [7] * 7 and judged.labels.tolist() == MATCH.labels.tolist()
    assert judged.scores == pytest.approx(MATCH.scores)


def test_a_mask_of_less_than_half_is_wrong() -> None:
    match = found((0, 0.9, 0, 9), (0, 0.8, 0, 11))
    assert judged_by_labels(match, CLASSES, [REFERENCE], 0).right.tolist() == [False, True]


def test_predictions_on_a_crowd_do_not_count() -> None:
    crowd = replace(OTHER, crowd=True)
    judged = judged_by_labels(MATCH, CLASSES, [REFERENCE, crowd], 0)
    assert judged.scores == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.3])


def test_by_a_reference_only_what_is_about_it_is_judged() -> None:
    judged = judged_by_references(MATCH, CLASSES, [REFERENCE], 0)
    assert judged.scores == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert judged.right.tolist() == [True, False, False, False]


def test_by_the_rest_all_but_that() -> None:
    judged = judged_by_the_rest(MATCH, CLASSES, [REFERENCE, OTHER], [REFERENCE], 0)
    assert judged.scores == pytest.approx([0.5, 0.4, 0.3])
    assert judged.right.tolist() == [False, True, False]


def test_an_image_without_predictions_or_objects() -> None:
    nothing = found((0, 0.1, 0, 1))
    empty = Match(*(getattr(nothing, name)[:0] for name in nothing.__dataclass_fields__))
    assert len(judged_by_labels(empty, CLASSES, [REFERENCE], 0)) == 0
    assert len(judged_by_references(empty, CLASSES, [REFERENCE], 0)) == 0
    assert not judged_by_labels(MATCH, CLASSES, [], 0).right.any()
