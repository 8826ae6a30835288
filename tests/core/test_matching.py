"""Labels, scores and ranks against the method written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fiftyone_ntt.core.class_scores import class_similarity
from fiftyone_ntt.core.matching import match, require_encoder
from fiftyone_ntt.core.overlaps import Overlaps, mask_overlaps
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.rle import RLE, decode_mask
from fiftyone_ntt.core.settings import MatchSettings, ProposalSettings
from fiftyone_ntt.errors import ModelError
from tests.core.toy_models import (
    BlindSegmenter,
    ToyEncoder,
    reference_rows,
    scene,
    toy_bank,
    toy_proposals,
)

TWO = toy_bank(("a", "b"), reference_rows([[1, 0], [0, 1]], [0, 1]))


def squares(*spans: tuple[int, int, int, int], size: tuple[int, int] = (20, 20)) -> NDArray:
    """One mask per x1, y1, x2, y2 (exclusive)."""
    masks = np.zeros((len(spans), *size), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, spans, strict=True):
        mask[y1:y2, x1:x2] = True
    return masks


def test_similarity_is_the_clamped_cosine_to_the_mean_of_the_references() -> None:
    rows = reference_rows([[2, 0, 0], [0, 2, 0], [0, 0, -1]], [0, 0, 1], weights=[1, 5, 1])
    features = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    found = class_similarity(features, toy_bank(("a", "b"), rows))
    np.testing.assert_allclose(found, [[math.sqrt(0.5), 0], [0, 0]], atol=1e-6)


def test_similarity_with_negatives_by_the_formula() -> None:
    references = reference_rows([[1, 0], [0, 1], [0.6, 0.8]], [0, 0, 1], weights=[3, 1, 2])
    negatives = reference_rows([[0, 2], [-1, 0.5]], [0, 0])
    bank = toy_bank(("a", "b"), references, negatives)
    feature = np.array([[0.28, 0.96]], np.float32)
    found = class_similarity(feature, bank, MatchSettings(negative_temperature=0.5))[0]
    positive = (0.28 * 3 + 0.96) / math.sqrt(10)  # weighted by patches: (3, 1)
    negative = 0.96  # the nearer of the two
    expected = positive * math.exp(-(negative - positive) / 0.5)
    assert found[0] == pytest.approx(expected, abs=1e-6)
    assert found[1] == pytest.approx(0.28 * 0.6 + 0.96 * 0.8, abs=1e-6)  # no negative of its own
    paper = class_similarity(feature, bank)[0, 0]
    assert paper == pytest.approx(positive * math.exp(-(negative - positive) / 0.8), abs=1e-6)


def test_a_farther_negative_changes_nothing() -> None:
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]), negatives=reference_rows([[0, 1]], [0]))
    found = class_similarity(np.array([[0.8, 0.6]], np.float32), bank)
    np.testing.assert_allclose(found, [[0.8]], atol=1e-6)


def test_match_describes_each_instance() -> None:
    references = reference_rows([[1, 0, 0], [0.6, 0.8, 0], [0, 0, 1]], [0, 0, 1])
    bank = toy_bank(("a", "b"), references)
    masks = squares((0, 0, 5, 4), (10, 10, 14, 19))
    found = match(toy_proposals(masks, [0.5, 0.9], [[0.6, 0.8, 0], [0.3, 0, 0.95]]), bank)
    assert found.labels.tolist() == [1, 0]
    assert found.proposals.tolist() == [1, 0]
    assert found.boxes.tolist() == [[10, 10, 13, 18], [0, 0, 4, 3]]
    assert found.nearest.tolist() == [2, 1]
    assert found.runners_up.tolist() == [0, 1]
    similarity = class_similarity(
        toy_proposals(masks, [1, 1], [[0.6, 0.8, 0], [0.3, 0, 0.95]]).features, bank
    )
    np.testing.assert_allclose(found.scores, [similarity[1, 1], similarity[0, 0]], atol=1e-6)
    np.testing.assert_allclose(
        found.margins,
        [similarity[1, 1] - similarity[1, 0], similarity[0, 0] - similarity[0, 1]],
        atol=1e-6,
    )
    np.testing.assert_array_equal(decode_mask(found.masks[0]), masks[1])


def test_the_nearest_reference_is_one_of_the_labels_class() -> None:
    rows = [[0.8, 0.6, 0], [0.8, -0.6, 0], [0.95, 0, 0.31], [-0.5, 0, 0.87]]
    bank = toy_bank(("a", "b"), reference_rows(rows, [0, 0, 1, 1]))
    found = match(toy_proposals(squares((0, 0, 3, 3)), [0.9], [[1, -0.1, 0]]), bank)
    assert found.labels.tolist() == [0]
    assert found.nearest.tolist() == [1]  # though the third is nearer


def test_suppression_goes_by_predicted_iou_not_by_similarity() -> None:
    masks = squares((0, 0, 10, 10), (0, 0, 10, 11))
    proposals = toy_proposals(masks, [0.9, 0.8], [[0.8, 0.6], [1, 0]])
    assert match(proposals, TWO).proposals.tolist() == [0]
    proposals = toy_proposals(masks, [0.8, 0.9], [[0.8, 0.6], [1, 0]])
    assert match(proposals, TWO).proposals.tolist() == [1]


def test_suppression_stays_within_a_class() -> None:
    masks = squares((0, 0, 10, 10), (0, 0, 10, 10))
    found = match(toy_proposals(masks, [0.9, 0.8], [[1, 0], [0, 1]]), TWO)
    assert sorted(found.labels.tolist()) == [0, 1]


def test_a_repeated_mask_is_dropped_when_nms_lets_it_pass() -> None:
    masks = squares((0, 0, 10, 10), (0, 0, 10, 10))
    proposals = toy_proposals(masks, [0.9, 0.8], [[3, 4], [3, 4]])
    found = match(proposals, TWO, MatchSettings(nms_threshold=1.0))
    assert found.proposals.tolist() == [0]
    assert np.isfinite(found.scores).all()


def test_overlaps_are_computed_of_candidates_alone_unless_they_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def counted(masks: list[RLE]) -> Overlaps:
        asked.append(len(masks))
        return mask_overlaps(masks)

    masks = squares((0, 0, 10, 10), (0, 0, 10, 11), (5, 0, 15, 10))
    proposals = toy_proposals(masks, [0.9, 0.8, 0.7], [[0.8, 0.6], [1, 0], [0.9, 0.1]])
    known = replace(proposals, known_overlaps=proposals.overlaps)
    monkeypatch.setattr("fiftyone_ntt.core.proposals.mask_overlaps", counted)
    fresh, again = match(proposals, TWO), match(known, TWO)
    assert asked == [2]
    assert fresh.proposals.tolist() == again.proposals.tolist() == [0, 2]
    np.testing.assert_array_equal(fresh.scores, again.scores)


def test_candidates_are_counted_before_score_0_is_dropped() -> None:
    masks = squares((0, 0, 3, 3), (5, 5, 8, 8), (10, 10, 13, 13))
    # The surest proposal resembles no class; with one candidate nothing is left.
    proposals = toy_proposals(masks, [0.9, 0.8, 0.7], [[-1, 0], [1, 0], [0, 1]])
    settings = MatchSettings(max_instances=1, candidates_per_instance=1)
    assert len(match(proposals, TWO, settings)) == 0
    settings = MatchSettings(max_instances=1, candidates_per_instance=2)
    assert match(proposals, TWO, settings).proposals.tolist() == [1]


def test_the_best_are_kept_and_ranked() -> None:
    masks = squares(*[(4 * i, 0, 4 * i + 3, 3) for i in range(5)])
    angles = [0.3, 0.1, 0.5, 0.2, 0.4]
    proposals = toy_proposals(masks, [0.9] * 5, [[math.cos(a), math.sin(a)] for a in angles])
    found = match(proposals, TWO, MatchSettings(max_instances=3))
    assert found.proposals.tolist() == [1, 3, 0]
    assert (np.diff(found.scores) <= 0).all()


def test_the_confidence_threshold_keeps_what_reaches_it() -> None:
    masks = squares((0, 0, 3, 3), (5, 5, 8, 8))
    proposals = toy_proposals(masks, [0.9, 0.8], [[1, 0], [0.8, 0.6]])
    assert len(match(proposals, TWO, MatchSettings(confidence_threshold=0.79))) == 2
    assert len(match(proposals, TWO, MatchSettings(confidence_threshold=0.81))) == 1
    assert len(match(proposals, TWO, MatchSettings(confidence_threshold=1.0))) == 1


def test_a_single_class_has_no_runner_up() -> None:
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    found = match(toy_proposals(squares((0, 0, 3, 3)), [0.9], [[0.8, 0.6]]), bank)
    assert found.runners_up.tolist() == [-1]
    np.testing.assert_allclose(found.margins, [0.8], atol=1e-6)


def test_an_empty_mask_is_dropped() -> None:
    masks = squares((0, 0, 0, 0), (5, 5, 8, 8))
    found = match(toy_proposals(masks, [0.9, 0.8], [[1, 0], [1, 0]]), TWO)
    assert found.proposals.tolist() == [1]


def test_nothing_found_and_nothing_alike_are_results() -> None:
    empty = propose(scene(0), BlindSegmenter(), ToyEncoder(), ProposalSettings(points_per_side=3))
    bank = toy_bank(("a", "b"), reference_rows([[1] * 6, [2] * 6], [0, 1]))
    unlike = toy_proposals(squares((0, 0, 3, 3)), [0.9], [[-1, -1]])
    for found in (match(empty, bank), match(unlike, TWO)):
        assert len(found) == 0
        assert found.boxes.shape == (0, 4)
        assert found.masks == []
        assert found.scores.shape == found.nearest.shape == found.margins.shape == (0,)


def test_another_encoder_is_refused() -> None:
    require_encoder(TWO, "toy-encoder:1")
    with pytest.raises(ModelError, match="made with the encoder toy-encoder:1, not with toy:9"):
        require_encoder(TWO, "toy:9")
