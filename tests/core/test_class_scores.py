"""What other modes add to the paper's scores, against the formulas written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fiftyone_ntt.core.class_scores import class_similarity, raw_scores, suppression_ranks
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.settings import BEST_SCORING, PAPER_SCORING, MatchSettings, Scoring
from tests.core.test_matching import squares
from tests.core.toy_models import reference_rows, toy_bank, toy_proposals

SOFT = Scoring(reference_temperature=0.05)
BANK = toy_bank(
    ("a", "b"), reference_rows([[2, 0, 0], [0, 1, 0], [0, 0, 3], [0.6, 0, 0.8]], [0, 1, 1, 0])
)


def random_units(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.01, 0.05, 1.0])
def test_softmax_over_the_references_by_the_formula(temperature: float) -> None:
    features = random_units(20)
    units = BANK.references.prototypes / np.linalg.norm(
        BANK.references.prototypes, axis=1, keepdims=True
    )
    found = class_similarity(features, BANK, None, Scoring(reference_temperature=temperature))
    for row, feature in zip(found, features, strict=True):
        for label in (0, 1):
            cosines = units[BANK.references.classes == label] @ feature
            soft = temperature * math.log(np.mean(np.exp(cosines.astype(float) / temperature)))
            assert row[label] == pytest.approx(max(soft, 0), abs=1e-5)


def test_of_one_reference_both_are_the_same() -> None:
    bank = toy_bank(("a", "b"), reference_rows([[2, 1, 0], [0, 1, 4]], [1, 0]))
    features = random_units(50)
    np.testing.assert_allclose(
        class_similarity(features, bank, None, SOFT), class_similarity(features, bank), atol=1e-6
    )


def test_a_low_temperature_overflows_nowhere() -> None:
    features = random_units(20)
    found = class_similarity(features, BANK, None, Scoring(reference_temperature=1e-4))
    assert np.isfinite(found).all() and found.max() <= 1 + 1e-5


def test_a_class_of_two_appearances_is_found_between_neither() -> None:
    # Both appearances of `a` lie far from each other; their mean lies where `b` is.
    bank = toy_bank(("a", "b"), reference_rows([[1, 0, 0], [0, 1, 0], [0.6, 0.6, 0.5]], [0, 0, 1]))
    shown = np.array([[0.98, 0, 0.2]], np.float32)
    assert class_similarity(shown, bank).argmax() == 1
    assert class_similarity(shown, bank, None, SOFT).argmax() == 0


def test_negatives_lower_the_soft_similarity_too() -> None:
    negatives = reference_rows([[0, 0, 1]], [1])
    bank = toy_bank(BANK.classes, BANK.references, negatives)
    feature = np.array([[0, 0.6, 0.8]], np.float32)
    plain = class_similarity(feature, BANK, None, SOFT)[0]
    found = class_similarity(feature, bank, MatchSettings(negative_temperature=0.1), SOFT)[0]
    assert found[0] == plain[0]  # no negative of its own
    assert found[1] == pytest.approx(plain[1] * math.exp(-max(0.8 - plain[1], 0) / 0.1), abs=1e-6)


def test_quality_and_the_other_classes_count_by_the_formula() -> None:
    proposals = toy_proposals(squares((0, 0, 5, 5), (8, 8, 12, 12)), [0.9, 0.5], [[1, 0], [0, 1]])
    proposals = replace(proposals, stability=np.array([0.8, 1.0], np.float32))
    similarity = np.array([[0.7, 0.6], [0.2, 0.9]], np.float32)
    paper = raw_scores(similarity, proposals, PAPER_SCORING)
    np.testing.assert_array_equal(paper, similarity.max(axis=1))
    quality = raw_scores(similarity, proposals, Scoring(quality=True))
    np.testing.assert_allclose(quality, [0.7 * 0.9 * 0.8, 0.9 * 0.5], rtol=1e-6)
    found = raw_scores(similarity, proposals, Scoring(class_temperature=0.1))
    shares = [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-7))]
    np.testing.assert_allclose(found, [0.7 * shares[0], 0.9 * shares[1]], rtol=1e-5)


def test_ranks_for_suppression() -> None:
    proposals = toy_proposals(squares((0, 0, 5, 5), (8, 8, 12, 12)), [0.9, 0.6], [[1, 0], [0, 1]])
    proposals = replace(proposals, stability=np.array([0.5, 1.0], np.float32))
    assert suppression_ranks(proposals, PAPER_SCORING).tolist() == proposals.ious.tolist()
    ranks = suppression_ranks(proposals, Scoring(stable_first=True))
    np.testing.assert_allclose(ranks, [0.45, 0.6], rtol=1e-6)


def test_proposals_without_stability_serve_no_mode_that_needs_it() -> None:
    proposals = toy_proposals(squares((0, 0, 5, 5)), [0.9], [[1, 0]])
    bank = toy_bank(("a", "b"), reference_rows([[1, 0], [0, 1]], [0, 1]))
    assert proposals.stability is None and BEST_SCORING.needs_stability
    assert not SOFT.needs_stability and not PAPER_SCORING.needs_stability
    with pytest.raises(ValueError, match="stability of these proposals is unknown"):
        match(proposals, bank, scoring=BEST_SCORING)


def test_by_masks_objects_that_share_no_pixel_stay_whatever_their_boxes() -> None:
    lower, upper = np.tri(20, dtype=bool), ~np.tri(20, k=2, dtype=bool)  # boxes: IoU 0.72
    nearly = lower.copy()
    nearly[:, 0] = False
    proposals = toy_proposals(
        np.stack([lower, upper, nearly]), [0.9, 0.8, 0.7], [[1, 0], [1, 0], [0.8, 0.6]]
    )
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    by_masks = match(proposals, bank, scoring=Scoring(mask_nms_threshold=0.8))
    assert sorted(by_masks.proposals.tolist()) == [0, 1]
    assert match(proposals, bank).proposals.tolist() == [0]
    everything = match(proposals, bank, scoring=Scoring(mask_nms_threshold=1.0))
    assert sorted(everything.proposals.tolist()) == [0, 1, 2]


def test_masks_of_one_box_are_one_without_a_look_at_them() -> None:
    ell = np.ones((20, 20), bool)
    ell[:12, 8:] = False
    whole = np.ones((20, 20), bool)
    proposals = toy_proposals(np.stack([ell, whole]), [0.9, 0.8], [[1, 0], [0.8, 0.6]])
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    found = match(proposals, bank, scoring=Scoring(mask_nms_threshold=0.8))
    assert found.proposals.tolist() == [0]
