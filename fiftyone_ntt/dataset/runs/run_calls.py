"""What records of runs hold, for those who read them: the status, and the call that a run is made
by, so that it can be made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.view as fov
from fiftyone import ViewField as F

METHODS = ("ntt_segment", "ntt_boxes_to_masks")
"""Kinds of runs that write labels. Not imported from their modules: those need torch, and what is
here does not."""

RUNNING, PAUSED = "RUNNING", "PAUSED"
COMPLETED, CANCELLED, FAILED = "COMPLETED", "CANCELLED", "FAILED"
"""What records note of a run."""

_MOST_BYTES = 1_000_000
"""Of a call: a view that lists a hundred thousand samples one by one is not kept."""


@dataclass(frozen=True)
class RunCall:
    """A call of a function that runs over images.

    Attributes:
        function: its name.
        view: stages of the samples' view, as FiftyOne has them as JSON.
        arguments: all others that are not the bank and the output field, by name.
    """

    function: str
    view: list[dict[str, Any]]
    arguments: dict[str, Any]

    def samples(self, dataset: fo.Dataset) -> foc.SampleCollection:
        """The samples it was made with, as far as they are there still."""
        return fov.DatasetView._build(dataset, self.view) if self.view else dataset


def note_call(
    samples: foc.SampleCollection, function: str, **arguments: Any
) -> dict[str, Any] | None:
    """What is to be noted of a call; None where it cannot be made again from a record.

    Args:
        samples: it is made with.
        function: its name.
        arguments: all others; loaded models and stores have no place in a record.
    """
    stages = samples._serialize() if isinstance(samples, fov.DatasetView) else []
    given = {
        name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()
    }
    call = {"function": function, "view": stages, "arguments": given}
    try:
        text = json.dumps(call)
    except (TypeError, ValueError):
        return None
    # As text: what a view filters by may have keys with dollars and dots.
    return {"json": text} if len(text) <= _MOST_BYTES else None


def call_of_run(config: Mapping[str, Any]) -> RunCall | None:
    """What a run's record says of its call; None where it says nothing."""
    noted = config.get("call")
    if not isinstance(noted, Mapping) or not isinstance(noted.get("json"), str):
        return None
    return RunCall(**json.loads(noted["json"]))


def samples_left(
    dataset: fo.Dataset, field: str, run: str, call: RunCall | None, images: int
) -> int:
    """How many of a run's samples do not have its labels.

    Args:
        dataset: of the run.
        field: it writes to.
        run: its key.
        call: which samples; without it, as many as the record says, of any.
        images: how many it was given.
    """
    if call is not None:
        samples = call.samples(dataset)
        if samples.get_field(field) is None:
            return len(samples)
        return len(samples.match(F(f"{field}.run") != run))
    counting = [{"$match": {f"{field}.run": run}}, {"$count": "done"}]
    done = [int(row["done"]) for row in dataset._sample_collection.aggregate(counting)]
    return max(images - sum(done), 0)
