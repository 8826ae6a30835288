"""Which of a bank's calibrations holds for what is asked.

A calibration names the hash of the bank's content that it was made with. It goes wherever the bank
goes; where references or negatives changed since, it is still there, and refused.
"""

from __future__ import annotations

from typing import Any

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.calibration import Calibration
from fiftyone_ntt.core.settings import MatchSettings, Mode, ProposalSettings, scoring_of
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.bank_identity import bank_hash


def find_calibration(
    bank: MemoryBank, mode: Mode, matching: MatchSettings, proposals: ProposalSettings
) -> Calibration:
    """The calibration of a bank that holds for a mode, its matching and proposals.

    Args:
        bank: as it is now.
        mode: of the method.
        matching: its threshold does not matter.
        proposals: their settings.

    Raises:
        InputError: there is none, or the bank has changed since.
    """
    alike = [
        known
        for known in bank.calibrations
        if (known.mode, known.proposals) == (mode, proposals.identity())
    ]
    fitting = [known for known in alike if known.matching == matching.ranking(scoring_of(mode))]
    content = bank_hash(bank) if fitting else ""
    for known in fitting:
        if known.bank == content:
            return known
    name, wanted = f"memory bank {bank.name!r}", f"mode {mode!r} with {_told(proposals.identity())}"
    if fitting:
        raise InputError(
            f"{name} has changed since it was calibrated: its scores mean something else now. Run "
            "`calibrate` again."
        )
    if alike:
        raise InputError(
            f"{name} was calibrated for {wanted}, but for instances that were chosen otherwise "
            "(one per object, cleaned masks, or an earlier version's way). Run `calibrate` with "
            "the same settings."
        )
    others = ", ".join(f"{c.mode!r} with {_told(c.proposals)}" for c in bank.calibrations)
    remedy = f"It has one for {others}. " if others else ""
    raise InputError(f"{name} has no calibration for {wanted}. {remedy}Run `calibrate` for it.")


def _told(proposals: dict[str, Any]) -> str:
    crops = f" and {proposals['crops']} crops" if proposals.get("crops") else ""
    return f"{proposals.get('points_per_side')} points per side{crops}"
