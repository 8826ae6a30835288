"""Calibrations of the banks on a dataset: they are kept in the bank, and go wherever it goes."""

from __future__ import annotations

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.calibration import Calibration
from fiftyone_ntt.core.settings import MatchSettings, ProposalSettings, check_stored_mode
from fiftyone_ntt.dataset.banks.bank_memory import kept_bank
from fiftyone_ntt.dataset.banks.saved_banks import change_memory_bank
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.store.calibration_lookup import find_calibration


@needs_database
def load_calibration(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    *,
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    one_per_object: bool = False,
    least_island: float = 0.0,
    fill_holes: bool = False,
) -> Calibration:
    """What `calibrate` found out about a bank.

    Args:
        samples: the dataset, or a view of it.
        bank: a bank, or the name of one saved on the dataset.
        mode: of the method; see `segment`.
        points_per_side: of the proposals; see `segment`.
        crops: likewise.
        one_per_object, least_island, fill_holes: of the instances; likewise.

    Raises:
        InputError: no such bank, it was not calibrated for this mode, these instances and these
            proposals, or its references or negatives changed since.

    Example:
        >>> found = ntt.calibrate(view, "shapes", "ground_truth", points_per_side=16)
        >>> again = ntt.load_calibration(dataset, "shapes", points_per_side=16)
        >>> again.thresholds() == found.thresholds()
        True
    """
    proposals = ProposalSettings(points_per_side=points_per_side, crops=crops)
    matching = MatchSettings(
        one_per_object=one_per_object, least_island=least_island, fill_holes=fill_holes
    )
    found = kept_bank(samples._root_dataset, bank) if isinstance(bank, str) else bank
    return find_calibration(found, check_stored_mode(mode), matching, proposals)


def save_calibration(samples: foc.SampleCollection, name: str, calibration: Calibration) -> None:
    """Keep a calibration with a bank of a dataset.

    Raises:
        InputError: no such bank.
    """
    change_memory_bank(samples, name, lambda bank: bank.with_calibration(calibration))
