"""Making the call of a run again, from its record alone."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.banks.saved_banks import load_memory_bank
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.runs.box_segmentation import boxes_to_masks
from fiftyone_ntt.dataset.runs.relabelling import relabel
from fiftyone_ntt.dataset.runs.run_calls import METHODS, call_of_run
from fiftyone_ntt.dataset.runs.runner import SegmentReport
from fiftyone_ntt.dataset.runs.segmentation import segment
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.dataset.work.stored_runs import run_configs
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.bank_identity import bank_hash


@needs_database
def continue_run(
    samples: foc.SampleCollection, run: str, *, progress: Progress = None
) -> SegmentReport:
    """Make a run's call again: of one that was interrupted, cancelled or failed, what is left.

    `resume_run` is for a paused one, of which a process is still at work.

    Args:
        samples: the dataset, or a view of it. The samples are those the run was made with.
        run: its key, as `run_states` has it.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        What the call returns; see `segment`, `relabel` and `boxes_to_masks`.

    Raises:
        InputError: no such run; its record does not tell its call (loaded models, a store that is
            an object, or an earlier version made it); or its bank is not what it was. And what the
            call raises.

    Example:
        >>> [state] = ntt.run_states(dataset)
        >>> ntt.continue_run(dataset, state.run).skipped
        3
    """
    dataset = samples._root_dataset
    config = run_configs(dataset, METHODS, ("field", "bank", "bank_hash", "call")).get(run)
    if config is None:
        raise InputError(f"dataset {dataset.name!r} has no run {run!r} of predictions.")
    call = call_of_run(config)
    if call is None:
        raise InputError(
            f"the record of run {run} does not tell how it was called. Make the same call again; "
            "what it has finished is kept."
        )
    chosen, field = call.samples(dataset), str(config["field"])
    given: dict[str, Any] = {**call.arguments, "progress": progress}
    if call.function == "boxes_to_masks":
        return boxes_to_masks(chosen, given.pop("box_field"), field, **given)
    bank = _bank_of_run(dataset, run, str(config["bank"]), str(config["bank_hash"]))
    function = relabel if call.function == "relabel" else segment
    return function(chosen, bank, field, **given)


def _bank_of_run(dataset: fo.Dataset, run: str, name: str, known: str) -> MemoryBank:
    """The bank that a run was made with.

    Raises:
        InputError: it is gone, or holds something else by now.
    """
    bank = load_memory_bank(dataset, name)
    for found in (bank, bank.without_negatives()):
        if bank_hash(found) == known:
            return found
    raise InputError(
        f"memory bank {name!r} has changed since run {run} was made with it, so the rest would be "
        "another run. Start a new one with the bank as it is now."
    )
