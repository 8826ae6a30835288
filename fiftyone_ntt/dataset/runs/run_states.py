"""What the runs of a dataset are at, as the database has it: the same for every process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import fiftyone as fo
import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.runs.run_calls import (
    CANCELLED,
    FAILED,
    METHODS,
    PAUSED,
    RUNNING,
    call_of_run,
    samples_left,
)
from fiftyone_ntt.dataset.work.leases import Holder, Reached, holders
from fiftyone_ntt.dataset.work.stored_runs import run_configs, run_values
from fiftyone_ntt.errors import InputError

RunStatus = Literal[
    "running", "pausing", "paused", "cancelling", "interrupted", "cancelled", "failed", "completed"
]
"""`pausing` and `cancelling` are asked for and not done yet; `interrupted` runs gave no sign of
life any more before they ended."""

GOING: tuple[RunStatus, ...] = ("running", "pausing", "paused", "cancelling")
"""Those of which a process is at work."""

_ASKED: dict[str | None, RunStatus] = {"pause": "pausing", "cancel": "cancelling"}
_UNKNOWN_TIME = "1970-01-01T00:00:00+00:00"
_NOTED = ("field", "status", "bank", "updated", "done", "failed", "reason", "images", "told")


@dataclass(frozen=True)
class RunState:
    """What a run is at.

    Attributes:
        run: its key.
        field: the field written to.
        bank: name of the bank, if it has one.
        status: what it is at.
        images: samples that it was given; None of runs of earlier versions.
        done: of them, those that have its labels. What it has come to and not written yet counts
            as long as the run goes on.
        failed: of them, those that it could not do; see `run_failures`.
        left: of them, those that it has not come to; None where that is not known.
        rate: samples per second of the work that goes on; None of others.
        reason: why it ended before its end, if it did.
        told: what became of labels, for people, such as `124 detections, 137 of other runs
            replaced`; of a run that was continued, in its last part. None while it goes on.
        updated: when it began, was paused or ended, UTC.
        process: where it goes on, for people; None of others.
        continuable: whether `continue_run` can make its call again.

    Example:
        >>> [state] = ntt.run_states(dataset)
        >>> state.field, state.status, state.done, state.images, state.left
        ('predictions', 'completed', 3, 3, 0)
        >>> numbers = {"images": 40, "done": 10, "failed": 2, "left": 28, "rate": 3.5}
        >>> others = {"reason": None, "process": None, "continuable": True}
        >>> told = {"bank": "shapes", "status": "running", "updated": state.updated}
        >>> ntt.RunState("ntt_found_1f0c7a3e", "found", **numbers, **others, **told).seconds_left
        8.0
    """

    run: str
    field: str
    bank: str | None
    status: RunStatus
    images: int | None
    done: int
    failed: int
    left: int | None
    rate: float | None
    reason: str | None
    updated: datetime
    process: str | None
    continuable: bool
    told: str | None = None

    @property
    def seconds_left(self) -> float | None:
        """Of a run that goes on, how long it will take still; None where that is not known."""
        return self.left / self.rate if self.left is not None and self.rate else None


@needs_database
def run_states(samples: foc.SampleCollection) -> list[RunState]:
    """What the runs that write labels are at: those that go on first, the latest before the others.

    Args:
        samples: the dataset, or a view of it.

    Example:
        >>> [(state.status, state.done) for state in ntt.run_states(dataset)]
        [('completed', 3)]
    """
    dataset = samples._root_dataset
    # First who is at work: a run that ends in between is noted as ended by then.
    held = {holder.run: holder for _, holder in holders(dataset)}
    configs = run_configs(dataset, METHODS, (*_NOTED, "call"))
    latest = sorted(configs, key=lambda key: str(configs[key].get("updated")))
    last_of_field = {configs[key].get("field"): key for key in latest}
    states = [
        _state(dataset, key, configs[key], held.get(key), last_of_field.values())
        for key in reversed(latest)
    ]
    return sorted(states, key=lambda state: state.status not in GOING)


@needs_database
def run_failures(samples: foc.SampleCollection, run: str) -> dict[str, str]:
    """Why samples failed in a run, by their ids.

    Args:
        samples: the dataset, or a view of it.
        run: its key, as `run_states` has it.

    Raises:
        InputError: no such run.

    Example:
        >>> [state] = ntt.run_states(dataset)
        >>> ntt.run_failures(dataset, state.run)
        {}
    """
    dataset = samples._root_dataset
    config = run_configs(dataset, METHODS, ("failed",)).get(run)
    if config is None:
        raise InputError(f"dataset {dataset.name!r} has no run {run!r} of predictions.")
    if not config.get("failed"):
        return {}  # what is kept may be of an earlier part of the same run
    found = (run_values(dataset, run) or {}).get("failures", {})
    return {str(key): str(reason) for key, reason in found.items()}


def _state(
    dataset: fo.Dataset,
    key: str,
    config: Mapping[str, Any],
    holder: Holder | None,
    counted: Collection[str],
) -> RunState:
    going = holder is not None and holder.alive
    status = _status(str(config.get("status")), holder if going else None)
    reached = holder.reached if going and holder is not None else None
    images = config.get("images")
    done, failed = config.get("done") or 0, config.get("failed") or 0
    if reached is not None:
        images, done, failed = reached.total, reached.done, reached.failed
    left = None if images is None else max(images - done - failed, 0)
    call = call_of_run(config)
    if status == "interrupted" and images is not None:
        # Nobody noted how far it came: the samples tell, unless a later run wrote there since.
        known = key in counted
        left = samples_left(dataset, str(config["field"]), key, call, images) if known else None
        done = done if left is None else max(images - left, 0)
    return RunState(
        run=key,
        field=str(config.get("field")),
        bank=config.get("bank"),
        status=status,
        images=images,
        done=done,
        failed=failed,
        left=left,
        rate=_rate(reached),
        reason=config.get("reason"),
        updated=datetime.fromisoformat(config.get("updated") or _UNKNOWN_TIME),
        process=holder.process if going and holder is not None else None,
        continuable=call is not None,
        told=config.get("told"),
    )


def _status(noted: str, holder: Holder | None) -> RunStatus:
    if holder is None:
        return "interrupted" if noted in (RUNNING, PAUSED) else _ended(noted)
    if noted == PAUSED and holder.request == "pause":
        return "paused"
    return _ASKED.get(holder.request, "running")


def _ended(noted: str) -> RunStatus:
    known: dict[str, RunStatus] = {CANCELLED: "cancelled", FAILED: "failed"}
    return known.get(noted, "completed")


def _rate(reached: Reached | None) -> float | None:
    if reached is None or reached.here < 1 or reached.seconds <= 0:
        return None
    return reached.here / reached.seconds
