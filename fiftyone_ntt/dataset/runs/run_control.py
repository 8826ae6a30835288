"""Pausing, going on with and stopping runs, from any process."""

from __future__ import annotations

import time
from collections.abc import Callable

import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.leases import (
    Holder,
    Lease,
    Reached,
    Request,
    ask,
    free,
    holders,
)
from fiftyone_ntt.errors import InputError

LOOK = 1.0
"""Seconds between two looks of a run at what it was asked to do."""
_NAP = 0.2


class RunControl:
    """What the loop over images asks between two of them.

    Args:
        lease: of the run's field.
        on_pause: called with whether the run is paused now, when that changes.
        counts: what was reached: samples in all, done, failed, and come to in this call.
    """

    def __init__(
        self,
        lease: Lease,
        on_pause: Callable[[bool], None] = lambda paused: None,
        counts: Callable[[], tuple[int, int, int, int]] | None = None,
    ) -> None:
        self._lease = lease
        self._on_pause = on_pause
        self._counts = counts
        self._looked = float("-inf")
        self._began = time.monotonic()
        self._paused = 0.0
        self.cancelled = False

    def proceed(self) -> bool:
        """Whether to go on; waits while the run is paused.

        Raises:
            LeaseLost: another run took the field over.
        """
        if time.monotonic() - self._looked < LOOK:
            return not self.cancelled
        request = self._look()
        if request == "pause":
            self._on_pause(True)
            since = time.monotonic()
            while request == "pause":
                time.sleep(_NAP)
                request = self._look(waiting=True)
            self._paused += time.monotonic() - since
            self._on_pause(False)
        self.cancelled = request == "cancel"
        return not self.cancelled

    def _look(self, *, waiting: bool = False) -> Request | None:
        request = self._lease.beat(None if waiting else self._reached())
        self._looked = time.monotonic()
        return request

    def _reached(self) -> Reached | None:
        if self._counts is None:
            return None
        total, done, failed, here = self._counts()
        if not here:
            # From the first image on: what came before was loading the models.
            self._began, self._paused = time.monotonic(), 0.0
        return Reached(total, done, failed, here, time.monotonic() - self._began - self._paused)


@needs_database
def pause_run(samples: foc.SampleCollection, run: str) -> None:
    """Make a run wait after its current image, in whichever process it goes on.

    What it has finished is written; `resume_run` lets it go on, `cancel_run` ends it.

    Args:
        samples: the dataset, or a view of it.
        run: its key, as `list_prediction_runs` has it.

    Raises:
        InputError: no such run is going on.

    Example:
        >>> [run] = ntt.list_prediction_runs(dataset)
        >>> ntt.pause_run(dataset, run)
        Traceback (most recent call last):
        fiftyone_ntt.errors.InputError: no run 'ntt_predictions_...' is going on in dataset ...
    """
    _ask(samples, run, "pause")


@needs_database
def resume_run(samples: foc.SampleCollection, run: str) -> None:
    """Let a paused run go on.

    Raises:
        InputError: no such run is going on: of one that was interrupted, make the same call again.

    Example:
        >>> def pause_and_go_on(done, total):
        ...     [run] = ntt.list_prediction_runs(view)
        ...     ntt.pause_run(view, run)
        ...     ntt.resume_run(view, run)
        >>> ntt.relabel(view, bank, overwrite=True, progress=pause_and_go_on).skipped
        3
    """
    _ask(samples, run, None)


@needs_database
def cancel_run(samples: foc.SampleCollection, run: str) -> None:
    """End a run after its current image; or free the field that a dead one still holds.

    What it has finished stays, and the same call goes on from there.

    Raises:
        InputError: no such run is going on.

    Example:
        >>> [run] = ntt.list_prediction_runs(dataset)
        >>> ntt.cancel_run(dataset, run)
        Traceback (most recent call last):
        fiftyone_ntt.errors.InputError: no run 'ntt_predictions_...' is going on in dataset ...
    """
    name, holder = _find(samples, run)
    if holder.alive:
        _ask(samples, run, "cancel")
    else:
        free(samples._root_dataset, name, holder.token)


def _ask(samples: foc.SampleCollection, run: str, request: Request | None) -> None:
    name, holder = _find(samples, run)
    if not holder.alive or not ask(samples._root_dataset, name, holder.token, request):
        raise InputError(
            f"run {run} gives no sign of life any more. Make the same call again to go on with it."
        )


def _find(samples: foc.SampleCollection, run: str) -> tuple[str, Holder]:
    found = holders(samples._root_dataset)
    for name, holder in found:
        if holder.run == run:
            return name, holder
    going = ", ".join(holder.run for _, holder in found)
    raise InputError(
        f"no run {run!r} is going on in dataset {samples._root_dataset.name!r}. "
        + (
            f"These are: {going}."
            if going
            else "None is; of one that was interrupted, make the same call again."
        )
    )
