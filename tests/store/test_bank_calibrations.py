"""Calibrations in a bank's file: they come back whole, or the file is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fiftyone_ntt.core.calibration import Calibration, Judged, Setting, calibrated
from fiftyone_ntt.core.settings import BEST_SCORING, MatchSettings
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.bank_file import bank_bytes, bank_from_bytes
from fiftyone_ntt.store.bank_identity import bank_hash
from tests.store.test_bank_file import example

BANK = example()


def made() -> Calibration:
    scores = np.linspace(0, 1, 60)
    judged = Judged(np.arange(60) % 2, scores, scores > 0.4, np.arange(60) // 5)
    proposals = {"points_per_side": 16, "iou_threshold": 0.4}
    matching = MatchSettings().ranking(BEST_SCORING)
    setting = Setting("reference images", "best", "sam2:1", bank_hash(BANK), matching, proposals)
    return calibrated(judged, BANK.classes, setting)


def test_a_calibration_comes_back_whole() -> None:
    known = made()
    content = bank_bytes(BANK.with_calibration(known))
    back = bank_from_bytes(content, "test")
    [found] = back.calibrations
    assert bank_bytes(back) == content
    assert repr(found) == repr(known) and found.key == known.key
    assert found.thresholds(0.8) == known.thresholds(0.8)
    np.testing.assert_array_equal(found.chances, known.chances)
    np.testing.assert_array_equal(found.right, known.right)
    assert (found.prior, found.bank, found.source) == (known.prior, known.bank, known.source)


def test_a_bank_without_has_the_bytes_it_always_had() -> None:
    assert b"calibrations" not in bank_bytes(BANK)
    assert bank_hash(BANK.with_calibration(made())) == bank_hash(BANK)


def test_one_of_the_same_mode_and_proposals_takes_the_place() -> None:
    known = made()
    other = replace(known, mode="paper")
    bank = BANK.with_calibration(known).with_calibration(other).with_calibration(known)
    assert [found.mode for found in bank.calibrations] == ["paper", "best"]


@pytest.mark.parametrize(
    "changes",
    [
        {"chances": np.full((2, 100), np.nan)},
        {"chances": np.full((2, 100), 1.5)},
        {"chances": np.linspace(1, 0, 200).reshape(2, 100)},
        {"chances": np.zeros((3, 100))},
        {"found": np.full((2, 100), -1)},
        {"source": "a dream"},
        {"proposals": ["points_per_side", 16]},
        {"images": "many"},
    ],
)
def test_nonsense_is_refused(changes: dict, unchecked: None) -> None:
    bank = BANK.with_calibration(made())
    broken = replace(bank, calibrations=(replace(made(), **changes),))
    with pytest.raises(StoreError, match="does not fit together"):
        bank_from_bytes(bank_bytes(broken), "test")


def test_a_bank_with_fewer_classes_can_be_read_again() -> None:
    """Its calibrations have a row for each class that there was."""
    bank = BANK.with_calibration(made())
    rows = BANK.references.classes
    whole = bank.without_references([]).calibrations
    assert len(whole) == 1
    fewer = bank.without_references(np.flatnonzero(rows == 0).tolist())
    assert fewer.calibrations == ()
    assert bank_from_bytes(bank_bytes(fewer), "test").classes == BANK.classes[1:]
